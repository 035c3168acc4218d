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
)

var (
	simFrom = flag.Uint64("sim.from", 0, "the first seed of the swarm")
	simOne  = flag.Int64("sim.seed", -1, "replay one seed of the swarm and print its trace")
	simFor  = flag.Duration("sim.for", 40*time.Second, "virtual time during which a swarm's seed makes faults")
)

// TestSwarm gives every seed its own subset of faults: loss, bursts, delay, reordering, duplication, corruption, partitions
// (one-way too), crashes with and without the disk's last writes, slow disks, drifting clocks, pauses, nodes that leave and
// return, clients that die, and attackers with and without keys (sim_siege_test.go); in every fifth the lead goes round, in every seventh
// an operator has leaders step down and servers fall silent. The invariants of sim_check_test.go and
// sim_ear_test.go hold at every event; after the last fault one leader is agreed within 5 s, every job ends within 30 s,
// those of living clients with exactly one result, the ledgers become equal, and in majority mode what clients were told is
// linearizable.
func TestSwarm(t *testing.T) {
	if *simOne >= 0 {
		run := swarm(t, uint64(*simOne), t.Logf)
		t.Logf("trace %016x", run.s.trace.Sum64())
		return
	}
	began := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(1600)) // little is alive at a time, and much is made
	var virtual, next, handed, ordered atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(*simSeeds); i = next.Add(1) - 1 {
				seed := *simFrom + uint64(i)
				run := swarm(t, seed, nil)
				virtual.Add(int64(run.s.now.Sub(run.s.begun)))
				handed.Add(int64(run.check.handed))
				ordered.Add(int64(run.check.ordered))
				if i%50 == 0 {
					if again := swarm(t, seed, nil); again.s.trace.Sum64() != run.s.trace.Sum64() {
						t.Errorf("seed %d gave two traces", seed)
					}
				}
			}
		})
	}
	group.Wait()
	hours := time.Duration(virtual.Load()).Hours()
	t.Logf("%d seeds, %.2f cluster-hours, %.1f a minute; the lead was handed over %d times, %d orders were given",
		*simSeeds, hours, hours/time.Since(began).Minutes(), handed.Load(), ordered.Load())
}

// swarmRun is one seed at work.
type swarmRun struct {
	s      *sim
	seed   uint64
	rand   *rand.Rand
	check  *check
	kinds  []func()
	siege  siege
	calm   bool       // no faults but the weather's
	lossy  bool       // the weather's
	orders *rand.Rand // what an operator says is drawn from; nil: nothing is said
	due    time.Time  // by when a node that was refused, and started again, has to agree with the others
}

func swarm(t *testing.T, seed uint64, logf func(string, ...any)) *swarmRun {
	r := &swarmRun{seed: seed, rand: rand.New(rand.NewPCG(seed, 2))}
	r.s = newSim(t, seed, 1+r.rand.IntN(9), election.Quorum(r.rand.IntN(2)))
	r.s.upload, r.s.absent = 20*time.Second, 25*time.Second
	if logf != nil {
		r.s.log = func(f string, a ...any) {
			logf("%8.3f %s", r.s.now.Sub(r.s.begun).Seconds(), fmt.Sprintf(f, a...))
		}
	}
	for range r.rand.IntN(3) {
		r.s.join()
	}
	r.rotate()
	r.check = watched(r.s)
	if logf != nil {
		r.s.narrate()
	}
	r.weather()
	r.drills()
	for range r.s.nodes {
		r.check.event()
	}
	r.s.startAll()
	for end := r.s.begun.Add(*simFor); r.s.now.Before(end) && !r.check.full(); {
		r.errand()
		r.s.run(time.Duration(r.rand.IntN(2000))*time.Millisecond, nil)
		r.fault()
	}
	if !r.check.full() {
		r.repair()
		r.verdict()
	}
	for _, b := range r.check.broken {
		t.Errorf("%s (replay: go test ./node -run TestSwarm -sim.seed %d -sim.for %v -v)", b, r.seed, *simFor)
	}
	return r
}

// errand has a client submit a job, or, three times of ten, ask again about an old one.
func (r *swarmRun) errand() {
	c := r.s.clients[r.rand.IntN(len(r.s.clients))]
	if c.dead {
		return
	}
	if len(c.list) == 0 || r.rand.IntN(10) >= 3 {
		c.submit()
		return
	}
	j := c.list[r.rand.IntN(len(c.list))]
	if r.rand.IntN(2) == 0 {
		c.reread(j, r.any().id)
	} else {
		c.reread(j, noNode)
	}
}

func (r *swarmRun) fault() {
	r.order()
	if len(r.kinds) > 0 {
		r.kinds[r.rand.IntN(len(r.kinds))]()
	}
	if r.rand.IntN(3) == 0 {
		r.restart()
	}
	if r.rand.IntN(3) == 0 {
		r.comeBack()
	}
}

func (r *swarmRun) verdict() {
	from, late := r.s.now, r.behind()
	agreed := func() bool { return r.s.agreed(r.s.nodes...) != nil }
	if !r.s.run(5*time.Second+late, agreed) && !r.s.run(r.due.Sub(r.s.now), agreed) {
		r.check.fail("no agreed leader 5 s after the last fault")
	}
	r.s.log("agreed after %v", r.s.now.Sub(from))
	if !r.s.run(30*time.Second+late-r.s.now.Sub(from), r.done) {
		r.check.fail("a job has not ended 30 s after the last fault: %s", r.undone())
	}
	r.results()
	if !r.s.run(10*time.Second, func() bool { return r.s.equal(r.s.nodes...) }) {
		r.check.fail("ledgers differ 10 s after the last job")
	}
	r.orphans()
	r.check.linear()
}
