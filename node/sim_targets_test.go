package node

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"p2pnode/election"
)

var (
	targetRuns  = flag.Int("targets.runs", 2, "runs of each cell; from 200 on its percentiles are held to the targets")
	targetHours = flag.Float64("targets.hours", 0.02, "simulated hours of each cell without faults")
	targetFrom  = flag.Uint64("targets.from", 1, "first seed of each cell")
	targetCell  = flag.String("targets.cell", "", "only cells whose name, with $ at its end, contains this")
	targetSeed  = flag.Uint64("targets.seed", 0, "replay one seed of -targets.cell, which names one cell, and print its trace")
	targetOut   = flag.String("targets.out", "", "file that gets the tables as Markdown")
)

const judged = 200 // runs from which on percentiles mean something

// cell is one promise of PROTOCOL.md §7 under one condition, told as a story that gives one duration.
type cell struct {
	what    string
	mode    election.Quorum
	nodes   int
	weather weather
	target  target
	story   func(r *trial) time.Duration
	hours   bool // its runs are hours, and it measures changes of leader
}

// target is what a cell has to keep. Zero: nothing is promised, the figure is reported.
type target struct{ p50, p99, worst time.Duration }

func (c *cell) name() string {
	return fmt.Sprintf("%s/%v/%d/%v", c.what, c.mode, c.nodes, c.weather)
}

// chosen reports whether -targets.cell wants the cell. Short tests leave out the large clusters.
func (c *cell) chosen() bool {
	return strings.Contains(c.name()+"$", *targetCell) && !(testing.Short() && c.nodes > 3)
}

// trial is one run of a cell: a whole simulated cluster with its invariants watched.
type trial struct {
	s       *sim
	cell    *cell
	seed    uint64
	rand    *rand.Rand
	broken  []string
	took    time.Duration
	agreed  time.Duration // start, failover: until all named one leader, who may not have assigned yet
	ledgers time.Duration // heal: until they were equal
	jobs    time.Duration // heal: until the last accepted job had ended
	calm    calm
}

func (r *trial) fail(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf("%.3f s: ", r.s.now.Sub(r.s.begun).Seconds())+fmt.Sprintf(format, args...))
}

// try runs one seed. Cells with the same seed do not share their chances.
func (c *cell) try(t testing.TB, seed uint64, logf func(string, ...any)) *trial {
	h := fnv.New64a()
	h.Write([]byte(c.name()))
	mixed := seed ^ h.Sum64()
	r := &trial{s: newSim(t, mixed, c.nodes, c.mode), cell: c, seed: seed, rand: rand.New(rand.NewPCG(mixed, 3))}
	if logf != nil {
		r.s.log = func(f string, a ...any) {
			logf("%8.3f %s", r.s.now.Sub(r.s.begun).Seconds(), fmt.Sprintf(f, a...))
		}
	}
	var watch *check
	if !c.hours { // an hour is looked at when it is over
		watch = watched(r.s)
	}
	if logf != nil {
		r.gossip()
	}
	r.forecast()
	r.took = c.story(r)
	if watch != nil {
		r.broken = append(r.broken, watch.broken...)
	}
	return r
}

func cells() []*cell {
	return slices.Concat(coldCells(), failoverCells(), survivorCells(), healCells(), quietCells())
}

// TestTargets measures the promises of PROTOCOL.md §7, and fails where one is not kept. make targets writes the tables.
func TestTargets(t *testing.T) {
	solitary(t)
	chosen := slices.DeleteFunc(cells(), func(c *cell) bool { return !c.chosen() })
	if *targetSeed != 0 {
		replay(t, chosen)
		return
	}
	results := make([][]*trial, len(chosen))
	tasks := make(chan func())
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for f := range tasks {
				f()
			}
		})
	}
	for i, c := range chosen {
		results[i] = make([]*trial, c.runs())
		for run := range results[i] {
			tasks <- func() { results[i][run] = c.run(t, *targetFrom+uint64(run)) }
		}
	}
	close(tasks)
	group.Wait()
	report(t, chosen, results)
}

// run tries one seed and keeps of it what tables need.
func (c *cell) run(t *testing.T, seed uint64) *trial {
	r := c.try(t, seed, nil)
	for _, b := range r.broken {
		t.Errorf("%s: %s\n%s", c.name(), b, c.replay(seed))
	}
	r.s = nil
	return r
}

// replay is the command that runs one seed again, with its trace.
func (c *cell) replay(seed uint64) string {
	return fmt.Sprintf("replay: go test ./node -run '^TestTargets$' -v -targets.cell '%s$' -targets.seed %d", c.name(), seed)
}

func replay(t *testing.T, chosen []*cell) {
	if len(chosen) != 1 {
		t.Fatalf("-targets.cell names %d cells, want one", len(chosen))
	}
	r := chosen[0].try(t, *targetSeed, t.Logf)
	t.Logf("took %v, ledgers equal after %v, jobs ended after %v, %+v", r.took, r.ledgers, r.jobs, r.calm)
	for _, b := range r.broken {
		t.Error(b)
	}
}
