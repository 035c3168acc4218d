//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"p2pnode/node"
)

// proc is one server of a lab, running or not.
type proc struct {
	l       *lab
	name    string
	prefix  []string // of its command line
	args    []string
	control string // as asked for; the ready file's once it has served
	http    string

	mu    sync.Mutex
	child *exec.Cmd     // guarded by mu; nil: not running
	gone  chan struct{} // guarded by mu; closed when child has ended
}

// start runs the server and waits until it serves.
func (p *proc) start() {
	p.l.t.Helper()
	p.launch()
	p.await()
}

// launch runs the server.
func (p *proc) launch() {
	p.l.t.Helper()
	if err := os.Remove(p.readyFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.l.t.Fatal(err)
	}
	log, err := os.OpenFile(p.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		p.l.t.Fatal(err)
	}
	defer log.Close()
	child := p.l.command(p.prefix, p.args...)
	child.Stdout, child.Stderr = log, log
	if err := child.Start(); err != nil {
		p.l.t.Fatalf("start %s: %v", p.name, err)
	}
	gone := make(chan struct{})
	go func() {
		child.Wait()
		close(gone)
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child, p.gone = child, gone
}

func (p *proc) readyFile() string { return filepath.Join(p.l.dir, p.name+".ready") }
func (p *proc) logFile() string   { return filepath.Join(p.l.dir, p.name+".log") }
func (p *proc) store() string     { return filepath.Join(p.l.dir, p.name) }

// await waits until the server serves.
func (p *proc) await() {
	p.l.t.Helper()
	_, gone := p.process()
	for limit := time.Now().Add(20 * time.Second); ; {
		content, err := os.ReadFile(p.readyFile())
		if err == nil {
			p.settle(content)
			return
		}
		select {
		case <-gone:
			p.l.t.Fatalf("%s ended at once: %s", p.name, p.lastWords(600))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(limit) {
			p.l.t.Fatalf("%s wrote no ready file within 20 s", p.name)
		}
	}
}

// settle takes the addresses that the ready file tells.
func (p *proc) settle(content []byte) {
	p.l.t.Helper()
	var r readyJSON
	if err := json.Unmarshal(content, &r); err != nil {
		p.l.t.Fatalf("ready file of %s: %v", p.name, err)
	}
	p.control, p.http = r.Control, r.HTTP
}

// wipe deletes everything a server that has ended has stored.
func (p *proc) wipe() {
	p.l.t.Helper()
	if err := os.RemoveAll(p.store()); err != nil {
		p.l.t.Fatal(err)
	}
}

// process returns the running child and its end; nil: not running.
func (p *proc) process() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child, p.gone
}

// signal sends the server a signal, if it runs.
func (p *proc) signal(s syscall.Signal) {
	if child, _ := p.process(); child != nil {
		child.Process.Signal(s)
	}
}

// stop freezes the server, resume lets it go on.
func (p *proc) stop()   { p.signal(syscall.SIGSTOP) }
func (p *proc) resume() { p.signal(syscall.SIGCONT) }

// kill ends the server as a power cut would, and waits for its end.
func (p *proc) kill() {
	p.signal(syscall.SIGKILL)
	p.ended(time.Minute)
}

// terminate asks the server to stop and returns its exit status; -1: it did not.
func (p *proc) terminate(within time.Duration) int {
	p.signal(syscall.SIGTERM)
	return p.ended(within)
}

// ended waits for the server's end and returns its exit status; -1: there was no end, or a signal made it.
func (p *proc) ended(within time.Duration) int {
	child, gone := p.process()
	if child == nil {
		return -1
	}
	select {
	case <-gone:
	case <-time.After(within):
		return -1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child = nil
	return child.ProcessState.ExitCode()
}

// lastWords is the end of the server's log, without what it says to people at its start.
func (p *proc) lastWords(length int) string {
	content, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	var kept []string
	for _, line := range strings.Split(string(content), "\n") {
		if line != "" && !strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "to ") {
			kept = append(kept, line)
		}
	}
	return tail([]byte(strings.Join(kept, "\n")), length)
}

// status asks the server what it knows: over HTTP, or through a client where a prefix puts it out of this process's reach.
func (p *proc) status(ctx context.Context) (s node.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if p.prefix != nil {
		o := p.l.run(ctx, p.prefix, "status", "--json", "--timeout", "1s", "--server", p.control, "--token-file", p.l.token)
		if o.exit != 0 {
			return s, fmt.Errorf("status of %s: exit %d: %s", p.name, o.exit, o.stderr)
		}
		return s, json.Unmarshal(o.stdout, &s)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http+"/v1/status", nil)
	if err != nil {
		return s, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return s, fmt.Errorf("status of %s: %s", p.name, answer.Status)
	}
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// agreed waits until all servers given name the same one of them as leader, in the same epoch, see one another alive, and
// would have jobs assigned. It returns the leader, the epoch and the time it took.
func (l *lab) agreed(within time.Duration, all ...*proc) (*proc, uint64, time.Duration) {
	l.t.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if o := l.opinion(all); o.leader != nil && o.ready && o.alive == len(all) {
			return o.leader, o.epoch, time.Since(began)
		}
		pollPause()
	}
	l.t.Fatalf("no agreement within %v: %s", within, l.describe(all))
	return nil, 0, 0
}

// pollEvery is the time between two looks at a server's status.
const pollEvery = 10 * time.Millisecond

func pollPause() { <-time.After(pollEvery) }

// opinion is what servers say of who leads.
type opinion struct {
	leader *proc // nil: they do not agree
	epoch  uint64
	ready  bool // all say that a job would be assigned
	alive  int  // servers that all of them see alive
}

// opinion asks all servers at once.
func (l *lab) opinion(all []*proc) opinion {
	told, failed := make([]node.Status, len(all)), make([]error, len(all))
	var asking sync.WaitGroup
	for i, p := range all {
		asking.Go(func() { told[i], failed[i] = p.status(context.Background()) })
	}
	asking.Wait()
	o := opinion{ready: true}
	for i, s := range told {
		if failed[i] != nil || s.Leader == nil || i > 0 && (*s.Leader != *told[0].Leader || s.Epoch != told[0].Epoch) {
			return opinion{}
		}
		o.ready = o.ready && s.Ready
		if n := alive(s); i == 0 || n < o.alive {
			o.alive = n
		}
	}
	o.leader, o.epoch = among(all, *told[0].Leader), told[0].Epoch
	return o
}

// among returns the server of a name, or nil.
func among(all []*proc, name string) *proc {
	for _, p := range all {
		if p.name == name {
			return p
		}
	}
	return nil
}

// others returns all but one.
func others(all []*proc, but *proc) (rest []*proc) {
	for _, p := range all {
		if p != but {
			rest = append(rest, p)
		}
	}
	return rest
}

// describe says in one line each what servers think.
func (l *lab) describe(all []*proc) string {
	var b strings.Builder
	for _, p := range all {
		s, err := p.status(context.Background())
		leader := "nobody"
		if s.Leader != nil {
			leader = *s.Leader
		}
		fmt.Fprintf(&b, "\n  %s: leader %s, epoch %d, %d alive, ready %v %s, ledger %s, error %v", p.name, leader, s.Epoch, alive(s), s.Ready, s.Reason, s.Ledger.Digest, err)
	}
	return b.String()
}
