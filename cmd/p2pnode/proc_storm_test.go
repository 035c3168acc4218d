//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// storm is a number of jobs by several clients at once, while something happens to the servers.
type storm struct {
	l    *lab
	all  []*proc
	want int // jobs at least
	hits int // blows at least

	next atomic.Int64
	blow atomic.Int64 // blows struck so far

	mu   sync.Mutex
	done []told // guarded by mu
}

const stormClients = 4

// weather sends jobs until enough are done and strike, called again and again, has struck often enough.
func (l *lab) weather(all []*proc, jobs, hits int, strike func()) *storm {
	l.t.Helper()
	s := &storm{l: l, all: all, want: jobs, hits: hits}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	photos := l.photos()
	began := time.Now()
	var clients sync.WaitGroup
	calm := make(chan struct{})
	for range stormClients {
		clients.Go(func() { s.submit(ctx, photos) })
	}
	go func() {
		clients.Wait()
		close(calm)
	}()
	for !s.over(calm) {
		strike()
		s.blow.Add(1)
	}
	<-calm
	s.judge(time.Since(began))
	return s
}

// over waits 2 to 4 s for the next blow, and reports whether all jobs are done before it.
func (s *storm) over(calm <-chan struct{}) bool {
	select {
	case <-calm:
		return true
	case <-time.After(2*time.Second + rand.N(2*time.Second)):
		return false
	}
}

// submit is one client after another, each with one job.
func (s *storm) submit(ctx context.Context, photos []string) {
	for ctx.Err() == nil {
		n := int(s.next.Add(1))
		if n > s.want && s.blow.Load() >= int64(s.hits) {
			return
		}
		text := fmt.Sprintf("job %d in the storm: ¿vuelve? да ✓ %x", n, rand.Uint64())
		r := s.l.hide(ctx, s.all, photos[n%len(photos)], text)
		if r.exit != 0 {
			return // hide has told it
		}
		s.mu.Lock()
		s.done = append(s.done, r)
		s.mu.Unlock()
	}
}

// judge prints the figures and checks that each job was done, once.
func (s *storm) judge(took time.Duration) {
	s.l.t.Helper()
	attempts, failovers, ids, seconds := 0, 0, map[string]bool{}, []float64{}
	for _, r := range s.done {
		attempts += r.Attempts
		failovers += r.Failovers
		if ids[r.Job] {
			s.l.t.Errorf("job %s has two results", r.Job)
		}
		ids[r.Job] = true
		seconds = append(seconds, r.Seconds)
	}
	if inFull() && attempts > len(s.done)+len(s.all) && failovers == 0 {
		s.l.t.Errorf("%d attempts came to nothing, yet no job went to another server", attempts-len(s.done))
	}
	if len(s.done) < s.want {
		s.l.t.Errorf("%d jobs done, want %d", len(s.done), s.want)
		return
	}
	slowest := slices.MaxFunc(s.done, func(a, b told) int { return cmp.Compare(a.Seconds, b.Seconds) })
	slices.Sort(seconds)
	s.l.t.Logf("the slowest job's client says:\n%s", tail(slowest.stderr, 3000))
	s.l.t.Logf("%d jobs in %.0f s, %d blows: %d attempts, %d failovers; seconds a job: median %.2f, 90 %% %.2f, worst %.2f",
		len(s.done), took.Seconds(), s.blow.Load(), attempts, failovers, seconds[len(seconds)/2], seconds[len(seconds)*9/10], seconds[len(seconds)-1])
}

// retried reports how many attempts came to nothing.
func (s *storm) retried() (n int) {
	for _, r := range s.done {
		n += r.Attempts - 1
	}
	return n
}

// compareLedgers ends all servers and compares what they have on disk with what the clients reported.
func (s *storm) compareLedgers() {
	t := s.l.t
	t.Helper()
	s.l.agreed(30*time.Second, s.all...)
	merged := map[string]wire.Record{}
	for _, p := range s.all {
		if exit := p.terminate(15 * time.Second); exit != 0 {
			t.Errorf("%s ended with exit %d: %s", p.name, exit, p.lastWords(500))
		}
		for _, r := range p.records() {
			id := r.Job.String()
			if old, ok := merged[id]; ok {
				r = node.Merge(old, r)
			}
			merged[id] = r
		}
	}
	elsewhere := 0
	for _, r := range s.done {
		record, ok := merged[r.Job]
		delete(merged, r.Job)
		switch unconfirmed := strings.Contains(string(r.stderr), "acknowledgement not confirmed"); {
		case !ok:
			t.Errorf("job %s of server %s is in no ledger", r.Job, r.Server)
		case record.State != wire.Acked && !unconfirmed:
			t.Errorf("job %s was acknowledged, the ledger has it %s", r.Job, record.State)
		case int(record.Attempt) < r.Failovers+1:
			t.Errorf("job %s: %d failovers, the ledger counts %d attempts", r.Job, r.Failovers, record.Attempt)
		case record.Server != node.IDOf(r.Server):
			elsewhere++
		}
	}
	if len(merged) > 0 {
		t.Errorf("the ledgers hold %d jobs that no client has", len(merged))
	}
	t.Logf("ledgers agree; %d results were taken from a server whose job had been given on", elsewhere)
}

// records reads the store of a server that has ended.
func (p *proc) records() []wire.Record {
	p.l.t.Helper()
	store, snapshot, err := node.OpenStore(p.store(), node.IDOf(p.name))
	if err != nil {
		p.l.t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		p.l.t.Fatal(err)
	}
	return snapshot.Records
}

func TestProcessJobsSurviveKillsOfTheLeader(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	s := l.weather(all, times(100, 10), times(5, 2), func() {
		leader, _, _ := l.agreed(30*time.Second, all...)
		leader.kill()
		leader.start()
	})
	s.compareLedgers()
}

func TestProcessJobsSurviveKillsOfTheWorker(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	s := l.weather(all, times(100, 10), times(5, 2), func() {
		if p := l.working(all, 10*time.Second); p != nil {
			p.kill()
			p.start()
		}
	})
	if s.retried() == 0 {
		t.Errorf("workers were killed, yet every job reports one attempt")
	}
	s.compareLedgers()
}

func TestProcessJobsSurviveARestartOfAllServers(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	turn := 0
	s := l.weather(all, times(100, 10), times(6, 3), func() {
		p := all[turn%len(all)]
		if kill := turn/len(all)%2 == 0; kill {
			p.kill()
		} else if exit := p.terminate(15 * time.Second); exit != 0 {
			t.Errorf("%s ended with exit %d", p.name, exit)
		}
		turn++
		p.start()
		l.agreed(30*time.Second, all...)
	})
	s.compareLedgers()
}

func TestProcessJobsSurviveAFrozenServer(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	s := l.weather(all, times(100, 10), times(4, 1), func() {
		leader, _, _ := l.agreed(30*time.Second, all...)
		if p := l.working(all, time.Second); p != nil && rand.N(2) == 0 {
			leader = p
		}
		leader.freeze(time.Duration(times(10, 3)) * time.Second)
	})
	s.compareLedgers()
}

// freeze stops a server for a while; it does not know.
func (p *proc) freeze(d time.Duration) {
	p.stop()
	<-time.After(d)
	p.resume()
}

// working waits for a server that works on a job at this moment, and returns it; nil: there was none.
func (l *lab) working(all []*proc, within time.Duration) *proc {
	for limit := time.Now().Add(within); time.Now().Before(limit); pollPause() {
		for _, p := range all {
			s, err := p.status(context.Background())
			if err == nil && slices.ContainsFunc(s.Nodes, func(n node.NodeStatus) bool { return n.Name == p.name && n.Jobs > 0 }) {
				return p
			}
		}
	}
	return nil
}
