package node

import (
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire/wiretest"
)

var simSeeds = flag.Int("sim.seeds", 20, "how many seeds each simulated scenario runs")

// scenario runs f for every seed, with the seed in the subtest's name.
func scenario(t *testing.T, f func(t *testing.T, seed uint64)) {
	t.Helper()
	for seed := range uint64(*simSeeds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { f(t, seed) })
	}
}

func (s *sim) startAll() {
	for _, x := range s.nodes {
		s.start(x)
	}
}

// settled lets the cluster agree first.
func (s *sim) settled() *simNode {
	s.t.Helper()
	if !s.run(10*time.Second, func() bool { return s.agreed(s.nodes...) != nil }) {
		s.t.Fatal("no leader 10 s after a cold start")
	}
	s.run(time.Second, nil)
	return s.agreed(s.nodes...)
}

func (s *sim) without(x *simNode) []*simNode {
	return slices.DeleteFunc(slices.Clone(s.nodes), func(y *simNode) bool { return y == x })
}

func (s *sim) hosts(xs ...*simNode) (out []netip.Addr) {
	for _, x := range xs {
		out = append(out, x.addr.Addr())
	}
	return out
}

func percentile(ds []time.Duration, p int) time.Duration {
	slices.Sort(ds)
	return ds[min(len(ds)-1, len(ds)*p/100)]
}

func TestSimulatedColdStart(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		var took []time.Duration
		scenario(t, func(t *testing.T, seed uint64) {
			s := newSim(t, seed, n, election.Available)
			from := s.now
			s.startAll()
			if !s.run(10*time.Second, func() bool { return s.agreed(s.nodes...) != nil }) {
				t.Fatal("no leader within 10 s")
			}
			took = append(took, s.now.Sub(from))
		})
		t.Logf("%d nodes: p50 %v, worst %v", n, percentile(took, 50), percentile(took, 100))
		if worst := percentile(took, 100); n == 3 && worst > 3*time.Second {
			t.Errorf("cold start of 3 took %v, want at most 3 s", worst)
		}
	}
}

// Whoever is told of one server meets all, whichever it is, before and after that one dies.
func TestSimulatedIntroductions(t *testing.T) {
	first := func(x, y *simNode) bool { return y.name == "n1" }
	next := func(x, y *simNode) bool { return x.name[1]+1 == y.name[1] }
	ring := func(x, y *simNode) bool { return next(x, y) || x.name == "n5" && y.name == "n1" }
	for name, told := range map[string]func(x, y *simNode) bool{"star": first, "chain": next, "ring": ring} {
		for _, mode := range []election.Quorum{election.Available, election.Majority} {
			scenario(t, func(t *testing.T, seed uint64) {
				s := newSim(t, seed, 5, mode)
				s.told = told
				s.startAll()
				s.wantAcquainted(name, s.nodes...)
				s.crash(s.nodes[0])
				s.wantAcquainted(name+" without its first", s.nodes[1:]...)
			})
		}
	}
}

// wantAcquainted waits until nodes have one leader and each holds all others alive.
func (s *sim) wantAcquainted(what string, nodes ...*simNode) {
	s.t.Helper()
	all := func() bool {
		return s.agreed(nodes...) != nil && !slices.ContainsFunc(nodes, func(x *simNode) bool { return len(x.core.live()) != len(nodes)-1 })
	}
	if !s.run(8*time.Second, all) {
		for _, x := range nodes {
			s.t.Logf("%s holds %d alive", x.name, len(x.core.live()))
		}
		s.t.Fatalf("%s: not all have met, or they have no leader, after 8 s", what)
	}
}

func TestSimulatedLeaderDies(t *testing.T) {
	for _, c := range []struct {
		nodes int
		loss  float64
		p50   time.Duration
		worst time.Duration
	}{
		{3, 0, 1500 * time.Millisecond, 2500 * time.Millisecond},
		{3, 0.1, 1500 * time.Millisecond, 2500 * time.Millisecond},
		{3, 0.3, 0, 6 * time.Second},
		{5, 0, 1500 * time.Millisecond, 2500 * time.Millisecond},
		{2, 0, 2300 * time.Millisecond, 2500 * time.Millisecond},
	} {
		var took []time.Duration
		scenario(t, func(t *testing.T, seed uint64) {
			s := newSim(t, seed, c.nodes, election.Available)
			s.faults(wiretest.Faults{Loss: c.loss})
			s.startAll()
			leader := s.settled()
			s.crash(leader)
			rest := s.without(leader)
			from := s.now
			if !s.run(30*time.Second, func() bool { return s.agreed(rest...) != nil }) {
				t.Fatal("no new leader within 30 s")
			}
			took = append(took, s.now.Sub(from))
		})
		p50, worst := percentile(took, 50), percentile(took, 100)
		t.Logf("%d nodes, loss %.0f %%: p50 %v, worst %v", c.nodes, c.loss*100, p50, worst)
		if c.p50 > 0 && p50 > c.p50 || worst > c.worst {
			t.Errorf("want p50 ≤ %v, worst ≤ %v", c.p50, c.worst)
		}
	}
}

func TestSimulatedPartitionHeals(t *testing.T) {
	for _, mode := range []election.Quorum{election.Available, election.Majority} {
		scenario(t, func(t *testing.T, seed uint64) {
			s := newSim(t, seed, 3, mode)
			s.startAll()
			leader := s.settled()
			s.client.submit()
			s.run(2*time.Second, nil)
			s.net.Partition(s.hosts(leader), s.hosts(s.without(leader)...))
			s.client.submit()
			s.run(8*time.Second, nil)
			s.net.Heal()
			from := s.now
			if !s.run(5*time.Second, func() bool { return s.agreed(s.nodes...) != nil && s.equal(s.nodes...) }) {
				t.Fatal("no agreement on one leader and one ledger within 5 s of the heal")
			}
			healed := s.now.Sub(from)
			if !s.run(30*time.Second, s.client.allDone) {
				t.Fatalf("a job was lost (agreed after %v)", healed)
			}
		})
	}
}

func TestSimulatedJobsSurviveCrashes(t *testing.T) {
	solitary(t)
	for _, loss := range []float64{0, 0.2} {
		scenario(t, func(t *testing.T, seed uint64) {
			s := newSim(t, seed, 3, election.Available)
			s.faults(wiretest.Faults{Loss: loss})
			s.startAll()
			s.settled()
			for i := range 30 {
				s.client.submit()
				s.run(300*time.Millisecond, nil)
				if i%5 == 4 {
					x := s.nodes[s.rand.IntN(3)]
					if i%10 == 9 {
						x = s.agreed(s.nodes...)
					}
					if x == nil {
						continue
					}
					s.crash(x)
					s.run(time.Duration(s.rand.IntN(3000))*time.Millisecond, nil)
					s.start(x)
					s.run(500*time.Millisecond, nil)
				}
			}
			s.run(60*time.Second, s.client.allDone)
			for _, j := range s.client.jobs {
				if j.results != 1 || j.ended.Sub(j.started) > 30*time.Second {
					t.Errorf("job %v: %d results, refused %v, after %v", j.id, j.results, j.refused, j.ended.Sub(j.started))
				}
			}
			if !s.run(10*time.Second, func() bool { return s.equal(s.nodes...) }) {
				t.Error("ledgers differ 10 s after the last job")
			}
		})
	}
}

func TestSimulationReplays(t *testing.T) {
	run := func(seed uint64) uint64 {
		s := newSim(t, seed, 3, election.Available)
		s.faults(wiretest.Faults{Loss: 0.2})
		s.startAll()
		s.client.submit()
		s.run(20*time.Second, nil)
		return s.trace.Sum64()
	}
	if a, b := run(5), run(5); a != b {
		t.Errorf("seed 5 gave trace %016x, then %016x", a, b)
	}
	if a, b := run(5), run(6); a == b {
		t.Error("seeds 5 and 6 gave the same trace")
	}
}

func TestNoElectionWithoutAFault(t *testing.T) {
	solitary(t)
	for _, loss := range []float64{0, 0.3} {
		scenario(t, func(t *testing.T, seed uint64) {
			s := newSim(t, seed, 3, election.Available)
			s.faults(wiretest.Faults{Loss: loss})
			s.startAll()
			leader := s.settled()
			changes := leader.core.elect.Status().Changes
			s.run(5*time.Minute, nil)
			if now := s.agreed(s.nodes...); now != leader || leader.core.elect.Status().Changes != changes {
				t.Errorf("leadership changed without a fault")
			}
		})
	}
}
