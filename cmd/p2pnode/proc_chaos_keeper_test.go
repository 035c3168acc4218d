//go:build linux

package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// keeper starts its server again whenever that ends, as a service manager does, and tells an end that was ordered from one
// that was not.
type keeper struct {
	c    *chaos
	p    *proc
	quit chan struct{}
	gone chan struct{} // closed when keep has ended, and the server with it

	mu              sync.Mutex
	killed, stopped bool          // ordered of the present process; guarded by mu
	rest            time.Duration // from its end to the next start; guarded by mu
}

func (c *chaos) keep(p *proc) *keeper {
	k := &keeper{c: c, p: p, quit: make(chan struct{}), gone: make(chan struct{})}
	k.begin()
	go func() {
		defer close(k.gone)
		k.run()
	}()
	return k
}

func (k *keeper) run() {
	for {
		child, gone := k.p.process()
		<-gone
		k.p.ended(time.Minute)
		rest := k.judge(child.ProcessState.Sys().(syscall.WaitStatus))
		select {
		case <-k.quit:
			return
		case <-time.After(rest):
		}
		if !k.begin() {
			return
		}
	}
}

// begin starts the server, of which nothing has been ordered yet, unless the keeper was to quit meanwhile.
func (k *keeper) begin() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.quit:
		return false
	default:
	}
	k.killed, k.stopped, k.rest = false, false, 0
	k.p.launch()
	return true
}

// judge fails the test if the server ended in a way that nobody had ordered.
func (k *keeper) judge(s syscall.WaitStatus) (rest time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.killed && s.Signaled() && s.Signal() == syscall.SIGKILL:
	case k.stopped && s.Exited() && s.ExitStatus() == 0:
	default:
		k.c.t.Errorf("%s ended, exit %d, signal %d; ordered: kill %v, stop %v:\n%s",
			k.p.name, s.ExitStatus(), s.Signal(), k.killed, k.stopped, k.p.lastWords(3000))
	}
	return k.rest
}

// kill ends the server without warning; it stays down for a while. It reports whether there was one to kill.
func (k *keeper) kill(rest time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.killed || !k.runs() {
		return false
	}
	k.killed, k.rest = true, rest
	k.p.signal(syscall.SIGKILL)
	return true
}

// stop asks the server to end. One that does not serve yet is left alone: it ends as any program that is interrupted does.
func (k *keeper) stop(rest time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.killed || k.stopped || !k.runs() || !k.serves() {
		return false
	}
	k.stopped, k.rest = true, rest
	k.p.signal(syscall.SIGTERM)
	return true
}

func (k *keeper) runs() bool {
	child, _ := k.p.process()
	return child != nil && k.p.alive()
}

func (k *keeper) serves() bool {
	_, err := os.Stat(k.p.readyFile())
	return err == nil
}

// pid is the server's process; 0: it does not run at the moment.
func (k *keeper) pid() int {
	child, _ := k.p.process()
	if child == nil || !k.p.alive() {
		return 0
	}
	return child.Process.Pid
}

// dismiss ends the keeper, and its server if it still runs.
func (k *keeper) dismiss() {
	select {
	case <-k.quit:
	default:
		close(k.quit)
	}
	k.p.resume()
	k.kill(0)
	<-k.gone
}

// retire asks the server to end for good, and wants exit 0.
func (k *keeper) retire() {
	close(k.quit)
	k.p.resume()
	if !k.stop(0) {
		k.c.t.Errorf("%s does not serve at the end", k.p.name)
	}
	select {
	case <-k.gone:
	case <-time.After(30 * time.Second):
		k.c.t.Errorf("%s was told to stop and runs 30 s later: %s", k.p.name, k.p.lastWords(500))
		k.kill(0)
		<-k.gone
	}
}
