package node

import (
	"time"

	"p2pnode/wire"
)

// Two ledgers that differ for longer than records are on their way compare digests of 64 buckets, and each pulls
// the other's records of the buckets that differ (PROTOCOL.md §8). Merging makes the order irrelevant.

const (
	differFor = 600 * time.Millisecond // replication on its way explains a shorter difference
	pullEvery = 500 * time.Millisecond
)

// watchDigest compares a peer's ledger digest with ours and starts a comparison when they stay different.
func (c *core) watchDigest(now time.Time, p *peer) {
	sum, count := c.ledger.Digest()
	if p.beat.Digest == sum && int(p.beat.Count) == count {
		p.differs = time.Time{}
		p.merged = p.merged || c.follows(p)
		return
	}
	if p.differs.IsZero() {
		p.differs = now
	}
	patience := differFor
	if c.reign.merging() {
		patience = 0
	}
	if now.Sub(p.differs) >= patience && !now.Before(p.pullAt) {
		p.pullAt = now.Add(pullEvery)
		m := wire.HistoryDigest{Buckets: c.ledger.Buckets()}
		if c.reign.merging() {
			m.Epoch = c.reign.epoch
		}
		c.ep.Send(now, p.id, m)
	}
}

// follows reports whether a peer's newest heartbeat was sent under this node's present leadership: what it says of its
// ledger is then no older than that.
func (c *core) follows(p *peer) bool {
	return c.reign.leads && p.beat.Leader == c.cfg.self && p.beat.Epoch == c.reign.epoch
}

// compare answers a peer's digests: with ours if it has to pull from us, with a pull if we miss something. A new leader
// cannot assign before it knows what we hold, so it gets that at once, and a word also when nothing differs.
func (c *core) compare(now time.Time, p *peer, m wire.HistoryDigest) {
	var mask uint64
	mine := c.ledger.Buckets()
	for i := range min(len(mine), len(m.Buckets)) {
		if mine[i] != m.Buckets[i] {
			mask |= 1 << i
		}
	}
	if m.Epoch != 0 {
		c.give(now, p, wire.HistoryPull{Buckets: mask, Epoch: m.Epoch})
	}
	if mask == 0 {
		return
	}
	c.ep.Send(now, p.id, wire.HistoryPull{Buckets: mask, Epoch: c.reign.epoch})
	if m.Epoch == 0 && !now.Before(p.pullAt) {
		p.pullAt = now.Add(pullEvery)
		c.ep.Send(now, p.id, wire.HistoryDigest{Buckets: mine})
	}
}

// give sends one chunk of the records a peer asked for; an empty one says that there are none.
func (c *core) give(now time.Time, p *peer, m wire.HistoryPull) {
	records, more := c.ledger.Pull(m.Buckets, m.After, func(r []wire.Record) bool {
		return wire.Fits(wire.HistoryChunk{Buckets: m.Buckets, Records: r, More: true, Epoch: m.Epoch})
	})
	c.ep.Send(now, p.id, wire.HistoryChunk{Buckets: m.Buckets, Records: records, More: more, Epoch: m.Epoch})
}

func (c *core) takeChunk(now time.Time, p *peer, e wire.Event, m wire.HistoryChunk) {
	c.learn(now, e, m.Records)
	if n := len(m.Records); m.More && n > 0 {
		p.pullAt = now.Add(pullEvery)
		c.ep.Send(now, p.id, wire.HistoryPull{Buckets: m.Buckets, After: m.Records[n-1].Job, Epoch: m.Epoch})
		return
	}
	p.merged = p.merged || c.reign.leads && m.Epoch == c.reign.epoch
}

// learn merges records from a peer and lets the endpoint acknowledge them once they are on disk.
func (c *core) learn(now time.Time, e wire.Event, records []wire.Record) {
	var changed []wire.Record
	_, pulled := e.Message.(wire.HistoryChunk)
	for _, r := range records {
		if Valid(r) != nil {
			continue
		}
		won, err := c.ledger.Merge(now, r)
		if err != nil {
			return // not acknowledged: the sender tries again when there may be room
		}
		if won {
			changed = append(changed, r)
			c.noticed(now, r)
			c.noteJob(now, r, pulled)
		}
	}
	release := func(now time.Time) { c.ep.Release(now, e.Peer, e.Boot, e.ID) }
	n := c.queued // what is queued already may hold the same record
	if len(changed) > 0 {
		n = c.put(Batch{Records: changed})
	}
	c.after(now, n, release)
}

// noticed follows up a record that changed: results no longer wanted, timers, confirmations made moot.
func (c *core) noticed(now time.Time, r wire.Record) {
	if c.left[r.Job] < r.Attempt {
		delete(c.left, r.Job)
	}
	if !working(r.State) {
		delete(c.touched, r.Job)
		delete(c.begun, r.Job)
		delete(c.left, r.Job)
	} else if _, ok := c.touched[r.Job]; !ok {
		c.touched[r.Job] = now
	}
	if r.State == wire.Acked || r.State == wire.Cancelled {
		c.retire(now, r.Job)
	}
	if f := c.confirms[r.Job]; f != nil && (f.rec.Attempt != r.Attempt || terminal(r.State)) {
		delete(c.confirms, r.Job)
	}
}

// record merges a record of this node's own making, stores it and sends it to every live peer.
func (c *core) record(now time.Time, r wire.Record, b Batch) (n uint64, err error) {
	won, err := c.ledger.Merge(now, r)
	if err != nil {
		return 0, err
	}
	if won {
		b.Records = append(b.Records, r)
		c.noticed(now, r)
		c.noteJob(now, r, false)
		if f := c.confirms[r.Job]; f != nil && f.rec.State == r.State && f.rec.Attempt == r.Attempt {
			c.replicate(now, f)
		} else {
			c.spread(now, r)
		}
	}
	return c.put(b), nil
}

// spread replicates a record to the live peers.
func (c *core) spread(now time.Time, r wire.Record) {
	var m wire.Message = wire.HistoryAdd{Record: r}
	if r.State == wire.Acked || r.State == wire.Cancelled {
		m = wire.HistoryRemove{Record: r}
	}
	for _, p := range c.live() {
		c.ep.Send(now, p.id, m) // a full queue is no loss: digests will differ, and the peer will pull
	}
}

// terminal reports whether a job in state s has nothing left to be done by a server.
func terminal(s wire.State) bool {
	return s == wire.Acked || s == wire.Cancelled || s == wire.Failed
}
