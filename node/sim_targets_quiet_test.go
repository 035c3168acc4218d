package node

import (
	"math"
	"time"
)

// calm is what an hour without faults gave.
type calm struct {
	for_    time.Duration
	changes uint64 // of the leader that some node follows
	deaths  int    // peers that another node held dead
	samples int
	ready   int // samples in which a leader that all name may assign
}

// quietCells: nothing but the weather happens, and no node changes its leader.
func quietCells() (all []*cell) {
	for _, mode := range modes {
		for _, n := range []int{2, 3, 5} {
			for _, w := range []weather{{loss: 0.3}, {bursts: true}, {loss: 0.3, late: true}, {bursts: true, late: true}} {
				all = append(all, &cell{what: "quiet", mode: mode, nodes: n, weather: w, story: quiet, hours: true})
			}
		}
	}
	return all
}

// runs is how many seeds the cell takes: of hours, as many as were asked for.
func (c *cell) runs() int {
	if c.hours {
		return int(math.Ceil(*targetHours))
	}
	return *targetRuns
}

// quiet lets an hour pass, or less if less was asked for.
func quiet(r *trial) time.Duration {
	if r.settled() == nil {
		return 0
	}
	length := time.Duration(min(1, *targetHours) * float64(time.Hour))
	before := r.changes()
	for end := r.s.now.Add(length); r.s.now.Before(end); {
		r.s.run(time.Second, nil)
		r.calm.samples++
		if r.entitled(r.s.nodes...) {
			r.calm.ready++
		}
	}
	r.calm.for_, r.calm.changes = length, r.changes()-before
	for _, x := range r.s.nodes {
		for _, p := range x.core.peers {
			if !p.lost.IsZero() {
				r.calm.deaths++
			}
		}
	}
	if r.calm.changes > 0 {
		r.fail("%d changes of leader without a fault", r.calm.changes)
	}
	return 0
}

func (r *trial) changes() (n uint64) {
	for _, x := range r.s.nodes {
		n += x.core.elect.Status().Changes
	}
	return n
}
