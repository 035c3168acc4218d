package node

import (
	"time"

	"p2pnode/wire"
)

// What workers ask of the core: each is one call on the loop.

// begin decides whether this node does a job, and marks it RUNNING if so.
func (c *core) begin(now time.Time, t task) verdict {
	switch {
	case c.stopping:
		return refuse(wire.CodeBusy, "this server is stopping", time.Second/4)
	case c.clogged():
		return refuse(wire.CodeBusy, "the store is behind", time.Second)
	}
	if m := c.mine[t.Job]; m != nil {
		return c.again(now, t, m)
	}
	r, known := c.ledger.Get(t.Job)
	if v, no := c.refusal(t, r, known); no {
		return v
	}
	return c.start(now, t, r, known)
}

// again serves a job whose result is here already, if it is the same job.
func (c *core) again(now time.Time, t task, m *Mine) verdict {
	if m.Image != t.Request.Image || m.Request != t.Content {
		return refuse(wire.CodeConflict, "this job id was used for another image, text or option", 0)
	}
	c.seen(now, t.Job)
	r, _ := c.ledger.Get(t.Job)
	return verdict{Stored: m, Attempt: r.Attempt}
}

// refusal says why a job cannot be begun here, as the ledger has it.
func (c *core) refusal(t task, r wire.Record, known bool) (verdict, bool) {
	switch {
	case !known && t.Request.Attempt > maxAttempt, known && t.Request.Attempt > r.Attempt+maxAttempt:
		return refuse(wire.CodeUnauthorized, "no leader can have assigned this attempt", 0), true
	case !known && c.ledger.Owned(t.Owner) >= c.cfg.MaxOwned:
		return refuse(wire.CodeQuota, "too many unfinished jobs of this client", 2*time.Second), true
	case !known:
		return verdict{}, false
	case r.State == wire.Acked, r.State == wire.Cancelled:
		code, why := closing(r)
		return refuse(code, why, 0), true
	case r.Attempt > t.Request.Attempt, r.Attempt == t.Request.Attempt && r.Server != c.cfg.self:
		return refuse(wire.CodeBusy, "the job has moved to "+c.nameOf(r.Server), time.Second/20), true
	case r.Attempt == t.Request.Attempt && r.State == wire.Failed:
		return refuse(r.Code, "this attempt has failed", retryUnlessFinal(r.Code)), true
	}
	return verdict{}, false
}

func retryUnlessFinal(code wire.Code) time.Duration {
	if final(code) {
		return 0
	}
	return time.Second / 10
}

func refuse(code wire.Code, why string, retry time.Duration) verdict {
	return verdict{Code: code, Detail: why, Retry: retry}
}

// start records the job as RUNNING here. A record the leader's HistoryAdd has not brought yet is made from the request.
func (c *core) start(now time.Time, t task, r wire.Record, known bool) verdict {
	q := t.Request
	if !known || q.Attempt > r.Attempt {
		r = wire.Record{
			Job: t.Job, Attempt: q.Attempt, Epoch: q.Epoch, Leader: q.Leader, Server: c.cfg.self,
			Client: clip(q.Client, clientNameMax), Request: q.Request, Owner: t.Owner, Size: q.Size,
		}
	}
	r.State = wire.Running
	if err := Valid(r); err != nil {
		return refuse(wire.CodeUnauthorized, err.Error(), 0)
	}
	if _, err := c.record(now, r, Batch{}); err != nil {
		return refuse(wire.CodeBusy, "the ledger is full", 5*time.Second)
	}
	c.touched[t.Job] = now
	c.begun[t.Job] = r.Attempt
	return verdict{Attempt: r.Attempt}
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// finish records a job's outcome; it is durable once batch n is.
func (c *core) finish(now time.Time, job wire.JobID, o outcome) (n uint64, err error) {
	r, known := c.ledger.Get(job)
	var b Batch
	switch o.Code {
	case wire.CodeOK:
		b = c.keep(now, job, o.Mine, r, known)
	case wire.CodeIO:
		c.makeRoom(now)
	}
	if !known {
		return 0, ErrForgotten
	}
	if r.Server != c.cfg.self || !working(r.State) {
		return c.put(b), nil // moved meanwhile: the result stays, the record is another's
	}
	r.State, r.Result, r.Code = wire.Done, o.Mine.Result, o.Code
	if o.Code != wire.CodeOK {
		r.State, r.Result = wire.Failed, wire.Digest{}
	}
	return c.record(now, r, b)
}

// keep takes in a result, unless its job is forgotten: its file then goes. That of a job which ended meanwhile, with another
// server's result or none, will hardly be asked for.
func (c *core) keep(now time.Time, job wire.JobID, m Mine, r wire.Record, known bool) (b Batch) {
	c.drops = append(c.drops, chore{result: m.Result, letGo: true})
	if !known {
		c.drop(m.Result)
		return b
	}
	m.Job = job
	c.mine[job] = &m
	c.done++
	if r.State == wire.Acked || r.State == wire.Cancelled {
		c.retire(now, job)
	}
	return Batch{Mine: []Mine{m}}
}

// close ends a job for good: ACKED by its client, or CANCELLED.
func (c *core) close(now time.Time, job wire.JobID, s wire.State) (n uint64, err error) {
	r, known := c.ledger.Get(job)
	if !known {
		return c.queued, nil
	}
	r.State = s
	return c.record(now, r, Batch{})
}

// seen takes a sign of a job's client.
func (c *core) seen(now time.Time, job wire.JobID) {
	if _, ok := c.touched[job]; ok {
		c.touched[job] = now
	}
}
