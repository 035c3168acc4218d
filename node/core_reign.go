package node

import (
	"slices"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// reign is what a leader does besides being asked: merge ledgers first, then keep every job with a live server.
type reign struct {
	leads bool
	epoch uint64 // zero while it does not lead
	since time.Time
	ready bool // ledgers are merged
}

func (r reign) merging() bool { return r.leads && !r.ready }

const (
	mergeFor   = time.Second     // a new leader waits at most so long for ledgers to become equal
	adoptAfter = 3 * time.Second // a job on a server this leader has never met is re-assigned after this
	sweepEvery = time.Second
)

// enthrone begins a leadership. A leader confirmed at a higher epoch begins again: while it was cut off another may have
// led, and assigned.
func (c *core) enthrone(now time.Time, epoch uint64) {
	if c.reign.leads && c.reign.epoch == epoch {
		return
	}
	c.dethrone()
	c.reign = reign{leads: true, epoch: epoch, since: now}
	for _, p := range c.live() {
		p.pullAt, p.merged = time.Time{}, false
		c.ep.Send(now, p.id, wire.HistoryDigest{Buckets: c.ledger.Buckets(), Epoch: epoch})
	}
	c.merged(now)
}

// dethrone ends it; what clients still wait for they will ask of the next leader.
func (c *core) dethrone() {
	c.reign = reign{}
	clear(c.confirms)
	clear(c.replicas)
}

// merged opens the office once every live peer's ledger is in ours. After a while some are enough: in available mode any,
// in majority mode so many that whatever a majority ever held is held by one of them.
func (c *core) merged(now time.Time) {
	if !c.reign.merging() {
		return
	}
	all, voters := true, 0
	for _, p := range c.live() {
		all = all && p.merged
		if p.merged && c.votes(p.id) {
			voters++
		}
	}
	if c.votes(c.cfg.self) {
		voters++
	}
	late := now.Sub(c.reign.since) >= mergeFor
	if c.cfg.Quorum == election.Majority && voters <= len(c.cfg.Voters)/2 || !all && !late {
		return
	}
	c.reign.ready = true
	c.adopt(now)
}

// votes reports whether a node is one of majority mode's voters.
func (c *core) votes(id wire.NodeID) bool {
	return slices.ContainsFunc(c.cfg.Voters, func(name string) bool { return IDOf(name) == id })
}

// adopt re-assigns the jobs that nobody works on.
func (c *core) adopt(now time.Time) {
	for _, r := range c.unfinished() {
		if c.adrift(now, r) {
			c.move(now, r)
		}
	}
}

// adrift reports whether nobody works on a job: its server is dead, was never met, or has been started anew since.
// A server that dies of a job, and is back at once, must not be given that job for ever, least of all if it leads.
func (c *core) adrift(now time.Time, r wire.Record) bool {
	if r.Server == c.cfg.self {
		return r.State == wire.Running && c.begun[r.Job] != r.Attempt
	}
	if p := c.peers[r.Server]; p != nil {
		return !p.live() || c.left[r.Job] == r.Attempt
	}
	return now.Sub(c.reign.since) >= adoptAfter
}

// restarted notes which jobs the earlier process of a peer had: should nobody lead just now, the next leader will know.
func (c *core) restarted(p *peer) {
	for _, r := range c.ledger.Held(p.id) {
		c.left[r.Job] = r.Attempt
	}
}

// orphan re-assigns a dead server's jobs, and those of a server's earlier process.
func (c *core) orphan(now time.Time, server wire.NodeID) {
	if !c.reign.ready {
		return
	}
	for _, r := range c.ledger.Held(server) {
		c.move(now, r)
	}
}

// move raises a job's attempt, gives it to another server and tells its client.
func (c *core) move(now time.Time, r wire.Record) {
	if c.elect.Ready(now) != wire.CodeOK {
		return
	}
	if r.Attempt >= maxAttempt { // not by counting: a peer has said so, and no record can go beyond it
		r.State, r.Code = wire.Failed, wire.CodeInternal
		c.record(now, r, Batch{})
		return
	}
	r = c.next(r, []wire.NodeID{r.Server})
	if c.launch(now, r, nil) != nil {
		return
	}
	if w, ok := c.callers[r.Job]; ok {
		c.reply(now, w, wire.TaskMoved{Job: r.Job, Attempt: r.Attempt, Epoch: r.Epoch, Server: c.node(r.Server)})
	}
}

// unfinished returns the jobs that a server still has to do, in order of id.
func (c *core) unfinished() []wire.Record {
	var rs []wire.Record
	for job := range c.touched {
		if r, ok := c.ledger.Get(job); ok && working(r.State) {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs, func(a, b wire.Record) int { return a.Job.Compare(b.Job) })
	return rs
}

// working reports whether a job in state s waits for a server to do something.
func working(s wire.State) bool { return s == wire.Assigned || s == wire.Running }

// sweep does once a second what is due by age.
func (c *core) sweep(now time.Time) {
	c.merged(now)
	if now.Before(c.sweepAt) {
		return
	}
	c.sweepAt = now.Add(sweepEvery)
	if c.reign.ready {
		c.adopt(now)
	}
	c.expire(now)
	c.evict(now)
	c.lapse(now)
	c.forgetCallers(now)
	c.forgetAskers(now)
	c.forgetConfirms(now)
	if gone := c.ledger.Old(now); len(gone) > 0 {
		c.put(Batch{Forget: gone})
	}
}

// expire fails jobs whose client never came, or went away.
func (c *core) expire(now time.Time) {
	for _, r := range c.unfinished() {
		idle := now.Sub(c.touched[r.Job])
		unclaimed := r.State == wire.Assigned && c.reign.ready && idle > c.cfg.Upload
		abandoned := r.State == wire.Running && r.Server == c.cfg.self && idle > c.cfg.Absent
		if unclaimed || abandoned {
			r.State, r.Code = wire.Failed, wire.CodeExpired
			c.record(now, r, Batch{})
		}
	}
}

// standingOf is the word that status shows.
func standingOf(s election.Standing) string {
	switch s {
	case election.Alive:
		return "alive"
	case election.Suspected:
		return "suspect"
	}
	return "dead"
}

func sortConfirms(fs []*confirm) {
	slices.SortFunc(fs, func(a, b *confirm) int { return a.rec.Job.Compare(b.rec.Job) })
}
