package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"p2pnode/stego"
	"p2pnode/wire"
)

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
	default:
		leave, err := w.t.lobby.admit(string(t.Owner), allowanceOf(t.Request))
		if err == nil {
			w.carryOut(f, t, leave)
			return
		}
		w.refuse(refusal{code: wire.CodeBusy, detail: err.Error(), retry: time.Second})
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
func (w *worker) carryOut(f *flight, t task, leave func()) {
	k := &making{worker: w, f: f, task: t, e: embeddingOf(t.Request), began: time.Now()}
	m, err := k.produce(leave)
	p := parcel{job: t.Job, fresh: true, took: k.took, since: k.began.Add(k.took.First)}
	if m != nil {
		p.mine = *m
	}
	switch {
	case errors.Is(err, errNoUpload):
		// the client is gone, or has been told
	case !k.out.left():
		w.s.CancelWrite(abandoned)
	case err != nil:
		w.fail(*refusalOf(err))
	case k.out != nil:
		w.seal(p)
	default:
		w.deliver(p)
	}
}

// errNoUpload means that the image did not arrive: the turn was passed on, and the client knows or is gone.
var errNoUpload = errors.New("node: no upload")

// produce makes the result. The flight has landed when it returns, unless the upload failed.
func (k *making) produce(leave func()) (m *Mine, err error) {
	defer leave()
	defer k.attend(k.task.Job)()
	if k.spool, err = k.t.results.Spool(int64(k.task.Request.Size)); err != nil {
		k.f.pass()
		return nil, k.declined(err)
	}
	defer k.spool.Close()
	defer k.close()
	in := k.open(k.f, k.spool, k.task.Request)
	defer in.end()
	if k.say(wire.TaskResponse{Accepted: true, Split: k.task.Request.Split}) != nil {
		k.f.pass()
		return nil, errNoUpload
	}
	err = k.arrive(in)
	in.end()
	if err != nil {
		return nil, k.notArrived(err)
	}
	k.took.Upload = time.Since(k.began)
	k.listen(k.task.Job)
	return k.finish()
}

// finish brings a job to its end whose image is here. Nobody needs to be there for that.
func (k *making) finish() (m *Mine, err error) {
	began := time.Now()
	if !k.hidden {
		err = k.labour()
	}
	if err == nil {
		m, err = k.commit()
	}
	if m, err = k.conclude(k.task, m, err); err != nil {
		k.t.flights.land(k.f, nil, refusalOf(err))
	} else {
		k.t.flights.land(k.f, m, nil)
	}
	k.observe(k.task.Job, err, k.took, began, m)
	return m, err
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

// crowded reports whether more jobs are here than workers: then slow uploads take the place of others.
func (w *worker) crowded() bool { return w.t.lobby.jobs() > int64(w.t.cfg.Workers) }

// notArrived ends an upload that failed. What is wrong with the image itself is wrong everywhere, and so recorded; for
// anything else the job stays open, and another stream may bring it.
func (k *making) notArrived(err error) error {
	r := refusalOf(err)
	if !final(r.code) {
		k.f.pass()
		return err
	}
	if _, e := k.conclude(k.task, nil, err); e != nil {
		err = e
	}
	k.t.flights.land(k.f, nil, r)
	k.observe(k.task.Job, err, k.took, time.Now(), nil)
	return err
}

// embeddingOf is what a request wants hidden.
func embeddingOf(q wire.TaskRequest) *stego.Embedding {
	return &stego.Embedding{Format: stego.Format(q.Format), Rate: q.Rate, Sealed: q.Sealed, Place: q.Place, Change: q.Change}
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

func (w *worker) observe(job wire.JobID, err error, took Timing, began time.Time, m *Mine) {
	code, size := wire.CodeOK, int64(0)
	if err != nil {
		w.complain(err)
		code = refusalOf(err).code
	} else {
		size = m.Size
	}
	w.t.cfg.Log.Debug("job ended", "job", job, "code", code.String(), "queued", took.Queued, "worked", took.Worked, "first", took.First, "took", time.Since(began))
	if w.t.cfg.Metrics != nil {
		w.t.cfg.Metrics.JobDone(code, took, size)
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
