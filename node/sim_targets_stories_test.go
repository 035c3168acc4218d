package node

import (
	"time"

	"p2pnode/election"
)

const ms = time.Millisecond

var modes = []election.Quorum{election.Available, election.Majority}

// coldCells: all start together, until they agree on a leader that assigns.
func coldCells() (all []*cell) {
	for _, mode := range modes {
		for _, n := range []int{1, 2, 3, 5, 7, 9} {
			for _, loss := range []float64{0, 0.1, 0.3} {
				c := &cell{what: "cold start", mode: mode, nodes: n, weather: weather{loss: loss}, story: coldStart}
				if n == 3 {
					c.target.p99 = 1500 * ms
				}
				all = append(all, c)
			}
		}
	}
	return all
}

func coldStart(r *trial) time.Duration {
	r.boot()
	return r.await("start", r.s.nodes...)
}

// failoverCells: the leader is killed, until the others agree on one that assigns.
func failoverCells() (all []*cell) {
	for _, mode := range modes {
		for _, n := range []int{2, 3, 5, 7, 9} {
			if n == 2 && mode == election.Majority {
				continue // one of two is no majority
			}
			for _, w := range []weather{{}, {loss: 0.1}, {loss: 0.3}, {loss: 0.5}, {bursts: true}} {
				all = append(all, &cell{what: "failover", mode: mode, nodes: n, weather: w, target: failoverTarget(n, w), story: failover})
			}
			all = append(all, &cell{what: "failover", mode: mode, nodes: n, weather: weather{loss: 0.1, late: true}, story: failover})
		}
	}
	return all
}

func failoverTarget(n int, w weather) target {
	switch {
	case n == 2:
		return target{p50: 2300 * ms, p99: 2500 * ms}
	case w.loss > 0.3:
		return target{p99: 9 * time.Second}
	case w.loss > 0.1 || w.bursts:
		return target{p99: 4 * time.Second}
	}
	return target{p50: 1500 * ms, p99: 2 * time.Second}
}

func failover(r *trial) time.Duration {
	leader := r.settled()
	if leader == nil {
		return 0
	}
	r.s.log("%s is killed", leader.name)
	r.s.crash(leader)
	return r.await("failover", r.s.without(leader)...)
}

// survivorCells: all but one follower are killed at once, until that one leads.
func survivorCells() (all []*cell) {
	for _, n := range []int{3, 5, 9} {
		for _, w := range []weather{{}, {loss: 0.3}, {bursts: true}} {
			all = append(all, &cell{what: "last survivor", nodes: n, weather: w, target: target{worst: 3500 * ms}, story: survive})
		}
	}
	return all
}

func survive(r *trial) time.Duration {
	leader := r.settled()
	if leader == nil {
		return 0
	}
	rest := r.s.without(leader)
	last := rest[r.rand.IntN(len(rest))]
	for _, x := range r.s.without(last) {
		r.s.crash(x)
	}
	r.s.log("only %s is left", last.name)
	return r.await("survival", last)
}
