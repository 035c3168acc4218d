package node

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

var (
	simFrom = flag.Uint64("sim.from", 0, "the first seed of the swarm")
	simOne  = flag.Int64("sim.seed", -1, "replay one seed of the swarm and print its trace")
	simFor  = flag.Duration("sim.for", 40*time.Second, "virtual time during which a swarm's seed makes faults")
)

// TestSwarm gives every seed its own subset of faults: loss, bursts, delay, reordering, duplication, corruption, partitions
// (one-way too), crashes that lose what the disk had not committed, drifting clocks, pauses, nodes that leave and return.
// The invariants of sim_check_test.go hold at every event; after the last fault one leader is agreed within 5 s, every
// job ends within 30 s with exactly one result, and the ledgers become equal.
func TestSwarm(t *testing.T) {
	if *simOne >= 0 {
		run := swarm(t, uint64(*simOne), t.Logf)
		t.Logf("trace %x", run.s.trace)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a cluster is small and makes much garbage
	began := time.Now()
	var virtual, next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(*simSeeds); i = next.Add(1) - 1 {
				seed := *simFrom + uint64(i)
				run := swarm(t, seed, nil)
				virtual.Add(int64(run.s.now.Sub(run.s.begun)))
				if i%50 == 0 {
					if again := swarm(t, seed, nil); again.s.trace != run.s.trace {
						t.Errorf("seed %d gave two traces", seed)
					}
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d seeds, %.1f cluster-hours a minute", *simSeeds, time.Duration(virtual.Load()).Hours()/time.Since(began).Minutes())
}

// swarmRun is one seed at work.
type swarmRun struct {
	s     *sim
	rand  *rand.Rand
	check *check
	kinds []func()
	gone  map[*simNode]bool
}

func swarm(t *testing.T, seed uint64, logf func(string, ...any)) *swarmRun {
	r := &swarmRun{rand: rand.New(rand.NewPCG(seed, 2)), gone: map[*simNode]bool{}}
	r.s = newSim(t, seed, 1+r.rand.IntN(7), election.Quorum(r.rand.IntN(2)))
	if logf != nil {
		r.s.log = func(f string, a ...any) {
			logf("%8.3f %s", r.s.now.Sub(r.s.begun).Seconds(), fmt.Sprintf(f, a...))
		}
	}
	r.check = watched(r.s)
	r.weather()
	r.s.startAll()
	for end := r.s.begun.Add(*simFor); r.s.now.Before(end); {
		r.s.client.submit()
		r.s.run(time.Duration(r.rand.IntN(2000))*time.Millisecond, nil)
		r.fault()
	}
	r.repair()
	r.verdict(seed)
	return r
}

// weather draws what the network and the clocks are like, and which faults this seed makes.
func (r *swarmRun) weather() {
	var f wiretest.Faults
	maybe := func(p float64, set func()) {
		if r.rand.Float64() < p {
			set()
		}
	}
	maybe(0.5, func() { f.Loss = r.rand.Float64() * 0.3 })
	maybe(0.2, func() { f.BurstStart, f.BurstEnd = 0.01, 0.2 })
	maybe(0.5, func() {
		f.Delay, f.Jitter = time.Duration(r.rand.IntN(30))*time.Millisecond, time.Duration(r.rand.IntN(30))*time.Millisecond
	})
	maybe(0.3, func() { f.Reorder = 0.2 })
	maybe(0.3, func() { f.Duplicate = 0.1 })
	maybe(0.2, func() { f.Corrupt = 0.02 })
	r.s.faults(f)
	maybe(0.5, func() {
		for _, x := range r.s.nodes {
			x.rate = 1 + (r.rand.Float64()-0.5)*0.1
		}
	})
	for _, k := range []func(){r.crash, r.crashLeader, r.restart, r.partition, r.oneWay, r.heal, r.pause, r.leave} {
		maybe(0.6, func() { r.kinds = append(r.kinds, k) })
	}
	r.s.log("seed draws %d nodes, %v, faults %+v, %d kinds", len(r.s.nodes), r.s.mode, f, len(r.kinds))
}

func (r *swarmRun) fault() {
	if len(r.kinds) > 0 {
		r.kinds[r.rand.IntN(len(r.kinds))]()
	}
	if r.rand.IntN(3) == 0 {
		r.restart()
	}
}

func (r *swarmRun) any() *simNode { return r.s.nodes[r.rand.IntN(len(r.s.nodes))] }

func (r *swarmRun) crash() { r.down(r.any()) }

func (r *swarmRun) down(x *simNode) {
	if x.core != nil {
		r.s.log("%s crashes", x.name)
		r.s.crash(x)
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
	r.s.log("partition %v | %v", r.s.hosts(side[true]...), r.s.hosts(side[false]...))
	r.s.net.Partition(r.s.hosts(side[true]...), r.s.hosts(side[false]...))
}

func (r *swarmRun) oneWay() {
	a, b := r.any(), r.any()
	r.s.log("nothing from %s to %s", a.name, b.name)
	r.s.net.Cut(wiretest.Link{From: a.addr.Addr(), To: b.addr.Addr()})
}

func (r *swarmRun) heal() {
	r.s.log("heal")
	r.s.net.Heal()
}

func (r *swarmRun) pause() { r.s.pause(r.any(), time.Duration(r.rand.IntN(4000))*time.Millisecond) }

// leave stops a node politely.
func (r *swarmRun) leave() {
	x := r.any()
	if x.core == nil || r.s.now.Before(x.until) {
		return
	}
	r.s.log("%s leaves", x.name)
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

// repair ends all faults: everybody runs and hears everybody, as well as the weather allows.
func (r *swarmRun) repair() {
	r.s.run(time.Second, nil)
	r.s.net.Heal()
	for _, x := range r.s.nodes {
		x.until = time.Time{}
		if x.core == nil {
			r.s.start(x)
		}
		r.s.wake(x)
	}
	r.s.log("repaired")
}

func (r *swarmRun) verdict(seed uint64) {
	from := r.s.now
	if !r.s.run(5*time.Second, func() bool { return r.s.agreed(r.s.nodes...) != nil }) {
		r.check.fail("no agreed leader 5 s after the last fault")
	}
	r.s.log("agreed after %v", r.s.now.Sub(from))
	if !r.s.run(30*time.Second-r.s.now.Sub(from), r.s.client.allDone) {
		r.check.fail("a job has not ended 30 s after the last fault")
	}
	for _, j := range r.s.client.jobs {
		if j.results != 1 {
			r.check.fail("job %v: %d results, refused: %v", j.id, j.results, j.refused)
		}
	}
	if !r.s.run(10*time.Second, func() bool { return r.s.equal(r.s.nodes...) }) {
		r.check.fail("ledgers differ 10 s after the last job")
	}
	for _, b := range r.check.broken {
		r.s.t.Errorf("%s (replay: go test ./node -run TestSwarm -sim.seed %d -sim.for %v -v)", b, seed, *simFor)
	}
}
