package node

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/stego"
	"p2pnode/wire"
)

const (
	firstFrameTimeout = 10 * time.Second // and a second for every 16 KiB
	frameFloor        = 16 << 10         // bytes per second
	smallFrame        = 64 << 10         // larger ones are bounded in sum
	largestFrame      = wire.MaxFrame + 1<<20
	answerTimeout     = 10 * time.Second
)

// worker serves one stream. One goroutine runs it.
type worker struct {
	t    *transport
	conn *quic.Conn
	s    *quic.Stream
	ctx  context.Context // of the whole server: work goes on although the client is gone

	opens bool // its connection's first

	said chan wire.Frame // what the client says after its upload; nil before listen
}

// refusal is why a job is not done, as it crosses the network.
type refusal struct {
	code        wire.Code
	detail      string
	need, limit int64
	retry       time.Duration // zero: asking again will not help
}

// serve does what the first frame asks for.
func (w *worker) serve() {
	defer w.hangUp()
	f, release, err := w.first()
	if err != nil {
		w.t.cfg.Log.Debug("stream dropped", "address", w.conn.RemoteAddr(), "error", err)
		w.s.CancelWrite(abandoned)
		return
	}
	defer release()
	if w.opens && isLane(f) && w.t.guests.scarce(w.source()) {
		w.conn.CloseWithError(closedScarce, "no place for another lane")
		return
	}
	switch f := f.(type) {
	case wire.TaskRequest:
		w.task(f)
	case wire.Fetch:
		w.fetch(f)
	case wire.Query:
		w.query(f)
	case wire.Fault:
		w.order(f.Peer, func() (any, error) { return carriedOut, w.t.desk.fault(w.ctx, time.Duration(f.Down)*time.Millisecond) })
	case wire.StepDown:
		w.order(f.Peer, func() (any, error) { return carriedOut, w.t.desk.stepDown(w.ctx) })
	case wire.Reload:
		w.order(f.Peer, w.reread)
	case wire.TaskCancel:
		w.cancelled(f)
	case wire.TaskRange:
		w.taskRange(f)
	default:
		w.refuse(refusal{code: wire.CodeUsage, detail: "a stream does not begin with this frame"})
	}
}

// isLane reports whether a connection that begins with a frame is a lane, one of several that share a transfer: it makes
// that faster, and must not keep other clients of its source out.
func isLane(f wire.Frame) bool {
	switch f := f.(type) {
	case wire.TaskRange:
		return true
	case wire.Fetch:
		return f.Length > 0
	}
	return false
}

// hangUp ends both directions and waits for the goroutine that listens.
func (w *worker) hangUp() {
	w.s.Close()
	w.s.CancelRead(abandoned)
	if w.said != nil {
		for range w.said {
		}
	}
}

// source is whose bounds the client counts by.
func (w *worker) source() []byte { return ownerOf(addrPort(w.conn.RemoteAddr()).Addr()) }

// first reads the first frame. Large ones, which hold a large payload, are bounded in sum over all streams.
func (w *worker) first() (f wire.Frame, release func(), err error) {
	w.s.SetReadDeadline(time.Now().Add(firstFrameTimeout))
	var head [4]byte
	if _, err := w.s.Peek(head[:]); err != nil {
		return nil, nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	release = func() {}
	if n > smallFrame && n <= largestFrame {
		if release, err = w.t.guests.reserve(w.source(), n); err != nil {
			return nil, nil, err
		}
		w.s.SetReadDeadline(time.Now().Add(firstFrameTimeout + time.Duration(n/frameFloor)*time.Second))
	}
	if f, err = wire.ReadFrame(w.s, largestFrame); err != nil {
		release()
	}
	return f, release, err
}

// task is the stream of one job.
func (w *worker) task(q wire.TaskRequest) {
	t, r := w.examine(q)
	if r != nil {
		w.refuse(*r)
		return
	}
	f, ok := w.t.flights.join(t.Job, contentWith(t.Content, q.Image))
	if !ok {
		w.refuse(refusal{code: wire.CodeConflict, detail: "this job id is in use for another image, text or option"})
		return
	}
	defer w.t.flights.leave(f)
	ctx, cancel := w.present()
	defer cancel()
	if f.take(ctx) {
		w.own(f, t)
		return
	}
	select {
	case <-f.done:
		w.follow(f, t)
	default:
		w.refuse(refusal{code: wire.CodeBusy, detail: "this server is stopping", retry: time.Second / 4})
	}
}

// present returns a context that ends when the client leaves or the server stops.
func (w *worker) present() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(w.s.Context())
	stop := context.AfterFunc(w.t.soft, cancel)
	return ctx, func() { stop(); cancel() }
}

// examine checks a request before anybody is asked about it.
func (w *worker) examine(q wire.TaskRequest) (task, *refusal) {
	proven := w.proven(q.Proof)
	most := w.t.sizes.Load().bytes
	switch {
	case !proven && !w.t.cfg.OpenClients:
		return task{}, &unauthorized
	case len(q.Secret) != secretSize:
		return task{}, &refusal{code: wire.CodeUsage, detail: fmt.Sprintf("job secret of %d bytes, want %d", len(q.Secret), secretSize)}
	case q.Format != uint8(stego.V1) && q.Format != uint8(stego.Classic):
		return task{}, &refusal{code: wire.CodeUnsupported, detail: fmt.Sprintf("hiding format %d is not one of this server's version", q.Format)}
	case q.Size == 0:
		return task{}, &refusal{code: wire.CodeBadImage, detail: "the image is empty"}
	case q.Size > uint64(most):
		return task{}, &refusal{
			code: wire.CodeUnsupported, detail: fmt.Sprintf("image of %d bytes, this server takes at most %d", q.Size, most),
			need: int64(min(q.Size, 1<<62)), limit: most,
		}
	}
	return task{
		Job: jobIDOf(q.Secret), Request: q, Content: contentOf(q),
		Owner: w.source(), Proven: proven,
	}, nil
}

var unauthorized = refusal{code: wire.CodeUnauthorized, detail: "this cluster takes jobs only from holders of its token"}

// proven reports whether the client showed, on this connection, that it holds a K_client.
func (w *worker) proven(proof []byte) bool {
	if len(proof) == 0 {
		return false
	}
	state := w.conn.ConnectionState().TLS
	return Proven(w.t.ident.Client, &state, proof) ||
		slices.ContainsFunc(w.t.also, func(i *Identity) bool { return Proven(i.Client, &state, proof) })
}

// contentOf is the digest of all that shapes a result but the image.
func contentOf(q wire.TaskRequest) (d wire.Digest) {
	h := sha256.New()
	strip := byte(0)
	if q.Strip {
		strip = 1
	}
	h.Write([]byte{q.Format, q.Rate, strip})
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(q.Sealed))))
	h.Write(q.Sealed)
	h.Write(q.Place[:])
	h.Write(q.Change[:])
	h.Sum(d[:0])
	return d
}

func contentWith(content, image wire.Digest) wire.Digest {
	return sha256.Sum256(append(content[:], image[:]...))
}

// follow answers a stream whose job another stream brought to its end.
func (w *worker) follow(f *flight, t task) {
	if f.failed != nil {
		w.refuse(*f.failed)
		return
	}
	w.deliver(parcel{job: t.Job, mine: *f.result, have: t.Request.Have, of: t.Request.Result})
}

// fetch serves a stored result to whoever knows its job's secret.
func (w *worker) fetch(q wire.Fetch) {
	if !w.t.cfg.OpenClients && !w.proven(q.Proof) {
		w.refuse(unauthorized)
		return
	}
	job := jobIDOf(q.Secret)
	m, err := w.t.desk.stored(w.ctx, job)
	switch {
	case err != nil:
		w.refuse(refusal{code: wire.CodeInternal, detail: err.Error(), retry: time.Second})
	case m == nil || len(q.Secret) != secretSize:
		w.refuse(refusal{code: wire.CodeNotFound, detail: "no result of this job is here"})
	case q.Length > 0:
		w.part(parcel{job: job, mine: *m, have: q.Have, of: q.Result}, q.Length)
	default:
		w.deliver(parcel{job: job, mine: *m, have: q.Have, of: q.Result})
	}
}

// cancelled withdraws a job. That it is done is said by closing the stream.
func (w *worker) cancelled(q wire.TaskCancel) {
	if len(q.Secret) != secretSize {
		return
	}
	w.withdraw(jobIDOf(q.Secret))
}

func (w *worker) withdraw(job wire.JobID) {
	w.t.flights.cancel(job)
	if err := w.t.desk.cancel(w.ctx, job); err != nil {
		w.t.cfg.Log.Debug("job not cancelled", "job", job, "error", err)
	}
}

// refuse answers a request with why not.
func (w *worker) refuse(r refusal) {
	w.say(wire.TaskResponse{
		Code: r.code, Detail: r.detail, Need: r.need, Limit: r.limit, Retry: uint32(r.retry.Milliseconds()),
	})
}

// say writes a frame, bounded in time. A client that does not read it is gone.
func (w *worker) say(f wire.Frame) error {
	w.s.SetWriteDeadline(time.Now().Add(answerTimeout))
	err := wire.WriteFrame(w.s, f)
	if err != nil {
		w.t.cfg.Log.Debug("answer not sent", "address", w.conn.RemoteAddr(), "error", err)
		w.s.CancelWrite(abandoned)
	}
	return err
}

// listen hears what the client says from now on, until hangUp: an acknowledgement, or that it wants the job no more.
func (w *worker) listen(job wire.JobID) {
	if w.said != nil {
		return
	}
	w.said = make(chan wire.Frame, 1)
	w.s.SetReadDeadline(time.Time{})
	go func() {
		defer close(w.said)
		f, err := wire.ReadFrame(w.s, smallFrame)
		if err != nil {
			return
		}
		if q, ok := f.(wire.TaskCancel); ok && len(q.Secret) == secretSize && jobIDOf(q.Secret) == job {
			w.withdraw(job)
			return
		}
		w.said <- f
	}()
}

// refusalOf says why work failed. What another server may do better is to be tried again.
func refusalOf(err error) *refusal {
	var r refusal
	switch {
	case errors.Is(err, ErrNoSpace):
		return &refusal{code: wire.CodeIO, detail: "disk full on this server", retry: time.Second}
	case errors.Is(err, errCancelled):
		return &refusal{code: wire.CodeCancelled, detail: "the job was cancelled"}
	case errors.Is(err, errStopping), errors.Is(err, context.Canceled):
		return &refusal{code: wire.CodeBusy, detail: "this server is stopping", retry: time.Second / 4}
	case errors.Is(err, errSuperseded):
		return &refusal{code: wire.CodeBusy, detail: err.Error(), retry: time.Second}
	case errors.Is(err, errSlow), errors.Is(err, errLate):
		return &refusal{code: wire.CodeTimeout, detail: err.Error(), retry: time.Second}
	case errors.Is(err, errDigest):
		return &refusal{code: wire.CodeConflict, detail: err.Error()}
	}
	var memory *memoryError
	if errors.As(err, &memory) {
		return &refusal{code: wire.CodeTooManyPixels, detail: err.Error(), need: memory.need, limit: memory.max}
	}
	if r.code, r.need, r.limit = imageNumbers(err); r.code != wire.CodeInternal {
		r.detail = err.Error()
		return &r
	}
	return &refusal{code: wire.CodeInternal, detail: err.Error(), retry: time.Second}
}
