package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"p2pnode/stego"
	"p2pnode/wire"
)

// work is how long a job took here.
type work struct{ queued, worked time.Duration }

// own brings a job to its end: this stream has the turn, and keeps it once the upload is whole.
func (w *worker) own(f *flight, t task) {
	v, err := w.t.desk.begin(w.ctx, t)
	switch {
	case err != nil:
		w.refuse(refusal{code: wire.CodeInternal, detail: err.Error(), retry: time.Second})
	case v.Code != wire.CodeOK:
		w.refuse(refusal{code: v.Code, detail: v.Detail, retry: v.Retry})
	case v.Stored != nil && w.holds(v.Stored.Result):
		f.pass()
		w.deliver(parcel{job: t.Job, mine: *v.Stored, have: t.Request.Have, of: t.Request.Result})
		return
	case !w.t.room.TryAcquire(1):
		w.refuse(refusal{code: wire.CodeBusy, detail: "too many jobs are waiting here", retry: time.Second})
	default:
		w.carryOut(f, t)
		return
	}
	f.pass()
}

// holds reports whether a result's file is there.
func (w *worker) holds(d wire.Digest) bool {
	file, _, err := w.t.results.Open(d)
	if err == nil {
		file.Close()
	}
	return err == nil
}

// carryOut takes the image, works and delivers.
func (w *worker) carryOut(f *flight, t task) {
	m, took, err := w.produce(f, t)
	switch {
	case err == nil:
		w.deliver(parcel{job: t.Job, mine: *m, fresh: true, took: took})
	case errors.Is(err, errNoUpload):
		// the client is gone, or has been told
	default:
		w.fail(*refusalOf(err))
	}
}

// errNoUpload means that the image did not arrive: the turn was passed on, and the client knows or is gone.
var errNoUpload = errors.New("node: no upload")

// produce makes the result. The flight has landed when it returns, unless the upload failed.
func (w *worker) produce(f *flight, t task) (*Mine, work, error) {
	defer w.t.room.Release(1)
	defer w.attend(t.Job)()
	spool, err := w.t.results.Spool(int64(t.Request.Size))
	if err != nil {
		f.pass()
		return nil, work{}, w.declined(err)
	}
	defer spool.Close()
	in := w.open(f, spool, t.Request)
	defer in.end()
	if w.say(wire.TaskResponse{Accepted: true, Split: t.Request.Split}) != nil {
		f.pass()
		return nil, work{}, errNoUpload
	}
	info, err := w.arrive(f, in, t.Request)
	in.end()
	if err != nil {
		return nil, work{}, w.notArrived(f, t, err)
	}
	w.listen(t.Job)
	began := time.Now()
	m, took, err := w.labour(f, t, spool, info)
	if m, err = w.conclude(t, m, err); err != nil {
		w.t.flights.land(f, nil, refusalOf(err))
	} else {
		w.t.flights.land(f, m, nil)
	}
	w.observe(err, took, began, m)
	return m, took, err
}

// attend tells the loop that the client is there for as long as its stream is, until end is called: an upload, or the
// waiting for a worker, may well take longer than a client may be absent.
func (w *worker) attend(job wire.JobID) (end func()) {
	ctx, cancel := context.WithCancel(w.s.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for rest(ctx, seenEvery) {
			w.t.desk.seen(job)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// declined answers a job that could not even begin.
func (w *worker) declined(err error) error {
	w.complain(err)
	w.refuse(*refusalOf(err))
	return errNoUpload
}

// arrive receives the upload as long as the client is there, the server goes on and the job is wanted.
func (w *worker) arrive(f *flight, in intake, q wire.TaskRequest) (stego.Info, error) {
	u := newUpload(w.s.Context(), in.from, q.Size, w.crowded)
	defer u.cut(nil)
	defer context.AfterFunc(w.t.soft, func() { u.cut(errStopping) })()
	defer context.AfterFunc(f.ctx, func() { u.cut(errCancelled) })()
	f.upload.Store(u)
	defer f.upload.Store(nil)
	return w.receive(u, in.copy, q)
}

// crowded reports whether more jobs are here than workers: then less than the whole waiting room is free.
func (w *worker) crowded() bool {
	whole := int64(w.t.cfg.Waiting)
	if !w.t.room.TryAcquire(whole) {
		return true
	}
	w.t.room.Release(whole)
	return false
}

// notArrived ends an upload that failed. What is wrong with the image itself is wrong everywhere, and so recorded; for
// anything else the job stays open, and another stream may bring it.
func (w *worker) notArrived(f *flight, t task, err error) error {
	r := refusalOf(err)
	if !final(r.code) {
		f.pass()
		w.fail(*r)
		return errNoUpload
	}
	if _, e := w.conclude(t, nil, err); e != nil {
		err = e
	}
	w.t.flights.land(f, nil, r)
	w.observe(err, work{}, time.Now(), nil)
	return err
}

// labour waits for a worker's slot and for memory, then hides the payload.
func (w *worker) labour(f *flight, t task, spool *Spool, info stego.Info) (m *Mine, took work, err error) {
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.ctx, func() { cancel(errCancelled) })()
	since := time.Now()
	weight := min(info.Memory(embeddingOf(t.Request)), decodedBytes)
	if w.t.slots.Acquire(ctx, 1) != nil {
		return nil, took, context.Cause(ctx)
	}
	defer w.t.slots.Release(1)
	if w.t.memory.Acquire(ctx, weight) != nil {
		return nil, took, context.Cause(ctx)
	}
	defer w.t.memory.Release(weight)
	took.queued = time.Since(since)
	w.t.desk.active(1)
	defer w.t.desk.active(-1)
	w.t.desk.seen(t.Job)
	m, err = w.embed(ctx, t, spool)
	took.worked = time.Since(since) - took.queued
	return m, took, err
}

// embed makes the result's file, reads it back, and makes it durable.
func (w *worker) embed(ctx context.Context, t task, spool *Spool) (*Mine, error) {
	q := t.Request
	e := embeddingOf(q)
	file, err := w.t.results.Create()
	if err != nil {
		return nil, err
	}
	defer file.Abort()
	file.Keep()
	in := &whileWanted{ctx, io.NewSectionReader(spool, 0, spool.Size())}
	report, err := stego.Embed(file, in, e, stego.EmbedOptions{Limits: w.limits(), StripMetadata: q.Strip})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	out := &whileWanted{ctx, io.NewSectionReader(file, 0, file.Size())}
	if err := stego.Check(out, e, w.limits(), report.Decoded); err != nil {
		return nil, fmt.Errorf("read result back: %w", err)
	}
	digest, size, err := file.Commit()
	if err != nil {
		return nil, err
	}
	return &Mine{
		Job: t.Job, Image: q.Image, Result: digest, Size: size, Request: t.Content, Since: time.Now(), Capacity: report.Capacity,
	}, nil
}

// embeddingOf is what a request wants hidden.
func embeddingOf(q wire.TaskRequest) *stego.Embedding {
	return &stego.Embedding{Format: stego.Format(q.Format), Rate: q.Rate, Sealed: q.Sealed, Place: q.Place, Change: q.Change}
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

// conclude has the loop record the outcome, if it is one that lasts.
func (w *worker) conclude(t task, m *Mine, err error) (*Mine, error) {
	o := outcome{}
	if err != nil {
		r := refusalOf(err)
		if !final(r.code) {
			return nil, err
		}
		o = outcome{Code: r.code, Detail: r.detail}
	} else {
		o.Mine = *m
	}
	if e := w.t.desk.finish(w.ctx, t.Job, o); e != nil {
		return nil, fmt.Errorf("record outcome: %w", e)
	}
	return m, err
}

// complain tells the operator what a client is only told in passing.
func (w *worker) complain(err error) {
	if errors.Is(err, ErrNoSpace) {
		w.t.cfg.Log.Warn("disk full", "error", err)
	}
}

func (w *worker) observe(err error, took work, began time.Time, m *Mine) {
	code, size := wire.CodeOK, int64(0)
	if err != nil {
		w.complain(err)
		code = refusalOf(err).code
	} else {
		size = m.Size
	}
	w.t.cfg.Log.Debug("job ended", "code", code.String(), "queued", took.queued, "worked", took.worked, "took", time.Since(began))
	if w.t.cfg.Metrics != nil {
		w.t.cfg.Metrics.JobDone(code, took.queued, took.worked, size)
	}
}

// fail ends an accepted job without a result.
func (w *worker) fail(r refusal) {
	w.s.SetWriteDeadline(time.Now().Add(answerTimeout))
	if err := wire.NewChunkWriter(w.s).Close(); err != nil {
		w.s.CancelWrite(abandoned)
		return
	}
	w.say(wire.TaskTrailer{
		Code: r.code, Detail: r.detail, Need: r.need, Limit: r.limit, Server: w.t.self, Name: w.t.cfg.Name,
	})
}
