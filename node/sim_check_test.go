package node

import (
	"fmt"

	"p2pnode/election"
	"p2pnode/wire"
)

// check holds a simulated cluster to its invariants, at every event of every node.
type check struct {
	s        *sim
	broken   []string
	leaders  map[uint64]string       // majority mode: who led an epoch
	promised map[*simNode]uint64     // the highest promise a node's disk has held
	servers  map[attempt]wire.NodeID // who does an attempt, as one leadership decided it
	told     map[wire.JobID]uint32   // the newest attempt of each job that a client was told
	opened   map[uint64]bool         // majority mode: epochs whose leader has merged the ledgers
	nodes    map[spot]*simNode
	honest   map[spot]bool // addresses of clients that show cookies made for them
	member   map[spot]bool // addresses of those who hold K_server and are no nodes
	states   map[seenState]wire.TaskStatusResponse
	history  *history
	storms   storm
	rough    bool // links are cut, or the network loses packets

	quiet      bool        // no faults but the weather's: who was first agreed on stays
	first      wire.NodeID // who that is
	firstEpoch uint64

	lawless  bool                // somebody votes under a voter's name: who leads, and what is told, proves nothing
	poisoned map[wire.JobID]bool // jobs about which a holder of K_server has lied

	heir    wire.NodeID // whom the lead was last offered to
	handed  int         // how often that node has led next
	ordered int         // how many orders of an operator were given
}

// seenState is a job as one process of a server tells of it.
type seenState struct {
	boot wire.Boot
	job  wire.JobID
}

// attempt is one decision of a leader: within it there is one server. In majority mode the leadership is left out:
// then there is one server for an attempt whoever decided.
type attempt struct {
	job    wire.JobID
	number uint32
	epoch  uint64
	leader wire.NodeID
}

func watched(s *sim) *check {
	c := &check{
		s: s, leaders: map[uint64]string{}, promised: map[*simNode]uint64{},
		servers: map[attempt]wire.NodeID{}, told: map[wire.JobID]uint32{}, opened: map[uint64]bool{},
		nodes: map[spot]*simNode{}, honest: map[spot]bool{}, member: map[spot]bool{},
		states: map[seenState]wire.TaskStatusResponse{}, history: newHistory(s.begun), poisoned: map[wire.JobID]bool{},
	}
	s.watch, s.given, s.taps = c.look, c.give, append(s.taps, c.sent)
	for _, x := range s.nodes {
		c.nodes[spotOf(x.addr)] = x
	}
	for _, k := range s.clients {
		c.honest[spotOf(k.addr)] = true
		k.begins, k.told, k.state = c.history.begin, c.single, c.status
	}
	return c
}

func (c *check) fail(format string, args ...any) {
	if !c.full() {
		c.broken = append(c.broken, fmt.Sprintf("%.3f s: ", c.s.now.Sub(c.s.begun).Seconds())+fmt.Sprintf(format, args...))
	}
}

// full reports whether so much is broken that there is no use in going on.
func (c *check) full() bool { return len(c.broken) >= 5 }

func (c *check) look(x *simNode) {
	st := x.core.elect.Status()
	c.epochs(x, &st)
	c.leadership(x, &st)
	c.bounds(x)
	c.calm(x)
	c.steady(x, &st)
	c.rotation(x, &st)
	c.ledger(x)
}

// epochs: a promise never falls, not across a crash either.
func (c *check) epochs(x *simNode, st *election.Status) {
	if was := c.promised[x]; x.disk.promised != was {
		if x.disk.promised < was {
			c.fail("%s: the promise on disk fell from %d to %d", x.name, was, x.disk.promised)
		}
		c.promised[x] = x.disk.promised
	}
	if st.Durable > x.disk.promised {
		c.fail("%s: the promise of %d counts as durable, but %d is on disk", x.name, st.Durable, x.disk.promised)
	}
	if st.Promised < x.disk.promised {
		c.fail("%s: promised %d, but %d is on disk", x.name, st.Promised, x.disk.promised)
	}
	if st.Role == wire.Leader && st.Durable < st.Epoch {
		c.fail("%s: leads epoch %d, but only %d is on disk", x.name, st.Epoch, st.Durable)
	}
}

// leadership: majority mode has one leader an epoch, and one at a time that assigns.
func (c *check) leadership(x *simNode, st *election.Status) {
	if c.s.mode != election.Majority || st.Role != wire.Leader || c.lawless {
		return
	}
	if was, ok := c.leaders[st.Epoch]; ok && was != x.name {
		c.fail("epoch %d is led by %s and %s", st.Epoch, was, x.name)
	}
	if _, ok := c.leaders[st.Epoch]; !ok {
		c.granted(x, st.Epoch)
	}
	c.leaders[st.Epoch] = x.name
	c.informed(x, st.Epoch)
	var ready []string
	for _, y := range c.s.nodes {
		if y.core != nil && y.core.elect.Status().Role == wire.Leader && y.core.elect.Ready(c.s.local(y)) == wire.CodeOK && !c.s.now.Before(y.until) {
			ready = append(ready, y.name)
		}
	}
	if len(ready) > 1 {
		c.fail("%v assign at once", ready)
	}
}

// granted: who begins to lead an epoch has the promise of a majority, on their disks.
func (c *check) granted(x *simNode, epoch uint64) {
	n := 0
	for _, y := range c.s.nodes {
		if y.disk.promised >= epoch {
			n++
		}
	}
	if 2*n <= len(c.s.nodes) {
		c.fail("%s leads epoch %d, which is on %d of %d disks", x.name, epoch, n, len(c.s.nodes))
	}
}

// informed: a leader that assigns, having merged the ledgers and holding the lease, knows every assignment that any leader
// before it told a client. (One that was paused may come to hold its merge for done; without the lease it assigns nothing.)
func (c *check) informed(x *simNode, epoch uint64) {
	if !x.core.reign.ready || c.opened[epoch] || x.core.elect.Ready(c.s.local(x)) != wire.CodeOK {
		return
	}
	c.opened[epoch] = true
	for job, told := range c.told {
		if r, ok := x.core.ledger.Get(job); !c.poisoned[job] && (!ok || r.Attempt < told && !terminal(r.State)) {
			c.fail("%s takes jobs in epoch %d, and of %v knows attempt %d; %d was told", x.name, epoch, job, r.Attempt, told)
		}
	}
}

// bounds: nothing grows without end.
func (c *check) bounds(x *simNode) {
	k := x.core
	for _, b := range []struct {
		what      string
		have, max int
	}{
		{"peers", len(k.peers), maxKnown}, {"relays", len(k.relays), maxRelays}, {"confirms", len(k.confirms), maxConfirms},
		{"callers", len(k.callers), maxCallers}, {"askers", len(k.askers), maxAskers}, {"replicas", len(k.replicas), maxConfirms * len(c.s.nodes)},
		{"remembered", len(k.greeting.remembered), maxRemembered}, {"batches", int(k.queued - k.stored), 2 * maxBacklog},
		{"results", len(k.mine), k.cfg.MaxJobs}, {"records", k.ledger.Len(), k.cfg.MaxJobs},
	} {
		if b.have > b.max {
			c.fail("%s: %d %s, at most %d are allowed", x.name, b.have, b.what, b.max)
		}
	}
}

// ledger: a record only ever rises in the order of merging, so that a tombstone stays.
func (c *check) ledger(x *simNode) {
	e := c.ear(x)
	sum, n := x.core.ledger.Digest()
	if sum == e.digest && n == e.count {
		return // nothing has changed
	}
	e.digest, e.count = sum, n
	for i := range x.core.ledger.buckets {
		b := &x.core.ledger.buckets[i]
		if now := (seenBucket{b.sum, len(b.entries)}); e.buckets[i] != now {
			e.buckets[i] = now
			c.bucket(x, e, b)
		}
	}
}

func (c *check) bucket(x *simNode, e *ear, b *bucket) {
	for _, n := range b.entries {
		r := n.rec
		if old, ok := e.records[r.Job]; ok && (compareRecords(r, old) < 0 || fell(old, r)) {
			c.fail("%s: record of %v fell from %v/%d to %v/%d", x.name, r.Job, old.State, old.Attempt, r.State, r.Attempt)
		}
		e.records[r.Job] = r
	}
}

// fell says without the ledger's own order what no record does: an end is taken back, or an attempt.
func fell(old, r wire.Record) bool {
	switch old.State {
	case wire.Acked:
		return r.State != wire.Acked
	case wire.Cancelled:
		return r.State != wire.Acked && r.State != wire.Cancelled
	}
	return !terminal(r.State) && r.Attempt < old.Attempt
}

// single: what clients are told: one leadership gives one attempt of a job to one server; in majority mode any does.
func (c *check) single(q *simAsk, m wire.TaskAssignmentResponse) {
	c.history.end(q, c.s.now, m)
	if c.lawless || c.poisoned[m.Job] {
		return
	}
	a := attempt{m.Job, m.Attempt, m.Epoch, m.Leader}
	if c.s.mode == election.Majority {
		a.epoch, a.leader = 0, wire.NodeID{}
	}
	if was, ok := c.servers[a]; ok && was != m.Server.ID {
		c.fail("attempt %d of %s is with two servers", m.Attempt, brief(m.Job))
	}
	c.servers[a] = m.Server.ID
	c.told[m.Job] = max(c.told[m.Job], m.Attempt)
}

// status: what one process of a server says of a job only ever gets newer.
func (c *check) status(e wire.Event, m wire.TaskStatusResponse) {
	k := seenState{e.Boot, m.Job}
	was, now := c.states[k], m
	old, r := wire.Record{State: was.State, Attempt: was.Attempt}, wire.Record{State: now.State, Attempt: now.Attempt}
	if was.State != 0 && (now.State == 0 || fell(old, r)) {
		c.fail("a re-read of %s gives %v/%d after %v/%d", brief(m.Job), now.State, now.Attempt, was.State, was.Attempt)
	}
	c.states[k] = now
}

// linear: in majority mode what clients were told is what one register would have told them (porcupine).
func (c *check) linear() {
	if c.s.mode == election.Majority && !c.lawless && !c.history.linearizable(c.poisoned) {
		c.fail("the assignments that clients were told are not linearizable")
	}
}
