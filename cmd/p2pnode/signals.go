package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
)

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ syscall.Signal }

func (i interrupted) Error() string { return "ended by " + i.Signal.String() }

// exit is the status a shell expects of a process that a signal ended.
func (i interrupted) exit() int { return 128 + int(i.Signal) }

// signals turns SIGINT and SIGTERM into the end of a context for commands that end
// gracefully; every other command, and every second signal, ends at once.
type signals struct {
	ctx      context.Context
	graceful atomic.Bool
	clear    func() // removes what must not stay
	in       chan os.Signal
	done     chan struct{}
	wait     sync.WaitGroup
}

func watchSignals(parent context.Context, clear func()) (context.Context, *signals) {
	ctx, cancel := context.WithCancelCause(parent)
	s := &signals{ctx: ctx, clear: clear, in: make(chan os.Signal, 2), done: make(chan struct{})}
	signal.Notify(s.in, os.Interrupt, syscall.SIGTERM)
	s.wait.Go(func() {
		defer cancel(nil)
		sig, ok := s.next()
		if !ok {
			return
		}
		if !s.graceful.Load() {
			s.end(sig)
		}
		cancel(interrupted{sig})
		if sig, ok = s.next(); ok {
			s.end(sig)
		}
	})
	return ctx, s
}

// end ends the process as the signal would have, but leaves nothing behind.
func (s *signals) end(sig syscall.Signal) {
	s.clear()
	os.Exit(interrupted{sig}.exit())
}

// next waits for a signal; false: the command has ended.
func (s *signals) next() (syscall.Signal, bool) {
	select {
	case sig := <-s.in:
		return sig.(syscall.Signal), true
	case <-s.done:
		return 0, false
	}
}

// stop ends the watching and waits for it.
func (s *signals) stop() {
	signal.Stop(s.in)
	close(s.done)
	s.wait.Wait()
}
