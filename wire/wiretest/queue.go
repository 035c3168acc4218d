package wiretest

import "time"

// Queue is things that happen, each at its time; those of one time in the order in which they were put in. The heap holds
// tickets, which are cheaper to move than what they are for.
type Queue[T any] struct {
	heap  []ticket
	held  []queued[T] // by a ticket's place
	free  []int       // places
	count uint64      // put in so far
}

type ticket struct {
	at    int64 // nanoseconds
	order uint64
	place int
}

type queued[T any] struct {
	at   time.Time
	what T
}

func (a *ticket) before(b *ticket) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return a.order < b.order
}

// Next returns when the next thing happens; zero: there is none.
func (q *Queue[T]) Next() time.Time {
	if len(q.heap) == 0 {
		return time.Time{}
	}
	return q.held[q.heap[0].place].at
}

// Due reports whether something happens at now or before.
func (q *Queue[T]) Due(now time.Time) bool {
	return len(q.heap) > 0 && q.heap[0].at <= now.UnixNano()
}

// Put adds what happens at a time.
func (q *Queue[T]) Put(at time.Time, what T) {
	q.count++
	x := ticket{at.UnixNano(), q.count, q.hold(queued[T]{at, what})}
	q.heap = append(q.heap, x)
	i := len(q.heap) - 1
	for i > 0 && x.before(&q.heap[(i-1)/2]) {
		q.heap[i] = q.heap[(i-1)/2]
		i = (i - 1) / 2
	}
	q.heap[i] = x
}

// hold finds a place.
func (q *Queue[T]) hold(x queued[T]) (place int) {
	last := len(q.free) - 1
	if last < 0 {
		q.held = append(q.held, x)
		return len(q.held) - 1
	}
	place = q.free[last]
	q.free = q.free[:last]
	q.held[place] = x
	return place
}

// Take removes what happens next. There has to be something.
func (q *Queue[T]) Take() T {
	place, last := q.heap[0].place, len(q.heap)-1
	x := q.heap[last]
	q.heap = q.heap[:last]
	if last > 0 {
		q.sink(x)
	}
	first := q.held[place].what
	q.held[place] = queued[T]{}
	q.free = append(q.free, place)
	return first
}

// sink puts x where the first was, and lower while something below comes before it.
func (q *Queue[T]) sink(x ticket) {
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
