package node

import (
	"slices"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// weather draws what the network, the disks and the clocks are like, and which faults this seed makes.
func (r *swarmRun) weather() {
	var f wiretest.Faults
	maybe := func(p float64, set func()) {
		if r.rand.Float64() < p {
			set()
		}
	}
	maybe(0.04, func() { r.calm = true })
	maybe(0.5, func() { f.Loss = r.rand.Float64() * 0.3 })
	if !r.calm {
		maybe(0.2, func() { f.BurstStart, f.BurstEnd = 0.01, 0.2 })
	}
	maybe(0.5, func() {
		f.Delay, f.Jitter = time.Duration(r.rand.IntN(30))*time.Millisecond, time.Duration(r.rand.IntN(30))*time.Millisecond
	})
	maybe(0.3, func() { f.Reorder = 0.2 })
	maybe(0.3, func() { f.Duplicate = 0.1 })
	maybe(0.2, func() { f.Corrupt = 0.02 })
	r.s.faults(f)
	r.lossy = f.Loss > 0 || f.BurstStart > 0
	r.check.rough, r.check.quiet = r.lossy, r.calm && r.s.rotation == 0
	maybe(0.5, func() {
		for _, x := range r.s.nodes {
			x.rate = 1 + (r.rand.Float64()-0.5)*0.1
		}
	})
	kinds := []func(){r.crash, r.crashLeader, r.restart, r.partition, r.oneWay, r.heal, r.pause, r.leave, r.clientDies}
	for _, k := range kinds {
		if !r.calm {
			maybe(0.6, func() { r.kinds = append(r.kinds, k) })
		}
	}
	r.disks()
	r.s.log("seed draws %d nodes, %v, %d clients, %+v, %d kinds of faults", len(r.s.nodes), r.s.mode, len(r.s.clients), f, len(r.kinds))
	if r.s.rotation > 0 {
		r.s.log("an idle leader leads for %v", r.s.rotation)
	}
	r.besiege(maybe)
}

// disks draws how fast each is, and what a crash leaves of its last writes.
func (r *swarmRun) disks() {
	slow := r.rand.IntN(5) == 0
	for _, x := range r.s.nodes {
		x.disk.fate = fate(r.rand.IntN(3))
		if slow && r.rand.IntN(2) == 0 && !r.calm {
			x.disk.slow = time.Duration(1+r.rand.IntN(500)) * time.Millisecond
			r.s.log("%s has a disk that takes up to %v", x.name, x.disk.slow)
		}
	}
}

func (r *swarmRun) any() *simNode { return r.s.nodes[r.rand.IntN(len(r.s.nodes))] }

func (r *swarmRun) crash() { r.down(r.any()) }

func (r *swarmRun) down(x *simNode) {
	if x.core != nil {
		r.s.log("%s crashes, %d batches unstored: %v", x.name, len(x.disk.waiting), x.disk.fate)
		r.s.crash(x)
		r.check.event()
	}
}

func (r *swarmRun) crashLeader() {
	for _, x := range r.s.nodes {
		if x.core != nil && x.core.elect.Status().Role == wire.Leader {
			r.down(x)
			return
		}
	}
}

func (r *swarmRun) restart() {
	for _, x := range r.s.nodes {
		if x.core == nil {
			r.s.start(x)
			r.check.event()
			return
		}
	}
}

func (r *swarmRun) partition() {
	side := map[bool][]*simNode{}
	for _, x := range r.s.nodes {
		b := r.rand.IntN(2) == 0
		side[b] = append(side[b], x)
	}
	r.s.log("partition %v | %v", namesOf(side[true]), namesOf(side[false]))
	r.s.net.Partition(r.s.hosts(side[true]...), r.s.hosts(side[false]...))
	r.check.event()
	r.check.rough = true
}

func namesOf(xs []*simNode) (out []string) {
	for _, x := range xs {
		out = append(out, x.name)
	}
	return out
}

func (r *swarmRun) oneWay() {
	a, b := r.any(), r.any()
	r.s.log("nothing from %s to %s", a.name, b.name)
	r.s.net.Cut(wiretest.Link{From: a.addr.Addr(), To: b.addr.Addr()})
	r.check.event()
	r.check.rough = true
}

func (r *swarmRun) heal() {
	r.s.log("heal")
	r.s.net.Heal()
	r.check.event()
	r.check.rough = r.lossy
}

func (r *swarmRun) pause() {
	d := time.Duration(r.rand.IntN(4000)) * time.Millisecond
	r.s.pause(r.any(), d)
	r.check.event()
	r.s.after(d, r.check.event)
}

// leave stops a node politely.
func (r *swarmRun) leave() {
	x := r.any()
	if x.core == nil || r.s.now.Before(x.until) {
		return
	}
	r.s.log("%s leaves", x.name)
	r.check.event()
	x.core.stopping = true
	x.core.leave(r.s.local(x))
	r.s.flush(x)
	life := x.life
	r.s.after(300*time.Millisecond, func() {
		if x.life == life {
			r.s.crash(x)
		}
	})
}

// clientDies ends a client's process in the middle of whatever it does. Some never return.
func (r *swarmRun) clientDies() {
	c := r.s.clients[r.rand.IntN(len(r.s.clients))]
	if !c.dead {
		c.die()
	}
}

// comeBack starts a client again that has died.
func (r *swarmRun) comeBack() {
	i := slices.IndexFunc(r.s.clients, func(c *simClient) bool { return c.dead })
	if i >= 0 && r.rand.IntN(3) > 0 {
		r.s.clients[i].comeBack()
	}
}

// repair ends all faults: everybody runs and hears everybody, as well as the weather allows.
func (r *swarmRun) repair() {
	r.s.run(time.Second, nil)
	r.s.run(2*time.Minute, func() bool { return !r.silent() })
	r.siege.over = true
	r.check.rough = r.lossy || r.siege.expelled // who does not believe an epoch yet is told of it again and again
	r.s.net.Heal()
	for _, x := range r.s.nodes {
		x.until, x.disk.slow = time.Time{}, 0
		if x.core == nil {
			r.s.start(x)
		}
		r.s.wake(x)
	}
	r.check.event()
	r.s.log("repaired")
}
