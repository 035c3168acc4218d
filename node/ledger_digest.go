package node

import (
	"math/bits"

	"p2pnode/wire"
)

// maxPulled is how many records one answer to a pull carries at most.
const maxPulled = 32

// Digest sums up the ledger: two nodes with the same sum and count hold the same records. It does not depend on the
// order in which they came.
func (l *Ledger) Digest() (sum uint64, count int) {
	for i := range l.buckets {
		sum += l.buckets[i].sum
	}
	return sum, l.shown
}

// Buckets returns the digests of the ledger's 64 parts.
func (l *Ledger) Buckets() []uint64 {
	sums := make([]uint64, bucketCount)
	for i := range l.buckets {
		sums[i] = l.buckets[i].sum
	}
	return sums
}

// Pull returns records of the buckets whose bit is set, by job id, beginning after a job, as many as fits allows and at
// least one. More tells that there are others after them.
func (l *Ledger) Pull(mask uint64, after wire.JobID, fits func([]wire.Record) bool) (records []wire.Record, more bool) {
	for mask &= ^uint64(0) << (after[0] >> 2); mask != 0; mask &= mask - 1 {
		p := &l.buckets[bits.TrailingZeros64(mask)]
		for _, e := range p.entries[p.search(after):] {
			if e.faded || e.rec.Job == after {
				continue
			}
			records = append(records, e.rec)
			if n := len(records); n > 1 && (n > maxPulled || !fits(records)) {
				return records[:n-1], true
			}
		}
	}
	return records, false
}

// show counts an entry in the digest.
func (l *Ledger) show(e *entry) {
	e.faded = false
	l.bucket(e.rec.Job).sum += e.hash
	l.shown++
}

// hide takes an entry out of the digest.
func (l *Ledger) hide(e *entry) {
	e.faded = true
	l.bucket(e.rec.Job).sum -= e.hash
	l.shown--
}
