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

// confirmFor answers for a record that is already there, after replicating it under this leadership if that was not done.
func (c *core) confirmFor(now time.Time, w caller, r wire.Record) {
	f := c.confirms[r.Job]
	if f == nil || f.rec.Attempt != r.Attempt {
		f = &confirm{rec: r, began: now, holders: map[wire.NodeID]bool{}}
		c.confirms[r.Job] = f
		c.spread(now, r)
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

// answer tells clients whose assignment has waited long enough for a majority, and forgets old confirmations.
func (c *core) answer(now time.Time) {
	for job, f := range c.confirms {
		age := now.Sub(f.began)
		if age > confirmKept {
			delete(c.confirms, job)
		}
	}
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
		if f.waiting {
			d = earliest(d, f.began.Add(notDurableAfter))
		}
	}
	return d
}

// recount looks at every confirmation again after the live view has changed.
func (c *core) recount(now time.Time) {
	for k := range c.replicas {
		if p := c.peers[k.peer]; p == nil || !p.live() {
			delete(c.replicas, k)
		}
	}
	fs := make([]*confirm, 0, len(c.confirms))
	for _, f := range c.confirms {
		fs = append(fs, f)
	}
	sortConfirms(fs)
	for _, f := range fs {
		c.settle(now, f)
	}
}
