package node

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"sort"
	"time"

	"p2pnode/wire"
)

// ErrLedgerFull is returned for a record of a new job where the ledger holds as many as it may.
var ErrLedgerFull = errors.New("node: ledger is full")

// bucketCount is how many buckets a ledger is compared in; a record's is the first byte of its job id divided by four.
const bucketCount = 64

// Ledger is one node's copy of what the cluster knows about its jobs. It is pure: no clock, lock or goroutine.
//
// Records that end a job (ACKED, CANCELLED, FAILED) are tombstones: they keep an older record of the job from coming
// back; ledger_age.go says how they go.
type Ledger struct {
	max     int
	buckets [bucketCount]bucket
	size    int // records held, faded ones included
	shown   int // records in the digest
	counts  [wire.Acked + 1]int
	held    map[wire.NodeID]map[wire.JobID]*entry // unfinished, by server
	owned   map[string]int                        // unfinished, by owner
	fresh   ageing                                // tombstones in the digest
	faded   ageing                                // tombstones no longer in it
	dropped []wire.JobID                          // gone since Old was last asked
}

// bucket is one of them: its entries sorted by job id, and the sum of the hashes of those in the digest.
type bucket struct {
	entries []*entry
	sum     uint64
}

type entry struct {
	rec   wire.Record
	hash  uint64
	since time.Time // when this node took the record in
	faded bool      // no longer in digest and pulls
	index int       // in its heap of tombstones; -1: in none
}

// NewLedger returns an empty ledger that holds at most max records.
func NewLedger(max int) *Ledger {
	return &Ledger{max: max, held: map[wire.NodeID]map[wire.JobID]*entry{}, owned: map[string]int{}}
}

// Merge takes in a record and reports whether what the ledger tells others has changed, so that it has to be stored and
// passed on. A record that is equal to the one held, or loses against it, changes nothing, with one exception: see revive.
// ErrLedgerFull is never returned for a job the ledger already holds.
func (l *Ledger) Merge(now time.Time, r wire.Record) (changed bool, err error) {
	return l.put(now, now, r)
}

// Restore takes in a record from the store; since is when this node first held it in this state.
func (l *Ledger) Restore(now, since time.Time, r wire.Record) error {
	if since.IsZero() || since.After(now) {
		since = now // the clock was set back meanwhile, or nobody knows
	}
	_, err := l.put(now, since, r)
	return err
}

func (l *Ledger) put(now, since time.Time, r wire.Record) (changed bool, err error) {
	e := l.find(r.Job)
	if e == nil {
		if l.size >= l.max && !l.evict(now) {
			return false, ErrLedgerFull
		}
		l.insert(newEntry(since, r))
		return true, nil
	}
	switch order := compareRecords(r, e.rec); {
	case order > 0:
		l.remove(e)
		l.insert(newEntry(since, r))
		return true, nil
	case order < 0 && e.faded:
		l.revive(now, e)
		return true, nil
	}
	return false, nil
}

func newEntry(since time.Time, r wire.Record) *entry {
	r.Owner = bytes.Clone(r.Owner)
	return &entry{rec: r, hash: hashRecord(r), since: since, index: -1}
}

// hashRecord is the same on every node.
func hashRecord(r wire.Record) uint64 {
	var buf [recordSize + maxClient + maxOwner + 4]byte
	sum := sha256.Sum256(appendRecord(buf[:0], r))
	return binary.BigEndian.Uint64(sum[:])
}

// Get returns the record of a job. Its Owner belongs to the ledger.
func (l *Ledger) Get(job wire.JobID) (wire.Record, bool) {
	if e := l.find(job); e != nil {
		return e.rec, true
	}
	return wire.Record{}, false
}

// Len returns how many records the ledger holds, those that left the digest included.
func (l *Ledger) Len() int { return l.size }

// Count returns how many jobs are in a state.
func (l *Ledger) Count(s wire.State) int { return l.counts[min(s, wire.Acked)] }

// Owned returns how many jobs of an owner are not finished.
func (l *Ledger) Owned(owner []byte) int { return l.owned[string(owner)] }

// Held returns the jobs, sorted, that a server has to do.
func (l *Ledger) Held(server wire.NodeID) []wire.Record {
	var rs []wire.Record
	for _, e := range l.held[server] {
		rs = append(rs, e.rec)
	}
	slices.SortFunc(rs, func(a, b wire.Record) int { return a.Job.Compare(b.Job) })
	return rs
}

// All yields every record, by job id.
func (l *Ledger) All() iter.Seq[wire.Record] {
	return func(yield func(wire.Record) bool) {
		for i := range l.buckets {
			for _, e := range l.buckets[i].entries {
				if !yield(e.rec) {
					return
				}
			}
		}
	}
}

// Unfetched yields every job that is DONE, by id, and since when this node has known that.
func (l *Ledger) Unfetched() iter.Seq2[wire.Record, time.Time] {
	return func(yield func(wire.Record, time.Time) bool) {
		for i := range l.buckets {
			for _, e := range l.buckets[i].entries {
				if e.rec.State == wire.Done && !yield(e.rec, e.since) {
					return
				}
			}
		}
	}
}

// Forget drops a job as if it had never been heard of.
func (l *Ledger) Forget(job wire.JobID) {
	if e := l.find(job); e != nil {
		l.remove(e)
	}
}

func (l *Ledger) bucket(job wire.JobID) *bucket { return &l.buckets[job[0]>>2] }

func (p *bucket) search(job wire.JobID) int {
	return sort.Search(len(p.entries), func(i int) bool { return p.entries[i].rec.Job.Compare(job) >= 0 })
}

func (l *Ledger) find(job wire.JobID) *entry {
	p := l.bucket(job)
	if i := p.search(job); i < len(p.entries) && p.entries[i].rec.Job == job {
		return p.entries[i]
	}
	return nil
}

func (l *Ledger) insert(e *entry) {
	p := l.bucket(e.rec.Job)
	p.entries = slices.Insert(p.entries, p.search(e.rec.Job), e)
	l.size++
	l.counts[min(e.rec.State, wire.Acked)]++
	l.show(e)
	if working(e.rec.State) {
		l.busy(e)
	}
	if terminal(e.rec.State) {
		heap.Push(&l.fresh, e)
	}
}

func (l *Ledger) remove(e *entry) {
	p := l.bucket(e.rec.Job)
	i := p.search(e.rec.Job)
	p.entries = slices.Delete(p.entries, i, i+1)
	l.size--
	l.counts[min(e.rec.State, wire.Acked)]--
	l.bury(e)
	if !e.faded {
		l.hide(e)
	}
	if working(e.rec.State) {
		l.idle(e)
	}
}

// busy indexes an unfinished job.
func (l *Ledger) busy(e *entry) {
	if l.held[e.rec.Server] == nil {
		l.held[e.rec.Server] = map[wire.JobID]*entry{}
	}
	l.held[e.rec.Server][e.rec.Job] = e
	l.owned[string(e.rec.Owner)]++
}

// idle undoes busy.
func (l *Ledger) idle(e *entry) {
	delete(l.held[e.rec.Server], e.rec.Job)
	if len(l.held[e.rec.Server]) == 0 {
		delete(l.held, e.rec.Server)
	}
	l.owned[string(e.rec.Owner)]--
	if l.owned[string(e.rec.Owner)] == 0 {
		delete(l.owned, string(e.rec.Owner))
	}
}
