package node

import (
	"context"
	"time"

	"p2pnode/wire"
)

const (
	watchEvery = 250 * time.Millisecond
	pollEvery  = time.Second
	stillAfter = 300 * time.Millisecond // without a byte, a stream whose job has moved is dropped
)

// watch waits for the stream of an attempt. While no bytes move it asks the cluster what became of the job. When the leader
// has given it to another server, or its own has been started anew, it ends the stream; one on which bytes still flow is
// let finish. (A new process tells of the old one's death only in answer to packets larger than a keep-alive.)
func (e *errand) watch(ctx context.Context, cancel context.CancelCauseFunc, done <-chan error, a *assignment) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	polled := time.Now()
	for {
		select {
		case err := <-done:
			return err
		case ev := <-e.events:
			e.heed(ev, a)
		case <-tick.C:
		}
		if e.moved != nil && e.still(stillAfter) {
			cancel(e.moved)
		}
		if e.still(pollEvery) && time.Since(polled) >= pollEvery {
			polled = time.Now()
			e.search.poll(polled)
			e.cl.mail.post(ctx, e.search.Take()) // an error of ctx: the stream ends by itself
		}
	}
}

// still reports whether no byte has moved for a while. A result that is whole needs none.
func (e *errand) still(d time.Duration) bool {
	return !e.verified.Load() && time.Since(e.active.last()) >= d
}

// heed takes note of what servers say of the job while its stream is open.
func (e *errand) heed(ev wire.Event, a *assignment) {
	if m, ok := ev.Message.(wire.LeaderResponse); ok {
		e.search.answered(time.Now(), ev, m)
	}
	if e.search.member(ev) == nil {
		return
	}
	switch m := ev.Message.(type) {
	case wire.LeaderResponse:
		if ev.Peer == a.Server.ID && !e.boot.IsZero() && ev.Boot != e.boot {
			e.moved = errReborn
		}
	case wire.TaskMoved:
		e.follow(m.Job, m.Attempt, a)
	case wire.TaskStatusResponse:
		e.follow(m.Job, m.Attempt, a)
	}
}

// follow takes the word of a server that a job has a later attempt than the present one.
func (e *errand) follow(job wire.JobID, attempt uint32, a *assignment) {
	if e.moved == nil && job == e.id && attempt > a.Attempt {
		e.moved = errMoved
	}
}
