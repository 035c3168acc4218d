package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

const (
	frameMax   = 64 << 10 // of what a server says
	copySize   = 256 << 10
	sendSize   = 16 << 10 // of an upload written at first, and on a slow way: as often is it looked at
	fullSend   = 64 << 10 // of an upload written at once on a fast way
	promptly   = 10 * time.Millisecond
	ackTimeout = 2 * time.Second
	abandoned  = 1 // stream error code: the other side need not go on
)

// past is a deadline that has always expired.
var past = time.Unix(1, 0)

// stream gives the job to its server over one QUIC stream. A connection left from an earlier job may turn out to be dead
// before anything came back: then a new one is tried, once.
func (e *errand) stream(ctx context.Context, a *assignment) error {
	defer e.join()
	e.passed = milestones{begun: time.Now()}
	for {
		conn, reused, err := e.cl.dial.connect(ctx, a)
		if err != nil {
			return cause(ctx, err)
		}
		e.cl.pin(a)
		answered, err := e.exchange(ctx, conn, a)
		var remote *RemoteError
		if err == nil || errors.As(err, &remote) || errors.Is(err, ErrVerify) {
			return err
		}
		if errors.Is(err, errLossy) {
			e.split(ctx, conn, a)
			continue
		}
		e.join()
		standing := conn.Context().Err() == nil // other jobs may be on it: it is not for this one to close
		switch {
		case errors.Is(context.Cause(ctx), errReborn):
			e.cl.dial.drop(a.Server.ID, conn)
			return errMoved
		case ctx.Err() != nil:
			return cause(ctx, err)
		case answered && !departed(err):
			return &brokenError{err}
		case answered || !reused || standing:
			return err
		}
	}
}

// brokenError is a connection lost after the server had answered: it may well have the job, or the result, still.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// departed reports whether a connection ended because its server stops, or has been silent for too long.
func departed(err error) bool {
	var idle *quic.IdleTimeoutError
	var closed *quic.ApplicationError
	return errors.As(err, &idle) || errors.As(err, &closed) && closed.Remote && closed.ErrorCode == closedStopping
}

// cause returns why ctx ended, if it did, else err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if why := context.Cause(ctx); errors.Is(why, errMoved) {
		return why
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// exchange is the whole of PROTOCOL.md §9 from the client's side. answered reports whether the server said anything.
func (e *errand) exchange(ctx context.Context, conn *quic.Conn, a *assignment) (answered bool, err error) {
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return false, err
	}
	release := cutBy(ctx, s)
	defer release()
	defer s.CancelRead(abandoned)
	defer s.CancelWrite(abandoned)
	q, err := e.request(conn, a)
	if err != nil {
		return false, err
	}
	if err := wire.WriteFrame(s, q); err != nil {
		return false, err
	}
	r, err := expect[wire.TaskResponse](s)
	if err != nil {
		return false, err
	}
	e.passed.taken, e.passed.first = time.Now(), time.Time{}
	t, err := e.transfer(ctx, conn, s, r, a)
	if errors.Is(err, errLossy) && e.part.size > 0 && !e.sending.Load() {
		s.CancelRead(abandoned)
		s.CancelWrite(abandoned)
		return true, e.collect(ctx, conn, a)
	}
	if err != nil {
		return true, err
	}
	if err := e.verify(t, a); err != nil {
		return true, err
	}
	release()
	e.acknowledge(s, t)
	return true, nil
}

// cutBy ends what s does when ctx ends. After release it no longer will: not even if ctx has ended just before, which would
// undo a deadline set later.
func cutBy(ctx context.Context, s *quic.Stream) (release func()) {
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.SetDeadline(past)
		close(cut)
	})
	return sync.OnceFunc(func() {
		if !stop() {
			<-cut
		}
	})
}

// request is the stream's first frame.
func (e *errand) request(conn *quic.Conn, a *assignment) (wire.TaskRequest, error) {
	m := e.job.Embedding
	q := wire.TaskRequest{
		Secret: e.secret, Attempt: a.Attempt, Epoch: a.Epoch, Leader: a.TaskAssignmentResponse.Leader,
		Client: e.cl.config.Name, Request: e.job.Request, Name: e.job.Name, Size: uint64(e.job.Size), Image: e.image,
		Format: uint8(m.Format), Rate: m.Rate, Sealed: m.Sealed, Place: m.Place, Change: m.Change, Strip: e.job.Strip,
		Have: uint64(e.part.size), Result: e.part.digest, Split: e.lanes != nil,
	}
	var err error
	q.Proof, err = e.cl.proof(conn)
	return q, err
}

// proof shows that this client holds the token, on this connection and no other. Without a token there is none.
func (cl *Client) proof(conn *quic.Conn) ([]byte, error) {
	if cl.config.Token == nil {
		return nil, nil
	}
	state := conn.ConnectionState().TLS
	return Prove(cl.config.Token.Client, &state)
}

// expect reads one frame of a certain type.
func expect[F wire.Frame](r io.Reader) (F, error) {
	var want F
	f, err := wire.ReadFrame(r, frameMax)
	if err != nil {
		return want, err
	}
	got, ok := f.(F)
	if !ok {
		return want, fmt.Errorf("node: stream frame %d, want %d", f.StreamKind(), want.StreamKind())
	}
	return got, nil
}

// transfer sends the image, if the server needs it, and meanwhile takes the result.
func (e *errand) transfer(ctx context.Context, conn *quic.Conn, s *quic.Stream, r wire.TaskResponse, a *assignment) (wire.TaskTrailer, error) {
	if !r.Accepted {
		return wire.TaskTrailer{}, &RemoteError{
			From: a.Server.Name, Code: r.Code, Detail: r.Detail, Need: r.Need, Limit: r.Limit,
			retry: r.Retry > 0 || !lasting(r.Code),
		}
	}
	sent := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.sending.Store(false)
	switch {
	case r.Stored:
		sent <- nil
	case r.Split && e.lanes != nil:
		go func() { sent <- e.sent(e.scattered(ctx, s)) }()
	default:
		e.sending.Store(true)
		go func() { sent <- e.sent(e.upload(conn, s, r.Offset)) }()
	}
	t, err := e.download(ctx, s, r, a, e.pace(conn, time.Time{}, 0))
	if err != nil {
		s.CancelWrite(abandoned)
	}
	cancel()
	var local *localError
	if up := <-sent; up != nil && (errors.As(up, &local) || errors.Is(up, errLossy)) || err == nil {
		return t, up
	}
	return t, err
}

// sent notes that the image's way has ended, and how.
func (e *errand) sent(err error) error {
	e.passed.sent = time.Now()
	return err
}

// scattered sends the image over several connections. Of a range that the server refuses it tells the reason on the job's
// stream: it has the whole image already, or wants it no more. Whatever else ends all of them ends that stream too.
func (e *errand) scattered(ctx context.Context, s *quic.Stream) error {
	err := e.scatter(ctx)
	var remote *RemoteError
	if err == nil || ctx.Err() != nil || errors.As(err, &remote) {
		return nil
	}
	s.CancelRead(abandoned)
	return err
}

// lasting reports whether a job refused with this code would be refused everywhere and always.
func lasting(c wire.Code) bool {
	switch c {
	case wire.CodeBadImage, wire.CodeTooManyPixels, wire.CodeCapacity, wire.CodeUnsupported, wire.CodeUnauthorized,
		wire.CodeConflict, wire.CodeCancelled, wire.CodeQuota, wire.CodeExpired, wire.CodeNotFound:
		return true
	}
	return false
}

// upload sends the image's bytes. When the server needs no more of them it says so on the other half of the stream.
func (e *errand) upload(conn *quic.Conn, s *quic.Stream, offset uint64) error {
	if offset > uint64(e.job.Size) {
		return fmt.Errorf("node: server wants the image from byte %d of %d", offset, e.job.Size)
	}
	src, buf, piece := e.carrier(int64(offset)), make([]byte, fullSend), int64(sendSize)
	p := e.pace(conn, time.Now(), int64(offset))
	for done := int64(offset); done < e.job.Size; {
		e.moveOn(StageUploading, done, e.job.Size)
		n, err := io.ReadFull(src, buf[:min(piece, e.job.Size-done)])
		if err != nil {
			s.CancelRead(abandoned)
			return &localError{fmt.Errorf("read image: %w", err)}
		}
		began := time.Now()
		if _, err := s.Write(buf[:n]); err != nil {
			return err
		}
		piece = nextPiece(piece, time.Since(began))
		if done += int64(n); e.lanes == nil && p.wanting(done, e.job.Size, false) && done*2 <= e.job.Size { // it begins again
			s.CancelRead(abandoned)
			return errLossy
		}
	}
	e.moveOn(StageWorking, 0, 0)
	e.sending.Store(false)
	return nil
}

// nextPiece is how much to write at once after a piece that took so long. Large pieces cost less, and fill what leaves by one
// system call. But while one is being written nobody looks whether the way loses packets: one that turns slow gets small ones.
// They double, so that the window that every connection begins with does not pass for a fast way.
func nextPiece(last int64, took time.Duration) int64 {
	if took > promptly {
		return sendSize
	}
	return min(2*last, fullSend)
}

// moveOn notes that bytes moved and tells where the job stands.
func (e *errand) moveOn(stage string, done, total int64) {
	e.active.note(time.Now())
	p := e.reached
	p.Stage, p.Done, p.Total = stage, done, total
	e.cl.tell.say(p)
}

// acknowledge tells the server that the result is safe here. It has been verified: a lost acknowledgement only keeps the
// server's copy longer. One that is to stay there is not acknowledged.
func (e *errand) acknowledge(s *quic.Stream, t wire.TaskTrailer) {
	if e.job.Keep {
		return
	}
	s.SetDeadline(time.Now().Add(ackTimeout))
	err := wire.WriteFrame(s, wire.TaskAck{Job: e.id, Result: t.Result})
	if err == nil {
		err = s.Close()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(s, frameMax))
	}
	if err != nil {
		e.cl.config.Log.Debug("acknowledgement not confirmed", "job", e.id, "error", err)
	}
}

// withdraw cancels the job at the server that has it, if that can be told quickly.
func (e *errand) withdraw() {
	if e.last == nil || e.verified.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
	defer cancel()
	if err := e.cancel(ctx); err != nil {
		e.cl.config.Log.Debug("job not cancelled", "job", e.id, "error", err)
	}
}

func (e *errand) cancel(ctx context.Context) error {
	conn, _, err := e.cl.dial.connect(ctx, e.last)
	if err != nil {
		return err
	}
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { s.SetDeadline(past) })()
	defer s.CancelRead(abandoned)
	if err := wire.WriteFrame(s, wire.TaskCancel{Secret: e.secret}); err != nil {
		return err
	}
	s.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(s, frameMax))
	return err
}
