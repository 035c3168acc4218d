package election

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"p2pnode/wire"
)

var (
	seeds = flag.Int("seeds", 200, "simulated clusters per cell")
	from  = flag.Uint64("from", 1, "first seed")
)

// runs is how many seeds a test takes: a few when tests are short, as under the race detector.
func runs() int {
	if testing.Short() {
		return min(*seeds, 20)
	}
	return *seeds
}

// cell is one line of the matrix: a cluster size, a loss rate and a mode.
type cell struct {
	nodes  int
	loss   float64
	quorum Quorum
}

// outcome is what one run of a cell gave.
type outcome struct {
	cold, failover, heal time.Duration
	words                int // election messages of the cold start, or of the failover if that took more
	broken               []string
	hash                 uint64
}

// limits is the worst that the slowest 1 % may need (PROTOCOL.md §7), with the endpoint and detector of this test.
type limits struct{ cold, median, failover, heal time.Duration }

func (c cell) limits() limits {
	switch {
	case c.loss > 0.3:
		return limits{cold: 9 * time.Second, median: 5 * time.Second, failover: 9 * time.Second, heal: 15 * time.Second}
	case c.loss > 0.1:
		return limits{cold: 5 * time.Second, median: 2500 * time.Millisecond, failover: 4 * time.Second, heal: 5 * time.Second}
	case c.nodes == 2:
		return limits{cold: 2 * time.Second, median: 2300 * time.Millisecond, failover: 2500 * time.Millisecond, heal: 5 * time.Second}
	}
	return limits{cold: 1500 * time.Millisecond, median: 1500 * time.Millisecond, failover: 2 * time.Second, heal: 5 * time.Second}
}

// TestSimulation runs every cell with many seeds, checks the invariants at every event and the targets at the end.
// -seeds=1000 -from=N runs others; a broken seed is replayed by -seeds=1 -from=S -run TestSimulation/<cell>.
func TestSimulation(t *testing.T) {
	for _, q := range []Quorum{Available, Majority} {
		for _, n := range []int{2, 3, 4, 5} {
			for _, loss := range []float64{0, 0.1, 0.3, 0.5} {
				c := cell{n, loss, q}
				t.Run(fmt.Sprintf("%v/%d/%.0f%%", q, n, 100*loss), func(t *testing.T) {
					t.Parallel()
					c.test(t)
				})
			}
		}
	}
}

func (c cell) test(t *testing.T) {
	var cold, failover, heal []time.Duration
	var words []int
	for i := range runs() {
		seed := *from + uint64(i)
		o := c.simulate(seed)
		for _, b := range o.broken {
			t.Errorf("seed %d: %s", seed, b)
		}
		words = append(words, o.words)
		cold, failover, heal = append(cold, o.cold), append(failover, o.failover), append(heal, o.heal)
	}
	l := c.limits()
	report(t, "cold start", cold, l.cold, l.cold)
	if c.survives() {
		report(t, "failover", failover, l.median, l.failover)
	}
	report(t, "heal", heal, l.heal, l.heal)
	slices.Sort(words)
	most := words[len(words)*99/100]
	t.Logf("%-10s p50 %d, p99 %d election messages", "per event", words[len(words)/2], most)
	if c.loss <= 0.1 && len(words) >= 100 && most > 6*c.nodes {
		t.Errorf("p99 of %d election messages for one event, want at most %d", most, 6*c.nodes)
	}
}

// survives reports whether the cluster can elect after its leader's death.
func (c cell) survives() bool { return c.quorum == Available || c.nodes > 2 }

// report prints the distribution and asserts its median and 99th percentile.
func report(t *testing.T, what string, d []time.Duration, median, worst time.Duration) {
	slices.Sort(d)
	p50, p99 := d[len(d)/2], d[len(d)*99/100]
	t.Logf("%-10s p50 %.2f s, p99 %.2f s, max %.2f s of %d", what, p50.Seconds(), p99.Seconds(), d[len(d)-1].Seconds(), len(d))
	if p50 > median {
		t.Errorf("%s: median %v, want at most %v", what, p50, median)
	}
	if len(d) >= 100 && p99 > worst {
		t.Errorf("%s: p99 %v, want at most %v", what, p99, worst)
	}
}

// simulate tells one story: cold start, quiet, death of the leader, restart, partition of one node, heal.
func (c cell) simulate(seed uint64) outcome {
	s := newCluster(seed, c.nodes, c.quorum)
	s.loss, s.delay, s.spread, s.fsync, s.slack = c.loss, time.Millisecond, 3*time.Millisecond, time.Millisecond, 8*time.Millisecond
	for _, n := range s.nodes {
		n.load = uint16(s.rng.IntN(10000))
		n.start()
	}
	o := outcome{}
	o.cold = c.await(s, "cold start")
	o.words = s.check.words
	c.quiet(s)
	leader, _ := s.agreed(0)
	words := s.check.words
	if leader != nil {
		leader.crash()
	}
	if c.survives() {
		o.failover = c.await(s, "failover")
		o.words = max(o.words, s.check.words-words)
	} else {
		s.run(3 * time.Second)
	}
	if leader != nil {
		leader.start()
	}
	s.run(s.some(2 * time.Second))
	odd := s.nodes[s.rng.IntN(c.nodes)]
	s.side[odd.i] = 1
	s.run(time.Second + s.some(4*time.Second))
	s.heal()
	o.heal = c.await(s, "heal")
	s.run(time.Second)
	o.broken, o.hash = s.check.broken, s.check.hash
	return o
}

// await runs until all agree on a leader that may assign, and fails the run if they do not in time.
func (c cell) await(s *cluster, what string) time.Duration {
	d, ok := s.until(30*time.Second, func() bool {
		l, agreed := s.agreed(0)
		return agreed && (c.loss > 0.3 || l.m.Ready(s.now) == wire.CodeOK)
	})
	if !ok {
		s.check.fail("%s: no agreed leader after %v: %s", what, d, s.state())
	}
	return d
}

// quiet lets time pass without a fault; at up to 30 % loss no leader may change.
func (c cell) quiet(s *cluster) {
	before, changes := s.state(), s.check.changes
	s.run(3 * time.Second)
	if c.loss <= 0.3 && s.check.changes != changes {
		s.check.fail("leader changed without a fault: %s, then %s", before, s.state())
	}
}

// state describes all nodes in one line.
func (c *cluster) state() string {
	var b strings.Builder
	for _, n := range c.nodes {
		if !n.up {
			fmt.Fprintf(&b, " %s:down", n.name)
			continue
		}
		s := n.m.Status()
		fmt.Fprintf(&b, " %s:%v of %s@%d/%d", n.name, s.Role, c.name(s.Leader), s.Epoch, s.Promised)
	}
	return b.String()
}

// TestSimulationReplays checks that a seed is a run: the same again, and another for another seed.
func TestSimulationReplays(t *testing.T) {
	c := cell{4, 0.3, Available}
	hashes := make([]uint64, 3)
	var wg sync.WaitGroup
	for i, seed := range []uint64{7, 7, 8} {
		wg.Go(func() { hashes[i] = c.simulate(seed).hash })
	}
	wg.Wait()
	if hashes[0] != hashes[1] {
		t.Errorf("seed 7 gave %x, then %x", hashes[0], hashes[1])
	}
	if hashes[0] == hashes[2] {
		t.Errorf("seeds 7 and 8 both gave %x", hashes[0])
	}
}
