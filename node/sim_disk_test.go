package node

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"p2pnode/wire"
)

// simDisk is what survives a crash of a node. Its commits go in groups, as the store's do: what is handed over while one
// is under way waits for the next.
type simDisk struct {
	promised uint64
	voted    wire.NodeID
	used     bool
	last     time.Time
	records  map[wire.JobID]wire.Record
	mine     map[wire.JobID]*Mine

	waiting []Batch // handed over, not yet known to be stored, in order
	syncing bool    // a commit is under way
	slow    time.Duration
	fate    fate
}

// fate is what a crash does to the batches that are handed over, and not yet known to be stored.
type fate uint8

const (
	lost      fate = iota // none is on disk
	kept                  // all are: the process died, the machine did not
	shortened             // the first few are
)

func (f fate) String() string { return [...]string{"lost", "kept", "shortened"}[f] }

func newSimDisk() simDisk {
	return simDisk{records: map[wire.JobID]wire.Record{}, mine: map[wire.JobID]*Mine{}}
}

// takes is how long a commit lasts.
func (d *simDisk) takes(r *rand.Rand) time.Duration {
	if d.slow > 0 {
		return time.Duration(r.Int64N(int64(d.slow)))
	}
	return time.Duration(1+r.IntN(4)) * time.Millisecond
}

// lose decides what of the last writes is there after a crash.
func (x *simNode) lose(r *rand.Rand) {
	d, n := &x.disk, 0
	switch d.fate {
	case kept:
		n = len(d.waiting)
	case shortened:
		n = r.IntN(len(d.waiting) + 1)
	}
	for _, b := range d.waiting[:n] {
		x.commit(b)
	}
	d.waiting, d.syncing = nil, false
}

// commit is what the store's transaction would do.
func (x *simNode) commit(b Batch) {
	d := &x.disk
	if b.Epoch != nil && b.Epoch.Epoch >= d.promised {
		d.promised, d.voted = b.Epoch.Epoch, b.Epoch.For
	}
	for _, r := range b.Records {
		if old, ok := d.records[r.Job]; ok {
			r = Merge(old, r)
		}
		d.records[r.Job] = r
	}
	for _, m := range b.Mine {
		d.mine[m.Job] = &m
	}
	for _, j := range b.Unmine {
		delete(d.mine, j)
	}
	for _, j := range b.Forget {
		delete(d.records, j)
	}
}

// snapshot is what a new process finds on the disk.
func (x *simNode) snapshot() Snapshot {
	d := &x.disk
	s := Snapshot{Promised: d.promised, Voted: d.voted, Fresh: !d.used, Last: d.last, Since: map[wire.JobID]time.Time{}, Mine: map[wire.JobID]Mine{}}
	for job, m := range d.mine {
		s.Mine[job] = *m
	}
	s.Records = slices.SortedFunc(maps.Values(d.records), func(a, b wire.Record) int { return a.Job.Compare(b.Job) })
	for _, r := range s.Records {
		s.Since[r.Job] = d.last
	}
	return s
}

// save hands batches to a node's disk.
func (s *sim) save(x *simNode, bs []Batch) {
	x.disk.waiting = append(x.disk.waiting, bs...)
	if !x.disk.syncing && len(x.disk.waiting) > 0 {
		s.sync(x)
	}
}

// sync begins to commit all that waits.
func (s *sim) sync(x *simNode) {
	x.disk.syncing = true
	n, life := len(x.disk.waiting), x.life
	var done func()
	done = func() {
		switch {
		case x.life != life:
		case s.now.Before(x.until): // a stopped process learns of it when it goes on
			s.at(x.until, done)
		default:
			s.synced(x, n)
		}
	}
	s.after(x.disk.takes(s.rand), done)
}

// synced tells a node that its first n batches are stored.
func (s *sim) synced(x *simNode, n int) {
	d := &x.disk
	for _, b := range d.waiting[:n] {
		x.commit(b)
	}
	d.waiting, d.syncing, d.last = d.waiting[n:], false, s.local(x)
	x.core.Stored(s.local(x), x.core.stored+uint64(n))
	s.flush(x)
}
