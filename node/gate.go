package node

import (
	"bufio"
	"context"
	"io"
	"time"
)

// gate is an image on its way to whoever works on it with a slot: while its next bytes are awaited, others have the slot.
type gate struct {
	k     *making
	ctx   context.Context // of the wait for a slot
	r     io.Reader
	held  bool
	free  bool      // what comes is passed through, which needs no slot
	since time.Time // when the slot was got
}

// Read waits for bytes without a slot and returns with one.
func (g *gate) Read(p []byte) (int, error) {
	if g.free {
		return g.r.Read(p)
	}
	g.leave()
	n, err := g.r.Read(p)
	if e := g.enter(); e != nil {
		return 0, e
	}
	return n, err
}

// pass lets the slot go for good, until enter.
func (g *gate) pass() {
	g.leave()
	g.free = true
}

func (g *gate) enter() error {
	began, ctx := time.Now(), g.ctx
	if g.k.up.left > 0 { // without the rest of the image there is nothing to do
		ctx = g.k.up.ctx
	}
	if err := g.k.t.slots.take(ctx, g.k.owner(), 1); err != nil {
		return err
	}
	g.held, g.since = true, time.Now()
	g.k.took.Queued += g.since.Sub(began)
	g.k.up.excuse(g.since.Sub(began))
	return nil
}

func (g *gate) leave() {
	if g.held {
		g.held = false
		g.k.took.Worked += time.Since(g.since)
		g.k.t.slots.give(1)
	}
}

// flushing is an image whose reader may have to wait: what was made of it so far leaves before.
type flushing struct {
	r   io.Reader
	out *bufio.Writer
}

func (f *flushing) Read(p []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.r.Read(p)
}

// whileWanted is a reader that fails once its job is.
type whileWanted struct {
	ctx context.Context
	r   io.Reader
}

func (r *whileWanted) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
