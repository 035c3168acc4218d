package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

func (d counter) status(ctx context.Context) ([]byte, error) {
	var s Status
	if err := d.loop.do(ctx, func(now time.Time, c *core) { s = c.status(now) }); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

func (d counter) seen(job wire.JobID) {
	d.loop.tell(func(now time.Time, c *core) { c.seen(now, job) })
}

func (d counter) active(delta int) {
	d.loop.tell(func(_ time.Time, c *core) { c.busy(delta) })
}
