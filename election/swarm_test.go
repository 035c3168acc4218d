package election

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"p2pnode/wire"
)

// TestSwarm gives every seed a network and faults of its own for twenty seconds: crashes, partitions, one-way silence,
// pauses, resignations, duplicates, delays. The invariants hold at every event; five seconds after the last fault one leader is agreed.
func TestSwarm(t *testing.T) {
	const workers = 4
	for w := range workers {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			t.Parallel()
			for i := w; i < runs(); i += workers {
				seed := *from + uint64(i)
				for _, b := range swarm(seed, nil).check.broken {
					t.Errorf("swarm seed %d: %s", seed, b)
				}
			}
		})
	}
}

var traced = flag.Uint64("trace", 0, "swarm seed to print")

func swarm(seed uint64, logf func(string, ...any)) *cluster {
	rng := rand.New(rand.NewPCG(seed, 3))
	c := newCluster(seed, 2+rng.IntN(4), Quorum(rng.IntN(2)))
	if logf != nil {
		c.trace = func(format string, args ...any) {
			logf("%.3f %s", c.now.Sub(epochStart).Seconds(), fmt.Sprintf(format, args...))
		}
	}
	c.loss = []float64{0, 0.05, 0.1, 0.2, 0.3}[rng.IntN(5)]
	c.delay, c.spread = time.Duration(rng.IntN(20)+1)*time.Millisecond, time.Duration(rng.IntN(60))*time.Millisecond
	c.fsync, c.slack = time.Millisecond, time.Duration(rng.IntN(100))*time.Millisecond
	c.dup = rng.IntN(5) == 0
	if seed%5 == 4 { // every fifth rotates, and what that draws is its own: the others stay as they were
		c.rotation = time.Second + time.Duration(rand.New(rand.NewPCG(seed, 4)).IntN(3000))*time.Millisecond
	}
	for _, n := range c.nodes {
		n.load = uint16(rng.IntN(10000))
		n.start()
	}
	for end := c.now.Add(20 * time.Second); c.now.Before(end); {
		c.fault(rng)
		c.run(time.Duration(rng.Int64N(int64(2 * time.Second))))
	}
	c.repair()
	c.trace("# repaired")
	if d, ok := c.until(5*time.Second, func() bool { _, agreed := c.agreed(0); return agreed }); !ok {
		c.check.fail("no agreed leader after %v: %s", d, c.state())
	}
	c.run(2 * time.Second)
	return c
}

// fault does one random thing to the cluster.
func (c *cluster) fault(rng *rand.Rand) {
	n := c.nodes[rng.IntN(len(c.nodes))]
	switch rng.IntN(9) {
	case 0, 1:
		if n.up {
			n.crash()
			return
		}
		n.start()
	case 2:
		if l, ok := c.agreed(0); ok {
			l.crash()
		}
	case 3:
		for i := range c.side {
			c.side[i] = rng.IntN(2)
		}
	case 4:
		c.heal()
		clear(c.mute)
	case 5:
		c.mute[[2]int{n.i, rng.IntN(len(c.nodes))}] = true
	case 6:
		n.asleep = time.Duration(rng.Int64N(int64(3 * time.Second)))
		n.frozen = c.now.Add(n.asleep)
	case 7:
		if n.up && !c.now.Before(n.frozen) {
			n.m.Resign(c.now)
			n.flush()
		}
	case 8:
		n.load = uint16(rng.IntN(10000))
		if n.up {
			n.m.SetLoad(n.load)
		}
	}
}

// repair ends every fault but loss.
func (c *cluster) repair() {
	c.heal()
	clear(c.mute)
	for _, n := range c.nodes {
		if !n.up {
			n.start()
		}
		if c.now.Before(n.frozen) {
			c.run(n.frozen.Sub(c.now))
		}
	}
}

// TestSwarmSeed prints the run of the seed in -trace.
func TestSwarmSeed(t *testing.T) {
	if *traced == 0 {
		t.Skip("-trace=SEED prints a run")
	}
	c := swarm(*traced, t.Logf)
	t.Logf("nodes %d, %v, loss %.2f, delay %v+%v, broken %q", len(c.nodes), c.quorum, c.loss, c.delay, c.spread, c.check.broken)
}

var quiet = flag.Duration("quiet", 10*time.Minute, "simulated time without faults")

// TestQuietClusterKeepsItsLeader lets clusters run without a fault at 30 % loss, or 20 % in bursts: no leader changes, and in
// majority mode the leader may assign nearly always.
func TestQuietClusterKeepsItsLeader(t *testing.T) {
	for _, q := range []Quorum{Available, Majority} {
		for _, n := range []int{2, 3, 5} {
			for _, bursts := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%d/bursts=%v", q, n, bursts), func(t *testing.T) {
					t.Parallel()
					c := newCluster(*from, n, q)
					c.loss, c.spread = 0.3, 3*time.Millisecond
					if bursts {
						c.loss, c.bursts = 0, map[[2]int]*burst{}
					}
					keepsLeader(t, c)
				})
			}
		}
	}
}

func keepsLeader(t *testing.T, c *cluster) {
	for _, n := range c.nodes {
		n.start()
	}
	c.run(10 * time.Second)
	changes, samples, ready := c.check.changes, 0, 0
	for end := c.now.Add(*quiet); c.now.Before(end); samples++ {
		c.run(100 * time.Millisecond)
		if l, ok := c.agreed(0); ok && l.m.Ready(c.now) == wire.CodeOK {
			ready++
		}
	}
	share := float64(ready) / float64(samples)
	t.Logf("%d changes, may assign %.3f %% of %v", c.check.changes-changes, 100*share, *quiet)
	if c.check.changes != changes || share < 0.98 {
		t.Errorf("%d changes, may assign %.2f %%; want none, and 98 %%: %s", c.check.changes-changes, 100*share, c.state())
	}
	for _, b := range c.check.broken {
		t.Error(b)
	}
}
