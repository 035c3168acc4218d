package node

import (
	"context"
	"slices"
	"sync"
)

// carriedMost is by how many a range is carried at once, when there is nothing else to carry: the last ones must not wait
// for the slowest connection.
const carriedMost = 2

// ranges shares the parts of a file out among those who carry them. It is safe for several goroutines.
type ranges struct {
	from, size int64 // what is to be carried of the file

	mu       sync.Mutex
	carriers []int         // of each range; carried: it is there. Guarded by mu
	left     int           // ranges not there; guarded by mu
	change   chan struct{} // closed when a range can be taken again or none is left, and then replaced; guarded by mu
}

const carried = -1

// newRanges shares out the bytes of a file from one on; the first range may begin before it.
func newRanges(from, size int64) *ranges {
	from -= from % rangeSize
	n := int((size - from + rangeSize - 1) / rangeSize)
	return &ranges{from: from, size: size, carriers: make([]int, n), left: n, change: make(chan struct{})}
}

// take returns a range to carry: the first that nobody carries, or one that few do. It waits for one, and reports false when
// none is left or ctx has ended. What is taken has to be finished or dropped.
func (r *ranges) take(ctx context.Context) (i int, ok bool) {
	for ctx.Err() == nil {
		i, left, change := r.pick()
		if i >= 0 || left == 0 {
			return i, left > 0
		}
		select {
		case <-change:
		case <-ctx.Done():
		}
	}
	return 0, false
}

func (r *ranges) pick() (best, left int, change <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	best, fewest := -1, carriedMost
	for i, n := range r.carriers {
		if n != carried && n < fewest {
			best, fewest = i, n
		}
	}
	if best >= 0 {
		r.carriers[best]++
	}
	return best, r.left, r.change
}

// span returns where a range lies in the file.
func (r *ranges) span(i int) (offset, length int64) {
	offset = r.from + int64(i)*rangeSize
	return offset, min(rangeSize, r.size-offset)
}

// finish notes that a range is there, drop that it was not carried to its end.
func (r *ranges) finish(i int) { r.put(i, true) }
func (r *ranges) drop(i int)   { r.put(i, false) }

func (r *ranges) put(i int, there bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.carriers[i] == carried:
		return
	case there:
		r.carriers[i] = carried
		r.left--
	default:
		r.carriers[i]--
	}
	if !there || r.left == 0 {
		close(r.change)
		r.change = make(chan struct{})
	}
}

// done returns about how many bytes of the file are there, for people.
func (r *ranges) done() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(r.size, r.from+int64(len(r.carriers)-r.left)*rangeSize)
}

// whole returns how many bytes of the file are there without a gap.
func (r *ranges) whole() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := slices.IndexFunc(r.carriers, func(n int) bool { return n != carried })
	if n < 0 {
		return r.size
	}
	return r.from + int64(n)*rangeSize
}

// complete reports whether nothing is left.
func (r *ranges) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left == 0
}
