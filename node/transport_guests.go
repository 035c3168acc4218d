package node

import (
	"context"
	"errors"
	"sync"
)

// errCrowded refuses a connection beyond the bounds.
var errCrowded = errors.New("node: too many connections")

// guests counts connections, in all and of each source. It is safe for several goroutines.
type guests struct {
	mu    sync.Mutex
	all   int            // guarded by mu
	done  int            // with a finished handshake; guarded by mu
	owner map[string]int // by source; guarded by mu
}

func newGuests() *guests { return &guests{owner: map[string]int{}} }

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
