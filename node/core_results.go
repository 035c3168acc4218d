package node

import (
	"cmp"
	"slices"
	"time"

	"p2pnode/wire"
)

// drop is a result that may be deleted at a time.
type drop struct {
	at  time.Time
	job wire.JobID
}

// chore is one thing for the janitor to do, in order: to delete a result, or to let go of one that Keep has put aside.
// The order is what saves a result just made from a deletion that was decided before its job's record named it.
type chore struct {
	result wire.Digest
	letGo  bool
}

const (
	lookEvery = time.Hour
	goneAfter = 24 // looks in a row that did not find a server
)

const ackedKept = 30 * time.Second // an acknowledged result stays so long, for a client whose last read was lost

// retire plans the deletion of a result nobody will ask for again.
func (c *core) retire(now time.Time, job wire.JobID) {
	if c.mine[job] != nil {
		c.acked = append(c.acked, drop{now.Add(ackedKept), job})
	}
}

// evict deletes results: those acknowledged a while ago, those too old, and the oldest while there are too many bytes.
func (c *core) evict(now time.Time) {
	for len(c.acked) > 0 && !now.Before(c.acked[0].at) {
		c.discard(now, c.acked[0].job)
		c.acked = c.acked[1:]
	}
	held := c.oldest()
	var total int64
	for _, m := range held {
		total += m.Size
	}
	for _, m := range held {
		if total <= c.cfg.MaxResults/10*9 && now.Sub(m.Since) < c.cfg.KeepResults {
			return
		}
		total -= m.Size
		c.abandon(now, m.Job)
	}
}

// makeRoom deletes at once what evict would delete soon: the disk is full.
func (c *core) makeRoom(now time.Time) {
	for _, d := range c.acked {
		c.discard(now, d.job)
	}
	c.acked = nil
}

func (c *core) oldest() []*Mine {
	ms := make([]*Mine, 0, len(c.mine))
	for _, m := range c.mine {
		ms = append(ms, m)
	}
	slices.SortFunc(ms, func(a, b *Mine) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Job.Compare(b.Job))
	})
	return ms
}

// abandon deletes an unacknowledged result and says so in the ledger: whoever asks again is told that it has expired.
// (FAILED would not do: of one attempt DONE is the greater.)
func (c *core) abandon(now time.Time, job wire.JobID) {
	r, ok := c.ledger.Get(job)
	if ok && r.State == wire.Done && r.Server == c.cfg.self {
		r.State, r.Code = wire.Cancelled, wire.CodeExpired
		c.record(now, r, Batch{})
	}
	c.discard(now, job)
}

// lapse is abandon for a server that is gone for good, done by the leader: its results of more than KeepResults ago are nobody's
// any more. Gone is who was not here for a day of looks; hours would pass while this machine was suspended, too.
func (c *core) lapse(now time.Time) {
	if now.Before(c.lookAt) {
		return
	}
	c.lookAt = now.Add(lookEvery)
	missed, stale := map[wire.NodeID]int{}, []wire.Record(nil)
	for r, since := range c.ledger.Unfetched() {
		if c.usable(r.Server, nil) {
			continue
		}
		missed[r.Server] = c.missed[r.Server] + 1
		if c.reign.ready && missed[r.Server] > goneAfter && now.Sub(since) >= c.cfg.KeepResults {
			stale = append(stale, r)
		}
	}
	c.missed = missed
	for _, r := range stale {
		if c.clogged() {
			return // the others at the next look
		}
		r.State, r.Code = wire.Cancelled, wire.CodeExpired
		c.record(now, r, Batch{})
	}
}

// discard forgets a result; its file goes once the store has forgotten it too, unless another job made the same bytes.
func (c *core) discard(now time.Time, job wire.JobID) {
	m := c.mine[job]
	if m == nil {
		return
	}
	delete(c.mine, job)
	n := c.put(Batch{Unmine: []wire.JobID{job}})
	c.after(now, n, func(time.Time) {
		c.drop(m.Result)
	})
}

// drop has a result's file deleted, unless a job needs it.
func (c *core) drop(d wire.Digest) {
	for _, m := range c.mine {
		if m.Result == d {
			return
		}
	}
	c.drops = append(c.drops, chore{result: d})
}
