package node

import (
	"context"
	"slices"
	"sync"
)

// supply is so much of something that jobs need: processors, or memory. Those who wait for it are served by source in turn,
// so that one client with many jobs does not keep out another with one. It is safe for several goroutines.
type supply struct {
	mu    sync.Mutex
	left  int64              // guarded by mu
	lines map[string][]*want // who waits, by source, first come first; guarded by mu
	order []string           // sources that wait, the next one first; guarded by mu
}

// want is one who waits.
type want struct {
	n     int64
	given chan struct{} // closed when it has got it
}

func newSupply(n int64) *supply { return &supply{left: n, lines: map[string][]*want{}} }

// try takes n if they are there and nobody waits for them.
func (s *supply) try(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) > 0 || s.left < n {
		return false
	}
	s.left -= n
	return true
}

// take waits for n, or returns why ctx ended. n must not be more than there ever is.
func (s *supply) take(ctx context.Context, source string, n int64) error {
	if s.try(n) {
		return nil
	}
	w := s.queue(source, n)
	select {
	case <-w.given:
		return nil
	case <-ctx.Done():
		s.forgo(source, w)
		return context.Cause(ctx)
	}
}

// give returns n.
func (s *supply) give(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
	s.serve()
}

// waiting returns how many wait.
func (s *supply) waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		n += len(line)
	}
	return n
}

func (s *supply) queue(source string, n int64) *want {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &want{n: n, given: make(chan struct{})}
	if len(s.lines[source]) == 0 {
		s.order = append(s.order, source)
	}
	s.lines[source] = append(s.lines[source], w)
	s.serve()
	return w
}

// forgo waits no more, and returns what was given at the last moment.
func (s *supply) forgo(source string, w *want) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.given:
		s.left += w.n
	default:
		s.lines[source] = slices.DeleteFunc(s.lines[source], func(x *want) bool { return x == w })
		if len(s.lines[source]) == 0 {
			delete(s.lines, source)
			s.order = slices.DeleteFunc(s.order, func(x string) bool { return x == source })
		}
	}
	s.serve()
}

// serve gives to those who wait, a source's first and then the next source's. Who needs more than there is holds up the
// others, or would wait for ever. The caller holds mu.
func (s *supply) serve() {
	for len(s.order) > 0 {
		source := s.order[0]
		line := s.lines[source]
		if line[0].n > s.left {
			return
		}
		s.left -= line[0].n
		close(line[0].given)
		s.order = s.order[1:]
		if s.lines[source] = line[1:]; len(line) > 1 {
			s.order = append(s.order, source)
		} else {
			delete(s.lines, source)
		}
	}
}
