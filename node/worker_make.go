package node

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"p2pnode/stego"
)

// making is one job being done on its stream: the image comes in, and the result is written and leaves meanwhile.
type making struct {
	*worker
	f     *flight
	task  task
	e     *stego.Embedding
	began time.Time

	spool *Spool
	up    *upload
	sum   hash.Hash // of what has come of the image
	info  stego.Info

	file   *ResultFile // nil before hide
	draft  *draft      // of file
	report stego.Report
	out    *outflow // nil: nothing is sent before the result is stored
	took   Timing

	hidden bool   // the result is written
	onward func() // called when the rest of the image is passed through; nil: nobody wants to know
}

// owner is whose turn it is that the job waits for.
func (k *making) owner() string { return string(k.task.Owner) }

// weight is what hiding holds in memory.
func (k *making) weight(most int64) int64 { return min(k.info.Memory(k.e), most) }

// arrive takes the image as long as the client is there, the server goes on and the job is wanted.
func (k *making) arrive(in intake) error {
	k.up = newUpload(k.s.Context(), in.from, k.task.Request.Size, k.crowded)
	defer k.up.cut(nil)
	defer context.AfterFunc(k.t.soft, func() { k.up.cut(errStopping) })()
	defer context.AfterFunc(k.f.ctx, func() { k.up.cut(errCancelled) })()
	defer context.AfterFunc(k.up.ctx, func() { k.up.s.SetReadDeadline(past) })()
	k.f.upload.Store(k.up)
	defer k.f.upload.Store(nil)
	err := k.receive(in)
	if k.up.err != nil {
		return k.up.err
	}
	return err
}

// receive takes the image, looks at its header as soon as it is there, and refuses then what cannot be worked on. If it can
// be worked on as it comes, and a worker is free for it, it is; otherwise it goes to the spool.
func (k *making) receive(in intake) error {
	k.sum = sha256.New()
	from := io.TeeReader(k.up, k.sum)
	spooled := io.TeeReader(from, in.copy)
	var err error
	if k.info, err = stego.Probe(spooled, k.limits()); err == nil {
		err = k.affordable(k.info, k.e)
	}
	if err != nil {
		return err
	}
	if release, ok := k.passing(); ok {
		err := k.cutThrough(&undecided{k, from, in.copy})
		release()
		if !errors.Is(err, stego.ErrSeek) {
			return err
		}
	}
	if err := drain(spooled); err != nil {
		return err
	}
	return k.whole()
}

// whole reports whether the image that has come is the one announced.
func (k *making) whole() error {
	want := k.task.Request.Image
	if got := [32]byte(k.sum.Sum(nil)); got != want {
		return fmt.Errorf("%w: SHA-256 %x, want %v", errDigest, got, want)
	}
	return nil
}

// passing reports whether an image shall be worked on while it comes. What that takes is apart from what those need whose
// images are here, who must not wait for somebody's slow upload. One that comes in ranges is waited for: its way loses much,
// and its client takes no result before the image is here.
func (k *making) passing() (release func(), ok bool) {
	if k.task.Request.Split || !k.info.Splices(k.e.Format) || k.weight(passingBytes+1) > passingBytes {
		return nil, false
	}
	n := k.weight(passingBytes)
	if !k.t.passing.try(n) {
		return nil, false
	}
	if !k.t.slots.try(1) {
		k.t.passing.give(n)
		return nil, false
	}
	return sync.OnceFunc(func() { k.t.passing.give(n) }), true
}

// undecided is an image on its way of which a copy goes to the spool, until the result begins: up to then it may turn out that the image has to be
// read twice, which only one with alpha has.
type undecided struct {
	k    *making
	r    io.Reader
	copy io.Writer
}

func (r *undecided) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 && r.k.info.Model.Alpha() && (r.k.file == nil || r.k.file.Size() == 0) {
		if _, e := r.copy.Write(p[:n]); e != nil {
			return n, e
		}
	}
	return n, err
}

// cutThrough hides in an image while it comes, with a slot whenever there is something to do. What was read of it for its
// header is in the spool; after stego.ErrSeek all is that has come, and no result was begun.
func (k *making) cutThrough(rest io.Reader) error {
	read := int64(k.task.Request.Size - k.up.left)
	ctx, cancel := k.wanted()
	defer cancel()
	g := &gate{k: k, ctx: ctx, r: rest, held: true, since: time.Now()}
	defer g.leave()
	k.t.desk.active(1)
	defer k.t.desk.active(-1)
	k.t.desk.seen(k.task.Job)
	k.onward = g.pass
	defer func() { k.onward = nil }()
	err := k.hide(ctx, io.MultiReader(io.NewSectionReader(k.spool, 0, read), g))
	if err == nil {
		err = drain(g)
	}
	if err == nil {
		err = k.whole()
	}
	if err == nil && g.free {
		err = g.enter()
	}
	if err == nil {
		err = k.check(ctx)
	}
	return err
}

// wanted returns a context that ends with the server, or when the job is cancelled.
func (k *making) wanted() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(k.ctx)
	stop := context.AfterFunc(k.f.ctx, func() { cancel(errCancelled) })
	return ctx, func() { stop(); cancel(nil) }
}

// labour waits for memory and for a worker's slot, then hides the payload in an image that is in the spool.
func (k *making) labour() error {
	ctx, cancel := k.wanted()
	defer cancel()
	since, t, n := time.Now(), k.t, k.weight(decodedBytes)
	if err := t.memory.take(ctx, k.owner(), n); err != nil {
		return err
	}
	defer t.memory.give(n)
	if err := t.slots.take(ctx, k.owner(), 1); err != nil {
		return err
	}
	defer t.slots.give(1)
	k.took.Queued = time.Since(since)
	t.desk.active(1)
	defer t.desk.active(-1)
	t.desk.seen(k.task.Job)
	err := k.hide(ctx, io.NewSectionReader(k.spool, 0, k.spool.Size()))
	if err == nil {
		err = k.check(ctx)
	}
	k.took.Worked = time.Since(since) - k.took.Queued
	return err
}

// hide writes the result's file. An image that is here is an io.Seeker, and can be read twice.
func (k *making) hide(ctx context.Context, image io.Reader) error {
	if err := k.begin(); err != nil {
		return err
	}
	buf := bufio.NewWriterSize(k, 32<<10)
	r := io.Reader(&flushing{&whileWanted{ctx, image}, buf})
	if s, ok := image.(io.Seeker); ok {
		r = struct {
			io.Reader
			io.Seeker
		}{r, s}
	}
	var err error
	k.report, err = stego.Embed(buf, r, k.e, stego.EmbedOptions{
		Undigested: true, Passing: k.onward,
		Limits: k.limits(), StripMetadata: k.task.Request.Strip,
	})
	if err == nil {
		err = buf.Flush()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		k.hidden = true
		k.draft.end(io.EOF)
	}
	return err
}

// begin makes the result's file, and lets what is written to it leave at once, unless the image came over several connections: so
// will the result, once it is stored.
func (k *making) begin() (err error) {
	if k.file != nil {
		return nil
	}
	if k.file, err = k.t.results.Create(); err != nil {
		return err
	}
	k.file.Keep()
	k.draft = newDraft(k.file)
	if !k.task.Request.Split {
		k.out, err = k.flow(k.task.Job, k.file, k.draft)
	}
	return err
}

// Write takes bytes of the result.
func (k *making) Write(p []byte) (int, error) {
	n, err := k.file.Write(p)
	if n > 0 {
		if k.file.Size() == int64(n) {
			k.took.First = time.Since(k.began)
		}
		k.draft.grow(n)
	}
	return n, err
}

// check reads the result back, as far as it was made anew.
func (k *making) check(ctx context.Context) error {
	made := &whileWanted{ctx, io.NewSectionReader(k.file, 0, k.file.Size())}
	err := stego.Check(made, k.e, k.limits(), k.report.Decoded)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("read result back: %w", err)
	}
	return nil
}

// commit makes the result durable.
func (k *making) commit() (*Mine, error) {
	digest, size, err := k.file.Commit()
	if err != nil {
		return nil, err
	}
	q := k.task.Request
	return &Mine{
		Job: k.task.Job, Image: q.Image, Result: digest, Size: size, Request: k.task.Content, Since: time.Now(), Capacity: k.report.Capacity,
	}, nil
}

// close drops a result that was not committed.
func (k *making) close() {
	if k.file != nil {
		k.file.Abort()
	}
}
