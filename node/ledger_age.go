package node

import (
	"cmp"
	"container/heap"
	"time"

	"p2pnode/wire"
)

// A tombstone goes in two steps. After fadeAfter it leaves the digest and the answers to pulls, but still wins against
// older records of its job; after dropAfter it is forgotten.
//
// One step would not do: nodes learn of an end at different times, so one drops its tombstone while others still show
// theirs. Their digests would differ, the first would pull the record back with a new age, and so in turn for ever.
// As it is, a faded tombstone that is pulled from another node is equal to the one still held, and nothing changes:
// all nodes whose ages differ by less than dropAfter − fadeAfter let go of it for good.
const (
	fadeAfter = 24 * time.Hour
	dropAfter = 48 * time.Hour

	heardAfter = 2 * time.Minute // a full ledger drops tombstones older than this: refusing new jobs for hours would be worse
)

// Old does what is due by age and returns the jobs forgotten since it was last called, for the store to forget as well.
func (l *Ledger) Old(now time.Time) (dropped []wire.JobID) {
	for len(l.fresh) > 0 && !now.Before(l.fresh[0].since.Add(fadeAfter)) {
		e := heap.Pop(&l.fresh).(*entry)
		l.hide(e)
		heap.Push(&l.faded, e)
	}
	for len(l.faded) > 0 && !now.Before(l.faded[0].since.Add(dropAfter)) {
		l.drop(l.faded[0])
	}
	dropped, l.dropped = l.dropped, nil
	return dropped
}

// Deadline returns when Old has something to do; zero: never as things are.
func (l *Ledger) Deadline() (due time.Time) {
	if len(l.fresh) > 0 {
		due = l.fresh[0].since.Add(fadeAfter)
	}
	if len(l.faded) > 0 {
		if at := l.faded[0].since.Add(dropAfter); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

// revive shows a faded tombstone again, as if it were new: somebody who has not heard of the job's end has just told an
// older record of it. This is what "tombstones live until live digests agree" comes to.
func (l *Ledger) revive(now time.Time, e *entry) {
	heap.Remove(&l.faded, e.index)
	l.show(e)
	e.since = now
	heap.Push(&l.fresh, e)
}

// evict makes room for one record by dropping the oldest tombstone: one that has faded, or, where a burst of jobs fills
// the ledger, one that every live peer has had time to hear of. It reports whether there was one.
func (l *Ledger) evict(now time.Time) bool {
	switch {
	case len(l.faded) > 0:
		l.drop(l.faded[0])
	case len(l.fresh) > 0 && now.Sub(l.fresh[0].since) >= heardAfter:
		l.drop(l.fresh[0])
	default:
		return false
	}
	return true
}

func (l *Ledger) drop(e *entry) {
	l.dropped = append(l.dropped, e.rec.Job)
	l.remove(e)
}

// bury takes a tombstone out of the heap it is in; other entries are in none.
func (l *Ledger) bury(e *entry) {
	switch {
	case e.index < 0:
	case e.faded:
		heap.Remove(&l.faded, e.index)
	default:
		heap.Remove(&l.fresh, e.index)
	}
}

// ageing is a heap of tombstones, the oldest first.
type ageing []*entry

// Len, Less, Swap, Push and Pop are what container/heap needs.
func (a ageing) Len() int { return len(a) }
func (a ageing) Less(i, j int) bool { // of equal ages by job id, so that every run does the same
	return cmp.Or(a[i].since.Compare(a[j].since), a[i].rec.Job.Compare(a[j].rec.Job)) < 0
}
func (a ageing) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

func (a *ageing) Push(x any) {
	e := x.(*entry)
	e.index = len(*a)
	*a = append(*a, e)
}

func (a *ageing) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	*a = (*a)[:last]
	e.index = -1
	return e
}
