//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The environment of the tests with network conditions, all of which the Makefile sets.
const (
	netemEnv      = "P2PNODE_NETEM"        // what `tc qdisc add dev eth0 root netem` gets, on every host
	netemMatrix   = "P2PNODE_NETEM_MATRIX" // a file that the table of all conditions is written to
	netemJobsEnv  = "P2PNODE_NETEM_JOBS"   // jobs before the first fault, and after each
	netemQuietFor = 5 * time.Second        // without a fault, at least

	netemMoreJobs = 20                      // than asked for, at most
	netemDead     = 1200 * time.Millisecond // of silence, and a server is dead: PROTOCOL.md §7
)

// TestNetem runs three servers and a client under one network condition.
func TestNetem(t *testing.T) {
	words := strings.Fields(os.Getenv(netemEnv))
	if len(words) == 0 {
		t.Skipf("%s='loss 20%% delay 25ms' says what the network does", netemEnv)
	}
	f := netemCell{words: words}.run(t)
	t.Logf("\n%s%s", f.head(), f)
}

// TestNetemCut is the least of it, for machines that are slow: one job, whose leader dies.
func TestNetemCut(t *testing.T) {
	words := strings.Fields(os.Getenv(netemEnv))
	if len(words) == 0 {
		t.Skipf("%s='loss 20%% delay 25ms' says what the network does", netemEnv)
	}
	n := netemCell{words: words}.begin(t)
	n.each = 1
	n.leaderDies()
	t.Logf("%s, by %s: one job in %v, a new leader in %v, %d failovers", strings.Join(words, " "), n.by, n.took, n.leaderBack, n.failovers)
}

// netemCell is one network condition.
type netemCell struct{ words []string }

// netemTrial is a cluster under a condition.
type netemTrial struct {
	*crew
	client *host
	photo  string
	netemFigures
}

// run has jobs done without a fault, then while the leader dies, then while a worker does.
func (cell netemCell) run(t *testing.T) netemFigures {
	n := cell.begin(t)
	n.quiet()
	n.leaderDies()
	n.workerDies()
	return n.netemFigures
}

// begin makes a cluster that agrees on a leader, and then its network bad.
func (cell netemCell) begin(t *testing.T) *netemTrial {
	on := newNetemNet(t, "n1", "n2", "n3", "client")
	c := staff(newLab(t), on.lan, []string{"n1", "n2", "n3"})
	c.agree(time.Minute)
	on.impose(cell.words, on.hosts...)
	n := &netemTrial{crew: c, client: on.host("client"), photo: c.paint("netem.png", 360, 270)}
	n.words, n.by, n.each = cell.words, on.by(), 2
	if jobs, err := strconv.Atoi(os.Getenv(netemJobsEnv)); err == nil {
		n.each = max(1, jobs)
	}
	return n
}

// quiet is jobs without a fault: nobody may be elected then, up to a fifth of all packets lost.
func (n *netemTrial) quiet() {
	before, _ := n.agree(time.Minute)
	sooner := slices.Max(n.lateness())
	watch, began := n.suspects(), time.Now()
	for time.Since(began) < netemQuietFor || n.jobs < n.each {
		n.job()
	}
	n.suspicions = watch()
	after, _ := n.agree(time.Minute)
	n.unasked = after.epoch - before.epoch
	late := slices.Max(n.lateness())
	n.t.Logf("%d elections without a fault, loops late by %v at worst", n.unasked, late)
	switch {
	case n.unasked == 0 || slices.Contains(n.words, "40%") || slices.Contains(n.words, "gemodel"):
	case late >= netemDead && late > sooner: // a pause, which is a fault
		n.t.Logf("%s: epoch %d became %d: this machine let a server stand still for longer than a dead one is waited for", strings.Join(n.words, " "), before.epoch, after.epoch)
	default:
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
	n.during(func(context.Context) {
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
	n.during(func(jobs context.Context) {
		until(time.Hour, func() bool { worker = n.worker(); return worker != nil || jobs.Err() != nil })
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

// during runs jobs, and f meanwhile, whose context ends with them. More jobs than asked for are run where f waits for one:
// hiding a text takes a hundredth of a second, and is soon missed.
func (n *netemTrial) during(f func(jobs context.Context)) {
	jobs, over := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(jobs)
	}()
	for i, waiting := 0, true; i < n.each || i < n.each+netemMoreJobs && waiting; i++ {
		n.job()
		select {
		case <-ended:
			waiting = false
		default:
		}
	}
	over()
	<-ended
}

// lateness is by how much the servers' loops were late at worst: on a machine that does not let them run nobody is in time.
func (n *netemTrial) lateness() (worst []time.Duration) {
	for _, p := range n.procs {
		body, err := n.get(p, "/metrics", 10*time.Second)
		_, rest, _ := strings.Cut(string(body), "\np2pnode_loop_late_seconds ")
		text, _, _ := strings.Cut(rest, "\n")
		v, err2 := strconv.ParseFloat(text, 64)
		if err != nil || err2 != nil {
			n.t.Logf("metrics of %s: %v, %v", p.name, err, err2)
		}
		worst = append(worst, seconds(v))
	}
	return worst
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
