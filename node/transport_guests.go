package node

import (
	"context"
	"errors"
	"sync"
)

// errCrowded refuses a connection beyond the bounds.
var errCrowded = errors.New("node: too many connections")

// guests counts connections, in all and of each source, and the memory of their large frames. It is safe for several goroutines.
type guests struct {
	mu    sync.Mutex
	all   int            // guarded by mu
	done  int            // with a finished handshake; guarded by mu
	owner map[string]int // by source; guarded by mu

	frames int64            // bytes of large frames; guarded by mu
	large  map[string]int64 // of these, by source; guarded by mu
}

func newGuests() *guests { return &guests{owner: map[string]int{}, large: map[string]int64{}} }

// admit counts a connection until its context ends.
func (g *guests) admit(ctx context.Context, owner []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := string(owner)
	if g.all >= maxConnections || g.owner[o] >= maxFromOne {
		return errCrowded
	}
	g.all++
	g.owner[o]++
	context.AfterFunc(ctx, func() { g.leave(o) })
	return nil
}

func (g *guests) leave(owner string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.owner[owner]--; g.owner[owner] == 0 {
		delete(g.owner, owner)
	}
}

// scarce reports whether the places that a source has left are to be spared for jobs.
func (g *guests) scarce(owner []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.owner[string(owner)] > maxFromOne-sparedForJobs
}

// shake and unshake count connections whose handshake is done.
func (g *guests) shake()   { g.finished(1) }
func (g *guests) unshake() { g.finished(-1) }

func (g *guests) finished(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done += n
}

func (g *guests) handshaking() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all - g.done
}

func (g *guests) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

// reserve sets aside n bytes for a large frame until release is called. Nobody knows yet whether its sender may ask for
// anything, and it may take its time: one source alone must not keep all others' out.
func (g *guests) reserve(owner []byte, n int64) (release func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := string(owner)
	if g.frames+n > frameBytes || g.large[o]+n > frameBytes/2 {
		return nil, errCrowded
	}
	g.hold(o, n)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.hold(o, -n)
	}, nil
}

// hold counts bytes. The caller holds mu.
func (g *guests) hold(owner string, n int64) {
	g.frames += n
	if g.large[owner] += n; g.large[owner] == 0 {
		delete(g.large, owner)
	}
}
