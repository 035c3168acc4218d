package node

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// assignFor answers a client's question which server shall do its job. The same job gets the same answer for as long
// as its server lives and the client can use it.
func (c *core) assignFor(now time.Time, w caller, m wire.TaskAssignmentRequest) {
	r, known := c.ledger.Get(m.Job)
	if known && !bytes.Equal(r.Owner, w.owner) {
		m.Avoid = nil // a job's id is public: who asks from elsewhere may learn where it is, but not move it
	} else {
		c.callers[m.Job] = w
	}
	if code := c.elect.Ready(now); code != wire.CodeOK {
		c.decline(now, w, m.Job, code, time.Second/4, c.whyNot(code))
		return
	}
	if !c.reign.ready {
		c.decline(now, w, m.Job, wire.CodeNoLeader, time.Second/10, "a new leader is still merging ledgers")
		return
	}
	if c.clogged() || len(c.confirms) >= maxConfirms {
		c.decline(now, w, m.Job, wire.CodeBusy, time.Second, "too many assignments under way")
		return
	}
	switch {
	case !known:
		c.assignNew(now, w, m)
	case r.State == wire.Acked, r.State == wire.Cancelled:
		code, why := closing(r)
		c.decline(now, w, m.Job, code, 0, why)
	case r.State == wire.Failed && final(r.Code):
		c.decline(now, w, m.Job, r.Code, 0, "the job has failed")
	case r.State != wire.Failed && c.usable(r.Server, m.Avoid):
		c.confirmFor(now, w, r)
	case r.Attempt >= maxAttempt:
		c.decline(now, w, m.Job, wire.CodeInternal, 0, "no attempt is left")
	default:
		c.reassignFor(now, w, m, r)
	}
}

const maxConfirms = 8192

// closing says why a job that has ended for good is not begun again.
func closing(r wire.Record) (wire.Code, string) {
	switch {
	case r.State != wire.Cancelled:
		return wire.CodeExpired, "the job is already " + r.State.String()
	case r.Code == wire.CodeExpired:
		return wire.CodeExpired, "the job's result was not fetched before its place was needed"
	}
	return wire.CodeCancelled, "the job is already " + r.State.String()
}

// final reports whether a failure with this code would only repeat on another server.
func final(code wire.Code) bool {
	switch code {
	case wire.CodeBadImage, wire.CodeUnsupported, wire.CodeTooManyPixels, wire.CodeCapacity, wire.CodeConflict:
		return true
	}
	return false
}

func (c *core) whyNot(code wire.Code) string {
	if code == wire.CodeNoQuorum {
		return "no majority of voters is in touch; jobs wait until one is"
	}
	return "no leader yet"
}

func (c *core) assignNew(now time.Time, w caller, m wire.TaskAssignmentRequest) {
	if c.ledger.Owned(w.owner) >= c.cfg.MaxOwned {
		c.decline(now, w, m.Job, wire.CodeQuota, 2*time.Second, "too many unfinished jobs of this client")
		return
	}
	c.place(now, w, m, wire.Record{Job: m.Job, Client: m.Client, Request: m.Request, Owner: w.owner, Size: m.Size})
}

// reassignFor gives a job whose server is gone, or out of the client's reach, to another. Where there is no other, the
// same one comes back after a while: it may have recovered.
func (c *core) reassignFor(now time.Time, w caller, m wire.TaskAssignmentRequest, r wire.Record) {
	if since := now.Sub(c.touched[m.Job]); slices.Contains(m.Avoid, r.Server) && since < sameServerAfter && !c.otherThan(m.Avoid) {
		c.decline(now, w, m.Job, wire.CodeBusy, sameServerAfter-since, "no other server than the one that failed")
		return
	}
	c.place(now, w, m, r)
}

const sameServerAfter = 500 * time.Millisecond

// place makes the record of the next attempt and has it confirmed.
func (c *core) place(now time.Time, w caller, m wire.TaskAssignmentRequest, r wire.Record) {
	if r.Attempt >= maxAttempt {
		c.decline(now, w, m.Job, wire.CodeExpired, 0, "too many attempts")
		return
	}
	r = c.next(r, m.Avoid)
	c.touched[r.Job] = now
	if err := c.launch(now, r, &w); err != nil {
		delete(c.touched, r.Job)
		c.decline(now, w, m.Job, wire.CodeBusy, 5*time.Second, "the ledger is full")
	}
}

// next returns r as assigned anew by this leader.
func (c *core) next(r wire.Record, avoid []wire.NodeID) wire.Record {
	epoch, leader, _, _ := c.elect.Beat()
	r.Attempt++
	r.State, r.Code, r.Result = wire.Assigned, wire.CodeOK, wire.Digest{}
	r.Epoch, r.Leader = epoch, leader
	r.Server = c.choose(avoid)
	return r
}

// launch records an assignment; the client is answered when it is durable. What no peer would take in is none.
func (c *core) launch(now time.Time, r wire.Record, w *caller) error {
	if err := Valid(r); err != nil {
		return err
	}
	f := newConfirm(now, r)
	if w != nil {
		f.asker, f.waiting = *w, true
	}
	c.confirms[r.Job] = f
	n, err := c.record(now, r, Batch{})
	if err != nil {
		delete(c.confirms, r.Job)
		return err
	}
	c.ownDisk(now, n, f)
	return nil
}

// usable reports whether a job can stay with a server.
func (c *core) usable(id wire.NodeID, avoid []wire.NodeID) bool {
	if slices.Contains(avoid, id) {
		return false
	}
	p := c.peers[id]
	return id == c.cfg.self || p != nil && p.live()
}

func (c *core) otherThan(avoid []wire.NodeID) bool {
	for _, s := range c.candidates() {
		if !slices.Contains(avoid, s.id) {
			return true
		}
	}
	return false
}

// standIn is a server a job could go to, with what speaks against it.
type standIn struct {
	id   wire.NodeID
	cost int
}

// candidates returns the servers that could take a job, cheapest first: reported CPU and memory, and every job the
// ledger says it has or has been promised. Counting promises keeps a herd from following one stale report.
func (c *core) candidates() []standIn {
	s := []standIn{{c.cfg.self, c.cost(c.cfg.self, c.load)}}
	for _, p := range c.live() {
		if p.standing == election.Alive && p.beat.Sequence > 0 {
			s = append(s, standIn{p.id, c.cost(p.id, p.beat.Load)})
		}
	}
	slices.SortStableFunc(s, func(a, b standIn) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), a.id.Compare(b.id))
	})
	return s
}

func (c *core) cost(id wire.NodeID, l wire.Load) int {
	jobs := max(len(c.ledger.Held(id)), int(l.Active))
	return int(l.CPU)/2 + int(l.Memory)/5 + 300*jobs
}

// choose returns the cheapest server that is not to be avoided; if all are, the cheapest.
func (c *core) choose(avoid []wire.NodeID) wire.NodeID {
	s := c.candidates()
	for _, x := range s {
		if !slices.Contains(avoid, x.id) {
			return x.id
		}
	}
	return s[0].id
}
