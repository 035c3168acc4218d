//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// figures are the durations of one thing done many times.
type figures []time.Duration

func (f figures) sorted() figures {
	f = slices.Clone(f)
	slices.Sort(f)
	return f
}

func (f figures) median() time.Duration { return f.sorted()[len(f)/2] }
func (f figures) worst() time.Duration  { return slices.Max(f) }

func (f figures) String() string {
	s := f.sorted()
	return fmt.Sprintf("%d times: best %v, median %v, 90 %% %v, worst %v", len(f), s[0].Round(time.Millisecond),
		s.median().Round(time.Millisecond), s[len(s)*9/10].Round(time.Millisecond), s.worst().Round(time.Millisecond))
}

// succession kills the leader of a cluster again and again, and measures how long the survivors need to agree on a new
// one among themselves. wait returns when to strike.
func (l *lab) succession(all []*proc, count int, wait func()) (agreed, ready figures) {
	l.t.Helper()
	for range count {
		wait()
		leader, epoch, _ := l.agreed(30*time.Second, all...)
		rest := others(all, leader)
		leader.kill()
		took, open := l.succeeded(rest, epoch)
		agreed, ready = append(agreed, took), append(ready, open)
		leader.start()
	}
	return agreed, ready
}

// succeeded waits until survivors agree on a leader of a higher epoch, and further until it would assign jobs.
func (l *lab) succeeded(rest []*proc, epoch uint64) (agreed, ready time.Duration) {
	l.t.Helper()
	began := time.Now()
	for time.Since(began) < 30*time.Second {
		o := l.opinion(rest)
		heard := o.leader != nil && o.epoch > epoch
		if heard && agreed == 0 {
			agreed = time.Since(began)
		}
		if heard && o.ready {
			return agreed, time.Since(began)
		}
		pollPause()
	}
	l.t.Fatalf("no successor within 30 s: %s", l.describe(rest))
	return 0, 0
}

// bound fails the test where a median or a worst case is above what the project promises.
func (l *lab) bound(what string, f figures, median, worst time.Duration) {
	l.t.Helper()
	l.t.Logf("%s, %v", what, f)
	if f.median() > median {
		l.t.Errorf("%s: median %v, want at most %v", what, f.median(), median)
	}
	if worst > 0 && f.worst() > worst {
		l.t.Errorf("%s: worst %v, want at most %v", what, f.worst(), worst)
	}
}

func TestProcessLeaderOfThreeIsSucceeded(t *testing.T) {
	l := newLab(t)
	agreed, ready := l.succession(l.running(3), times(20, 3), func() {})
	l.bound("kill -9 of the leader of three to an agreed new one", agreed, 1500*time.Millisecond, 2500*time.Millisecond)
	t.Logf("… and until it assigns jobs, %v", ready)
}

func TestProcessLeaderOfThreeIsSucceededWhileAllWork(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	stop := l.busy(all)
	agreed, ready := l.succession(all, times(20, 3), func() { l.working(all, 10*time.Second) })
	jobs := stop()
	l.bound("kill -9 of the leader of three, both cores embedding, to an agreed new one", agreed, 1500*time.Millisecond, 2500*time.Millisecond)
	t.Logf("… and until it assigns jobs, %v; %d jobs meanwhile", ready, jobs)
	if jobs == 0 {
		t.Error("no job was done: the cores were not busy with them")
	}
}

func TestProcessLeaderOfTwoIsSucceeded(t *testing.T) {
	l := newLab(t)
	agreed, ready := l.succession(l.running(2), times(20, 3), func() {})
	l.bound("kill -9 of the leader of two to a new one", agreed, 2300*time.Millisecond, 0)
	t.Logf("… and until it assigns jobs, %v", ready)
}

// busy keeps the cluster at work until stop is called, which returns how many jobs were done; it waits for the first.
func (l *lab) busy(all []*proc) (stop func() int64) {
	l.t.Helper()
	photos := l.photos()
	ctx, cancel := context.WithCancel(context.Background())
	var done atomic.Int64
	var clients sync.WaitGroup
	for i := range stormClients {
		clients.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				if r := l.hide(ctx, all, photos[n%len(photos)], fmt.Sprintf("job %d of client %d", n, i)); r.OK {
					done.Add(1)
				}
			}
		})
	}
	return func() int64 {
		for limit := time.Now().Add(time.Minute); done.Load() == 0 && time.Now().Before(limit); {
			pollPause()
		}
		cancel()
		clients.Wait()
		return done.Load()
	}
}

func TestProcessThreeStartedAtOnceAgree(t *testing.T) {
	l := newLab(t)
	var took figures
	for range times(50, 3) {
		all := l.cluster(3)
		began := time.Now()
		for _, p := range all {
			p.launch()
		}
		for _, p := range all {
			p.await()
		}
		l.agreed(10*time.Second, all...)
		took = append(took, time.Since(began))
		l.discard(all)
	}
	l.bound("cold start of three at one instant to an agreed leader", took, 3*time.Second, 3*time.Second)
}

// discard ends servers and forgets everything they have stored.
func (l *lab) discard(all []*proc) {
	l.t.Helper()
	for _, p := range all {
		p.kill()
		p.wipe()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = slices.DeleteFunc(l.nodes, func(p *proc) bool { return slices.Contains(all, p) })
}
