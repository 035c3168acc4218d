//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The environment of the tests with network conditions, all of which the Makefile sets.
const (
	netemEnv      = "P2PNODE_NETEM"        // what `tc qdisc add dev eth0 root netem` gets, on every host
	netemMatrix   = "P2PNODE_NETEM_MATRIX" // a file that the table of all conditions is written to
	netemJobsEnv  = "P2PNODE_NETEM_JOBS"   // jobs before the first fault, and after each
	netemQuietFor = 5 * time.Second        // without a fault, at least
)

// TestNetem runs three servers and a client under one network condition.
func TestNetem(t *testing.T) {
	words := strings.Fields(os.Getenv(netemEnv))
	if len(words) == 0 {
		t.Skipf("%s='loss 20%% delay 25ms' says what the network does", netemEnv)
	}
	f := netemCell{words: words}.run(t)
	t.Logf("\n%s%s", netemHead, f)
}

// netemCells are the conditions of the matrix.
func netemCells() (cells []netemCell) {
	for _, loss := range []string{"0%", "5%", "20%", "40%"} {
		for _, delay := range []string{"0ms", "25ms", "100ms"} {
			cells = append(cells, netemCell{strings.Fields("loss " + loss + " delay " + delay)})
		}
	}
	for _, more := range []string{"reorder 25%", "duplicate 10%", "corrupt 1%"} {
		cells = append(cells, netemCell{strings.Fields("loss 5% delay 25ms " + more)})
	}
	return append(cells, netemCell{strings.Fields("loss gemodel 5% 30% delay 25ms")})
}

// TestNetemMatrix runs all conditions, and writes what it saw as a table.
func TestNetemMatrix(t *testing.T) {
	path := os.Getenv(netemMatrix)
	if path == "" {
		t.Skipf("%s=FILE writes the table of all conditions there", netemMatrix)
	}
	table := netemHead
	for _, cell := range netemCells() {
		t.Run(strings.Join(cell.words, " "), func(t *testing.T) {
			table += cell.run(t).String()
			if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// netemCell is one network condition.
type netemCell struct{ words []string }

// netemFigures is what was seen under one condition.
type netemFigures struct {
	words            []string
	jobs, failovers  int
	bytes            int64 // up and down
	took             []time.Duration
	unasked, elected uint64        // changes of epoch without and with a fault
	suspicions       int           // of servers that lived
	leaderBack       time.Duration // until the others agreed on a new one
}

const netemHead = "| network, each host's sending | jobs | goodput | p50 | p99 | new leader | epochs without fault | epochs with 2 kills | false suspicions |\n|---|---|---|---|---|---|---|---|---|\n"

// String is the row of a table.
func (f netemFigures) String() string {
	slices.Sort(f.took)
	sum := time.Duration(0)
	for _, d := range f.took {
		sum += d
	}
	at := func(percent int) float64 { return f.took[min(len(f.took)-1, len(f.took)*percent/100)].Seconds() }
	return fmt.Sprintf("| %s | %d | %.0f KiB/s | %.1f s | %.1f s | %.1f s | %d | %d | %d |\n", strings.Join(f.words, " "), f.jobs,
		float64(f.bytes)/1024/sum.Seconds(), at(50), at(99), f.leaderBack.Seconds(), f.unasked, f.elected, f.suspicions)
}

// netemTrial is a cluster under a condition.
type netemTrial struct {
	*crew
	client *host
	photo  string
	each   int // jobs of one part
	netemFigures
}

// run has jobs done without a fault, then while the leader dies, then while a worker does.
func (cell netemCell) run(t *testing.T) netemFigures {
	on := newNetemNet(t, "n1", "n2", "n3", "client")
	c := staff(newLab(t), on.lan, []string{"n1", "n2", "n3"})
	c.agree(time.Minute)
	on.impose(cell.words)
	n := &netemTrial{crew: c, client: on.host("client"), photo: c.paint("netem.png", 360, 270), each: 2}
	n.words = cell.words
	if jobs, err := strconv.Atoi(os.Getenv(netemJobsEnv)); err == nil {
		n.each = max(1, jobs)
	}
	n.quiet()
	n.leaderDies()
	n.workerDies()
	return n.netemFigures
}

// quiet is jobs without a fault: nobody may be elected then, up to a fifth of all packets lost.
func (n *netemTrial) quiet() {
	before, _ := n.agree(time.Minute)
	watch, began := n.suspects(), time.Now()
	for time.Since(began) < netemQuietFor || n.jobs < n.each {
		n.job()
	}
	n.suspicions = watch()
	after, _ := n.agree(time.Minute)
	n.unasked = after.epoch - before.epoch
	if n.unasked > 0 && !slices.Contains(n.words, "40%") && !slices.Contains(n.words, "gemodel") {
		n.t.Errorf("%s: epoch %d became %d although nothing had happened", strings.Join(n.words, " "), before.epoch, after.epoch)
	}
}

// job hides one text, and checks it.
func (n *netemTrial) job() {
	n.t.Helper()
	n.jobs++
	r := n.hides(context.Background(), n.client, n.photo, fmt.Sprintf("job %d through it", n.jobs), "--timeout", "4m")
	if r.exit != 0 {
		n.t.Errorf("job %d: exit %d: %s", n.jobs, r.exit, tail(r.stderr, 1500))
		return
	}
	info, err := os.Stat(n.photo)
	if err != nil {
		n.t.Fatal(err)
	}
	n.took = append(n.took, r.took)
	n.bytes += info.Size() + r.Size
	n.failovers += r.Failovers
}

// leaderDies kills the leader in the middle of a job, and starts it again after the jobs that follow.
func (n *netemTrial) leaderDies() {
	v, _ := n.agree(time.Minute)
	leader, rest := n.leads(v)
	n.during(func() {
		<-time.After(300 * time.Millisecond)
		leader.kill()
		_, n.leaderBack = n.agree(time.Minute, rest...)
	})
	n.back(leader, v)
}

// workerDies kills the server that works on a job.
func (n *netemTrial) workerDies() {
	v, _ := n.agree(time.Minute)
	var worker *proc
	n.during(func() {
		until(20*time.Second, func() bool { worker = n.worker(); return worker != nil })
		if worker != nil {
			worker.kill()
		}
	})
	if worker == nil {
		n.t.Error("no server was seen to work on a job")
		return
	}
	n.back(worker, v)
}

// during runs jobs, and f meanwhile.
func (n *netemTrial) during(f func()) {
	var both sync.WaitGroup
	both.Go(f)
	for range n.each {
		n.job()
	}
	both.Wait()
}

// back starts a dead server again, and counts the elections since.
func (n *netemTrial) back(p *proc, since view) {
	p.start()
	v, _ := n.agree(time.Minute)
	n.elected += v.epoch - since.epoch
}

// worker returns a server that has a job in hand.
func (n *netemTrial) worker() *proc {
	for _, p := range n.procs {
		s, err := n.see(p)
		if err != nil {
			continue
		}
		for _, x := range s.Nodes {
			if x.Name == p.name && x.Jobs > 0 {
				return p
			}
		}
	}
	return nil
}

// suspects counts how often a server that lives is suspected, or held dead, until the function it returns is called.
func (n *netemTrial) suspects() (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, count, bad := make(chan struct{}), 0, map[string]bool{}
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			for _, p := range n.procs {
				count += n.doubts(p, bad)
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() int { cancel(); <-ended; return count }
}

// doubts counts whom a server suspects that it did not suspect at the last look.
func (n *netemTrial) doubts(p *proc, bad map[string]bool) (count int) {
	s, err := n.see(p)
	if err != nil {
		return 0
	}
	for _, x := range s.Nodes {
		pair, doubted := p.name+" of "+x.Name, x.State != "alive"
		if doubted && !bad[pair] {
			count++
		}
		bad[pair] = doubted
	}
	return count
}
