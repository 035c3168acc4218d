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

// watch waits for the stream of an attempt. While no bytes move it asks the cluster what became of the job, and when the
// leader has given it to another server it ends the stream; one on which bytes still flow is let finish.
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
		if e.moved && e.still(stillAfter) {
			cancel(errMoved)
		}
		if e.still(pollEvery) && time.Since(polled) >= pollEvery {
			polled = time.Now()
			e.search.poll()
			e.cl.mail.post(ctx, e.search.Take()) // an error of ctx: the stream ends by itself
		}
	}
}

// still reports whether no byte has moved for a while. A result that is whole needs none.
func (e *errand) still(d time.Duration) bool {
	return !e.verified.Load() && time.Since(time.Unix(0, e.active.Load())) >= d
}

// heed takes note of what servers say of the job while its stream is open.
func (e *errand) heed(ev wire.Event, a *assignment) {
	if e.search.member(ev) == nil {
		return
	}
	switch m := ev.Message.(type) {
	case wire.TaskMoved:
		e.moved = e.moved || m.Job == e.id && m.Attempt > a.Attempt
	case wire.TaskStatusResponse:
		e.moved = e.moved || m.Job == e.id && m.Attempt > a.Attempt
	}
}
