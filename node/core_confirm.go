package node

import (
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// confirm follows one assignment until enough nodes hold it (PROTOCOL.md §8): then its client is answered.
type confirm struct {
	rec     wire.Record
	began   time.Time
	own     bool                 // on this node's disk
	holders map[wire.NodeID]bool // on these peers' disks
	sent    map[wire.NodeID]bool // on its way to these peers
	asker   caller               // whom to answer
	waiting bool                 // it waits for the answer
	durable bool                 // enough hold it
}

// replica is a HistoryAdd on its way whose acknowledgement counts.
type replica struct {
	peer wire.NodeID
	id   uint64
}

const (
	notDurableAfter = 500 * time.Millisecond // available mode answers then, and says so
	confirmKept     = time.Minute
)

func newConfirm(now time.Time, r wire.Record) *confirm {
	return &confirm{rec: r, began: now, holders: map[wire.NodeID]bool{}, sent: map[wire.NodeID]bool{}}
}

// replicate sends a record that has to be confirmed to the live peers it is not at, nor on its way to.
func (c *core) replicate(now time.Time, f *confirm) {
	for _, p := range c.live() {
		if f.holders[p.id] || f.sent[p.id] {
			continue
		}
		if id, err := c.ep.Send(now, p.id, wire.HistoryAdd{Record: f.rec}); err == nil {
			c.replicas[replica{p.id, id}] = f.rec.Job
			f.sent[p.id] = true
		}
	}
}

// confirmFor answers for a record that is already there, after replicating it under this leadership if that was not done.
func (c *core) confirmFor(now time.Time, w caller, r wire.Record) {
	f := c.confirms[r.Job]
	if f == nil || f.rec.Attempt != r.Attempt {
		f = newConfirm(now, r)
		c.confirms[r.Job] = f
		c.replicate(now, f)
		c.ownDisk(now, c.queued, f)
	}
	f.waiting, f.asker = true, w
	c.settle(now, f)
}

// ownDisk counts this node once batch n is stored.
func (c *core) ownDisk(now time.Time, n uint64, f *confirm) {
	c.after(now, n, func(now time.Time) {
		f.own = true
		c.settle(now, f)
	})
}

// held counts a peer that has the record on its disk: acknowledging a HistoryAdd says so.
func (c *core) held(now time.Time, e wire.Event) {
	k := replica{e.Peer, e.ID}
	f := c.confirms[c.replicas[k]]
	delete(c.replicas, k)
	if f != nil {
		f.holders[e.Peer] = true
		c.settle(now, f)
	}
}

// settle answers the client if the assignment is durable.
func (c *core) settle(now time.Time, f *confirm) {
	if c.confirms[f.rec.Job] != f {
		return
	}
	f.durable = f.durable || c.enough(f)
	if f.durable && f.waiting {
		c.tell(now, f)
	}
}

// enough reports whether a majority holds the record: of voters, or of the live view.
func (c *core) enough(f *confirm) bool {
	if c.cfg.Quorum == election.Majority {
		have, all := 0, len(c.cfg.Voters)
		for _, name := range c.cfg.Voters {
			id := IDOf(name)
			if id == c.cfg.self && f.own || f.holders[id] {
				have++
			}
		}
		return have > all/2
	}
	have, all := 0, 1
	if f.own {
		have++
	}
	for _, p := range c.live() {
		all++
		if f.holders[p.id] {
			have++
		}
	}
	return f.own && have > all/2
}

// tell answers the client that asked; the lease is looked at once more, now.
func (c *core) tell(now time.Time, f *confirm) {
	f.waiting = false
	w := f.asker
	if code := c.elect.Ready(now); code != wire.CodeOK {
		c.decline(now, w, f.rec.Job, code, time.Second/4, c.whyNot(code))
		return
	}
	c.reply(now, w, wire.TaskAssignmentResponse{
		Job: f.rec.Job, Attempt: f.rec.Attempt, Epoch: f.rec.Epoch, Leader: f.rec.Leader,
		Server: c.node(f.rec.Server), Durable: f.durable,
	})
}

// answer tells clients whose assignment has waited long enough for a majority.
func (c *core) answer(now time.Time) {
	if c.cfg.Quorum == election.Majority {
		return
	}
	for _, f := range c.overdue(now) {
		c.tell(now, f)
	}
}

// overdue returns the confirmations whose client has waited long enough, in order of job id.
func (c *core) overdue(now time.Time) []*confirm {
	var fs []*confirm
	for _, f := range c.confirms {
		if f.waiting && f.own && now.Sub(f.began) >= notDurableAfter {
			fs = append(fs, f)
		}
	}
	sortConfirms(fs)
	return fs
}

func (c *core) answerDeadline() (d time.Time) {
	if c.cfg.Quorum == election.Majority {
		return d
	}
	for _, f := range c.confirms {
		if f.waiting && f.own { // before that there is nothing to say
			d = earliest(d, f.began.Add(notDurableAfter))
		}
	}
	return d
}

// recount looks at every confirmation again after the live view has changed: what was on its way to a peer that is gone
// is not, and a peer that has come needs it.
func (c *core) recount(now time.Time) {
	for k, job := range c.replicas {
		if p := c.peers[k.peer]; p == nil || !p.live() {
			delete(c.replicas, k)
			if f := c.confirms[job]; f != nil {
				delete(f.sent, k.peer)
			}
		}
	}
	for _, f := range c.unsettled() {
		c.settle(now, f)
		if !f.durable {
			c.replicate(now, f)
		}
	}
}

// forgetConfirms drops the confirmations that nobody has asked about for a while.
func (c *core) forgetConfirms(now time.Time) {
	for job, f := range c.confirms {
		if now.Sub(f.began) > confirmKept {
			delete(c.confirms, job)
		}
	}
}

// unsettled returns the confirmations in order of job id.
func (c *core) unsettled() []*confirm {
	fs := make([]*confirm, 0, len(c.confirms))
	for _, f := range c.confirms {
		fs = append(fs, f)
	}
	sortConfirms(fs)
	return fs
}
