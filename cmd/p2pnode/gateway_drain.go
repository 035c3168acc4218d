package main

import (
	"context"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// errStopping is the answer of a gateway whose server stops: another server, or this one started anew, will do it.
var errStopping = failf(wire.CodeBusy, "this server is stopping")

// drain is how a gateway ends: it begins nothing new, and finishes what is under way for as long as its server finishes jobs.
type drain struct {
	soft context.Context // ends when nothing new is begun
	hard context.Context // ends when what is under way ends, too
	slow context.CancelFunc
	cut  context.CancelFunc
}

func newDrain() (e drain) {
	e.soft, e.slow = context.WithCancel(context.Background())
	e.hard, e.cut = context.WithCancel(context.Background())
	return e
}

// stop begins nothing new from now on, and ends what is still under way after node.StopWithin.
func (e *drain) stop() {
	if e.soft.Err() == nil {
		e.slow()
		time.AfterFunc(node.StopWithin, e.cut)
	}
}

// orStopping is why a request failed: that the gateway has been ended, where it has.
func (e *drain) orStopping(err error) error {
	if e.hard.Err() != nil {
		return errStopping
	}
	return err
}

// close stops the gateway, waits for what is under way, and has shut end the HTTP server then. It returns after the last request.
func (g *gateway) close(shut func()) {
	g.stop()
	free := 0
	for free < cap(g.seats) && g.vacant() {
		free++
	}
	g.cut()
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.renew()
	shut()
	for ; free < cap(g.seats); free++ {
		g.seats <- struct{}{}
	}
}

// vacant waits for a seat that nobody will have any more; false: those who sit are told to go.
func (g *gateway) vacant() bool {
	select {
	case g.seats <- struct{}{}:
		return true
	case <-g.hard.Done():
		return false
	}
}

// attend gives the visitor a context that ends with the gateway, and no more time for its upload then.
func (v *visitor) attend() {
	ctx, cancel := context.WithCancel(v.r.Context())
	v.ctx = ctx
	stop := context.AfterFunc(v.g.hard, func() {
		cancel()
		v.control.SetReadDeadline(past)
	})
	v.undo = append(v.undo, func() { stop(); cancel() })
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// othersLive reports whether a server that stops knows of others that take jobs.
func othersLive(s node.Status) bool {
	for _, n := range s.Nodes {
		if n.Name != s.Self && n.State == "alive" {
			return true
		}
	}
	return false
}
