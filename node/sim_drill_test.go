package node

import (
	"math/rand/v2"
	"slices"
	"time"

	"p2pnode/wire"
)

// drills lets every seventh seed have leaders step down and servers fall silent because an operator says so. What such a
// seed draws for it is its own, so that the other seeds are what they are without.
func (r *swarmRun) drills() {
	if r.seed%7 == 0 && !r.calm {
		r.orders = rand.New(rand.NewPCG(r.seed, 5))
	}
}

// order carries out what an operator says now, if anything. A server may refuse.
func (r *swarmRun) order() {
	if r.orders == nil || r.orders.IntN(3) > 0 {
		return
	}
	x := r.s.nodes[r.orders.IntN(len(r.s.nodes))]
	if r.orders.IntN(2) == 0 {
		r.tellLeader()
	} else if x.core != nil {
		r.silence(x, time.Duration(1+r.orders.IntN(4000))*time.Millisecond)
	}
}

func (r *swarmRun) tellLeader() {
	i := slices.IndexFunc(r.s.nodes, func(x *simNode) bool {
		return x.core != nil && !x.core.deaf() && x.core.elect.Status().Role == wire.Leader
	})
	if i < 0 || r.s.now.Before(r.s.nodes[i].until) {
		return
	}
	x := r.s.nodes[i]
	err := x.core.stepDown(r.s.local(x))
	r.s.log("%s is told to step down: %v", x.name, err)
	r.s.flush(x)
	r.check.event()
	r.check.ordered++
	r.s.after(returnAt, r.check.event)
}

// silence makes a server deaf and mute for a while.
func (r *swarmRun) silence(x *simNode, d time.Duration) {
	err := x.core.fault(r.s.local(x), d)
	r.s.log("%s is told to be silent for %v: %v", x.name, d, err)
	r.s.flush(x)
	r.check.event()
	if err == nil {
		r.check.ordered++
		r.s.after(faultDelay, r.check.event)
		r.s.after(faultDelay+d, r.check.event)
	}
}

// silent reports whether an order to be silent is still being obeyed.
func (r *swarmRun) silent() bool {
	return slices.ContainsFunc(r.s.nodes, func(x *simNode) bool { return x.core != nil && !x.core.drill.to.IsZero() })
}
