//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// clientele is clients that have texts hidden, one after another, and read each back themselves. Only one that is killed may
// end without its result.
type clientele struct {
	c            *chaos
	small, large string
	hands        int             // clients at once
	ctx          context.Context // kills the clients
	kill         context.CancelFunc
	closing      chan struct{} // closed: no new jobs
	closed       time.Time     // when, written before closing is closed
	ended        sync.WaitGroup

	mu      sync.Mutex
	next    int              // number of the next job; guarded by mu
	running map[*visit]int   // number of its job; guarded by mu
	left    map[*visit]bool  // killed; guarded by mu
	gone    int              // jobs that nobody waits for any more; guarded by mu
	done    map[string]taken // by job; guarded by mu
}

// taken is what is remembered of a job that its client has.
type taken struct {
	server              string
	attempts, failovers int
	confirmed           bool
	seconds             float64
}

func newClientele(c *chaos) *clientele {
	q := &clientele{c: c, hands: 4, running: map[*visit]int{}, left: map[*visit]bool{}, done: map[string]taken{}}
	q.small, q.large = c.paint("small.png", 480, 360), c.paint("large.jpg", 2400, 1600)
	if c.gentle {
		q.hands, q.large = 1, q.small
	}
	q.ctx, q.kill = context.WithCancel(c.ctx)
	c.t.Cleanup(func() {
		q.kill()
		q.ended.Wait()
	})
	return q
}

// slowAfter is how long after the last fault a job's end is worth a story.
const slowAfter = 8 * time.Second

// open lets clients come.
func (q *clientele) open() {
	q.closing = make(chan struct{})
	for i := range q.hands {
		q.ended.Go(func() {
			for q.isOpen() {
				q.job(i)
			}
		})
	}
}

func (q *clientele) isOpen() bool {
	select {
	case <-q.closing:
		return false
	case <-q.ctx.Done():
		return false
	default:
		return !q.c.t.Failed()
	}
}

// finish lets no new jobs come, and wants all there are to end.
func (q *clientele) finish(within time.Duration) {
	q.c.t.Helper()
	q.closed = time.Now()
	close(q.closing)
	empty := make(chan struct{})
	go func() {
		q.ended.Wait()
		close(empty)
	}()
	began := time.Now()
	select {
	case <-empty:
		q.c.say("the last job ended %v after the last fault, %d done", time.Since(began).Round(time.Millisecond), q.count())
	case <-time.After(within):
		q.c.t.Errorf("jobs %v are still waited for %v after the last fault:%s", q.waiting(), within, q.c.story())
		q.kill()
		<-empty
	}
}

// job is one client: it has a text hidden in a picture, mostly a small one.
func (q *clientele) job(i int) {
	n := q.take()
	photo := q.small
	if n%8 == 7 {
		photo = q.large
	}
	text := fmt.Sprintf("job %d in the chaos: ¿vuelve? да ✓ %x", n, rand.Uint64())
	out := q.c.output()
	args := append(q.towards(n), "--text", text, "-o", out, photo)
	v := q.c.begin(q.home(i).prefix(), encryptArgs(args...)...)
	q.note(v, n)
	o := v.end(q.ctx)
	switch deserted := q.forget(v); {
	case deserted:
		q.nothingWrong(out, text)
	case q.c.ctx.Err() != nil: // somebody wants it all to end
	case q.ctx.Err() != nil:
		q.c.t.Errorf("job %d did not end: %s", n, tail(o.stderr, 2500))
	default:
		q.judge(n, text, out, o)
	}
}

// towards are the flags that say where the cluster is: every other client looks for it, where there is a network to ask.
func (q *clientele) towards(n int) []string {
	if q.c.lan != nil && n%2 == 0 {
		return []string{"--discover"}
	}
	return servers(q.c.procs)
}

// home is where a client runs; nil: on this machine.
func (q *clientele) home(i int) *host {
	if q.c.lan == nil {
		return nil
	}
	return q.c.lan.host(fmt.Sprintf("client%d", i%2+1))
}

func (q *clientele) take() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next++
	return q.next
}

func (q *clientele) note(v *visit, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running[v] = n
}

// forget reports whether the client that has ended was killed.
func (q *clientele) forget(v *visit) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	deserted := q.left[v]
	delete(q.left, v)
	delete(q.running, v)
	return deserted
}

// desert kills a client that waits; false: none does.
func (q *clientele) desert(r *rand.Rand) (n int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []*visit
	for v := range q.running {
		if !q.left[v] {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.SortFunc(all, func(a, b *visit) int { return q.running[a] - q.running[b] })
	v := all[r.IntN(len(all))]
	q.left[v] = true
	q.gone++
	v.signal(syscall.SIGKILL)
	return q.running[v], true
}

// abandon counts a job that its client does not mean to finish.
func (q *clientele) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gone++
}

// nothingWrong wants the output of a client that was killed to be right, or not there.
func (q *clientele) nothingWrong(out, text string) {
	found, err := readBack(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil || found != text:
		q.c.t.Errorf("a client that was killed left %q in %s, %v; want %q", found, out, err, text)
	default:
		os.Remove(out)
	}
}

// judge checks a result: that it is there, is right, is what `decrypt` finds, and is the only one of its job.
func (q *clientele) judge(n int, text, out string, o outcome) {
	r := q.c.read(o)
	r.text = text
	if n%10 == 0 {
		q.decrypts(out, text)
	}
	if err := q.c.check(r, out); err != nil {
		q.c.t.Errorf("job %d: %v\n%s", n, err, tail(r.stderr, 2500))
		return
	}
	if !q.isOpen() && time.Since(q.closed) > slowAfter {
		q.c.say("job %d, of %.1f s and %d attempts, ended %v after the last fault; its client says:\n%s", n, r.Seconds, r.Attempts, time.Since(q.closed), tail(r.stderr, 6000))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, twice := q.done[r.Job]; twice {
		q.c.t.Errorf("job %s has two results", r.Job)
	}
	q.done[r.Job] = taken{r.Server, r.Attempts, r.Failovers, !strings.Contains(string(r.stderr), "acknowledgement not confirmed"), r.Seconds}
}

// decrypts has the program itself read a text back.
func (q *clientele) decrypts(out, text string) {
	o := q.c.run(q.ctx, nil, "decrypt", out)
	if got := strings.TrimSuffix(string(o.stdout), "\n"); q.ctx.Err() == nil && (o.exit != 0 || got != text) {
		q.c.t.Errorf("decrypt of %s: exit %d, %q, want %q: %s", out, o.exit, got, text, o.stderr)
	}
}

func (q *clientele) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.done)
}

// deserted is how many jobs have no client any more; they may stay open until they are too old.
func (q *clientele) deserted() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.gone
}

// waiting are the numbers of the jobs that clients wait for.
func (q *clientele) waiting() (all []int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.running {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// report prints the figures of all jobs.
func (q *clientele) report() {
	attempts, failovers, seconds := 0, 0, []float64{}
	for _, d := range q.done {
		attempts += d.attempts
		failovers += d.failovers
		seconds = append(seconds, d.seconds)
	}
	slices.Sort(seconds)
	if len(seconds) == 0 {
		q.c.t.Error("no job was done")
		return
	}
	at := func(percent int) float64 { return seconds[min(len(seconds)-1, len(seconds)*percent/100)] }
	q.c.t.Logf("%d jobs done and verified, %d abandoned: %d attempts, %d failovers; seconds a job: median %.2f, 90 %% %.2f, 99 %% %.2f, worst %.2f",
		len(seconds), q.gone, attempts, failovers, at(50), at(90), at(99), at(100))
}
