package node

import (
	"cmp"
	"slices"
	"time"

	"p2pnode/wire"
)

// wait is work that must not happen before the store holds batch n.
type wait struct {
	n    uint64
	then func(now time.Time)
}

// put hands a batch to the store and returns its number.
func (c *core) put(b Batch) uint64 {
	c.batches = append(c.batches, b)
	c.queued++
	return c.queued
}

// after runs then once batch n is durable. Batches commit in order, so waits are in order too.
func (c *core) after(now time.Time, n uint64, then func(now time.Time)) {
	if n <= c.stored {
		then(now)
		return
	}
	c.waits = append(c.waits, wait{n, then})
}

// Stored tells that the first n batches are on disk.
func (c *core) Stored(now time.Time, n uint64) {
	c.stored = max(c.stored, n)
	for len(c.waits) > 0 && c.waits[0].n <= c.stored {
		w := c.waits[0]
		c.waits = c.waits[1:]
		w.then(now)
	}
	c.digest(now)
}

// takeBatches returns what the store has to commit, in order.
func (c *core) takeBatches() []Batch {
	b := c.batches
	c.batches = nil
	return b
}

// takeDrops returns what has become of results' files: for the janitor, in order.
func (c *core) takeDrops() []chore {
	d := c.drops
	c.drops = nil
	return d
}

// clogged reports whether the store is so far behind that new work must wait.
func (c *core) clogged() bool { return c.queued-c.stored > maxBacklog }

const maxBacklog = 4096

// restore takes over what an earlier process stored. A node that was away for longer than tombstones last cannot tell
// which of its unfinished jobs have ended meanwhile: it drops them, and learns from its peers. Results of jobs that ended
// before count from then: a node that is started again and again would keep them for ever.
func (c *core) restore(now time.Time, s Snapshot) {
	away := !s.Last.IsZero() && now.Sub(s.Last) > fadeAfter
	for _, r := range s.Records {
		if away && working(r.State) {
			c.put(Batch{Forget: []wire.JobID{r.Job}})
			continue
		}
		c.ledger.Restore(now, s.Since[r.Job], r)
		if working(r.State) {
			c.touched[r.Job] = now
		}
	}
	c.recall(now, s.Since)
	for job, m := range s.Mine {
		c.mine[job] = &m
		if r, ok := c.ledger.Get(job); ok && (r.State == wire.Acked || r.State == wire.Cancelled) {
			c.retire(earliest(now, s.Since[job]), job)
		}
	}
	slices.SortFunc(c.acked, func(a, b drop) int { return cmp.Or(a.at.Compare(b.at), a.job.Compare(b.job)) })
}
