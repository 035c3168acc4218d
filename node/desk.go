package node

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"p2pnode/wire"
)

// ErrForgotten means that the ledger does not know a job (any more).
var ErrForgotten = errors.New("node: the ledger does not know this job")

// counter is the desk at which workers ask the loop.
type counter struct{ loop *loop }

func (d counter) begin(ctx context.Context, t task) (v verdict, err error) {
	err = d.loop.do(ctx, func(now time.Time, c *core) { v = c.begin(now, t) })
	return v, err
}

func (d counter) finish(ctx context.Context, job wire.JobID, o outcome) error {
	return d.commit(ctx, func(now time.Time, c *core) (uint64, error) { return c.finish(now, job, o) })
}

func (d counter) ack(ctx context.Context, job wire.JobID, _ wire.Digest) error {
	return d.commit(ctx, func(now time.Time, c *core) (uint64, error) { return c.close(now, job, wire.Acked) })
}

func (d counter) cancel(ctx context.Context, job wire.JobID) error {
	return d.commit(ctx, func(now time.Time, c *core) (uint64, error) { return c.close(now, job, wire.Cancelled) })
}

// commit changes the core and waits until the change is on disk.
func (d counter) commit(ctx context.Context, f func(now time.Time, c *core) (uint64, error)) error {
	var n uint64
	var failed error
	if err := d.loop.do(ctx, func(now time.Time, c *core) { n, failed = f(now, c) }); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("record job: %w", failed)
	}
	return d.loop.durable(ctx, n)
}

func (d counter) stored(ctx context.Context, job wire.JobID) (m *Mine, err error) {
	err = d.loop.do(ctx, func(now time.Time, c *core) {
		if held := c.mine[job]; held != nil {
			copied := *held
			m = &copied
			c.seen(now, job)
		}
	})
	return m, err
}

func (d counter) report(ctx context.Context, q wire.Query, v viewer) (answer any, err error) {
	most := int(min(q.Max, math.MaxInt32))
	jobs := JobsQuery{State: q.State, Max: most, Page: q.Page, Scope: v.scope(), owner: v.owner}.bounded()
	found := true
	ask := func(f func(now time.Time, c *core)) error { return d.loop.do(ctx, f) }
	switch q.What {
	case "status":
		err = ask(func(now time.Time, c *core) { answer = c.status(now) })
	case "peers":
		err = ask(func(now time.Time, c *core) { answer = c.peersReport(now) })
	case "jobs":
		err = ask(func(_ time.Time, c *core) { answer = c.jobsReport(jobs) })
	case "job":
		err = ask(func(_ time.Time, c *core) { answer, found = c.jobReport(q.Job, jobs) })
	case "events":
		return d.loop.events(ctx, EventsQuery{
			After: q.After, Run: q.Run, Max: most, Wait: time.Duration(q.Wait) * time.Millisecond, Job: q.Job, Scope: v.scope(), owner: v.owner,
		})
	default:
		return nil, &RemoteError{Code: wire.CodeUsage, Detail: "reports: status, peers, jobs, job, events"}
	}
	if err == nil && !found {
		err = noSuchJob(jobs.Scope)
	}
	return answer, err
}

// noSuchJob does not tell whether there is a job that the asker may not see.
func noSuchJob(s Scope) error {
	if s == ScopeOwn {
		return &RemoteError{Code: wire.CodeNotFound, Detail: "no such job of this address; with the peer token all jobs are shown"}
	}
	return &RemoteError{Code: wire.CodeNotFound, Detail: "the ledger does not know this job"}
}

func (d counter) fault(ctx context.Context, down time.Duration) error {
	return d.order(ctx, func(now time.Time, c *core) error { return c.fault(now, down) })
}

func (d counter) stepDown(ctx context.Context) error {
	return d.order(ctx, func(now time.Time, c *core) error { return c.stepDown(now) })
}

// order has the core do something, which it may refuse.
func (d counter) order(ctx context.Context, f func(now time.Time, c *core) error) error {
	var refused error
	if err := d.loop.do(ctx, func(now time.Time, c *core) { refused = f(now, c) }); err != nil {
		return err
	}
	return refused
}

func (d counter) seen(job wire.JobID) {
	d.loop.tell(func(now time.Time, c *core) { c.seen(now, job) })
}

func (d counter) active(delta int) {
	d.loop.tell(func(_ time.Time, c *core) { c.busy(delta) })
}
