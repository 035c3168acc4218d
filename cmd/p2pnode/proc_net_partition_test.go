//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A partition of three servers for a while, with jobs before, during and after it.
type partition struct {
	quorum string
	alone  string // leader | follower
}

func TestPartitionHeals(t *testing.T) {
	cases := []partition{{"available", "leader"}, {"majority", "leader"}, {"available", "follower"}, {"majority", "follower"}}
	for _, p := range cases[:times(4, 2)] {
		t.Run(p.quorum+" "+p.alone+" alone", p.run)
	}
}

func (p partition) run(t *testing.T) {
	on := newLAN(t, "n1", "n2", "n3", "client1", "client2")
	var args []string
	if p.quorum == "majority" {
		args = []string{"--quorum", "majority", "--voters", "n1,n2,n3"}
	}
	c := staff(newLab(t), on, []string{"n1", "n2", "n3"}, args...)
	before, _ := c.agree(10 * time.Second)
	lone, rest := c.leads(before)
	if p.alone == "follower" {
		lone, rest = rest[0], []*proc{lone, rest[1]}
	}

	// client1 stays with the lone server, client2 with the others
	jobs := newWorkload(c)
	jobs.from(on.host("client1"))
	jobs.from(on.host("client2"))
	jobs.await(2, 20*time.Second)
	on.cut(lone.name, "client1")
	length := time.Duration(times(10, 4)) * time.Second
	cutAt := time.Now()
	_, led := c.agree(length, rest...)
	if led < length {
		t.Logf("the two sides had a leader %v after the cut", led.Round(time.Millisecond))
	}
	<-time.After(length - time.Since(cutAt))
	during := jobs.count()
	on.heal()
	after, took := c.agree(5 * time.Second)
	jobs.await(during+2, 30*time.Second)
	jobs.stop()
	settled, _ := c.agree(10 * time.Second)
	if settled.leader != after.leader || settled.epoch != after.epoch {
		t.Errorf("leader %s of epoch %d after the heal, %s of %d a little later", after.leader, after.epoch, settled.leader, settled.epoch)
	}
	if settled.open != 0 {
		t.Errorf("%d jobs still open in the ledger, their clients are done", settled.open)
	}
	t.Logf("%s, cut for %v: before %s/%d; one leader (%s/%d) and equal ledgers (%d records) %v after the heal; %d jobs, %d of them during the cut, all verified",
		t.Name(), length, before.leader, before.epoch, after.leader, after.epoch, settled.ledger.Records, took.Round(time.Millisecond), jobs.count(), during)
}

// workload is clients that submit one job after the other, until it is stopped. Every job has to succeed.
type workload struct {
	c      *crew
	photo  string
	ctx    context.Context
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu   sync.Mutex
	done int // guarded by mu
}

func newWorkload(c *crew) *workload {
	j := &workload{c: c, photo: c.photos()[0]}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	c.t.Cleanup(j.stop)
	return j
}

// from starts a client on a host.
func (j *workload) from(h *host) {
	j.ended.Go(func() {
		for i := 0; j.ctx.Err() == nil; i++ {
			text := fmt.Sprintf("%s's text %d", h.name, i)
			if r := j.c.hides(context.Background(), h, j.photo, text, "--timeout", "60s"); r.exit != 0 {
				j.c.t.Errorf("%q: exit %d: %s", text, r.exit, tail(r.stderr, 1500))
			}
			j.mu.Lock()
			j.done++
			j.mu.Unlock()
		}
	})
}

func (j *workload) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.done
}

// await waits until so many jobs are done.
func (j *workload) await(n int, within time.Duration) {
	j.c.t.Helper()
	if until(within, func() bool { return j.count() >= n }) >= within {
		j.c.t.Errorf("%d jobs done within %v, want %d", j.count(), within, n)
	}
}

// stop lets every client finish its job.
func (j *workload) stop() {
	j.cancel()
	j.ended.Wait()
}
