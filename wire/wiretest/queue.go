package wiretest

import "time"

// Queue is things that happen, each at its time; those of one time in the order in which they were put in.
type Queue[T any] struct {
	heap  []queued[T]
	count uint64 // put in so far
}

type queued[T any] struct {
	at    time.Time
	order uint64
	what  T
}

func (a *queued[T]) before(b *queued[T]) bool {
	if c := a.at.Compare(b.at); c != 0 {
		return c < 0
	}
	return a.order < b.order
}

// Next returns when the next thing happens; zero: there is none.
func (q *Queue[T]) Next() time.Time {
	if len(q.heap) == 0 {
		return time.Time{}
	}
	return q.heap[0].at
}

// Due reports whether something happens at now or before.
func (q *Queue[T]) Due(now time.Time) bool { return len(q.heap) > 0 && !q.heap[0].at.After(now) }

// Put adds what happens at a time.
func (q *Queue[T]) Put(at time.Time, what T) {
	q.count++
	x := queued[T]{at, q.count, what}
	q.heap = append(q.heap, x)
	i := len(q.heap) - 1
	for i > 0 && x.before(&q.heap[(i-1)/2]) {
		q.heap[i] = q.heap[(i-1)/2]
		i = (i - 1) / 2
	}
	q.heap[i] = x
}

// Take removes what happens next. There has to be something.
func (q *Queue[T]) Take() T {
	first, last := q.heap[0].what, len(q.heap)-1
	x := q.heap[last]
	q.heap[last] = queued[T]{}
	q.heap = q.heap[:last]
	if last > 0 {
		q.sink(x)
	}
	return first
}

// sink puts x where the first was, and lower while something below comes before it.
func (q *Queue[T]) sink(x queued[T]) {
	i := 0
	for {
		next := 2*i + 1
		if next >= len(q.heap) {
			break
		}
		if next+1 < len(q.heap) && q.heap[next+1].before(&q.heap[next]) {
			next++
		}
		if x.before(&q.heap[next]) {
			break
		}
		q.heap[i] = q.heap[next]
		i = next
	}
	q.heap[i] = x
}
