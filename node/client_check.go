package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

// partial is how much of a result is in the output file.
type partial struct {
	size   int64
	digest wire.Digest // of the whole result; zero while not known
	pieced bool        // from more than one stream, without knowing that all had the same result
}

// errPieced means that the pieces of a result do not belong together: all of it has to be fetched again.
var errPieced = errors.New("node: the result's pieces do not belong together")

// download takes the result into the output file, from where an earlier attempt broke off if the server goes on there.
func (e *errand) download(ctx context.Context, s *quic.Stream, r wire.TaskResponse, a *assignment, p pace) (wire.TaskTrailer, error) {
	if err := e.resume(r); err != nil {
		return wire.TaskTrailer{}, err
	}
	if r.Size > uint64(e.most) {
		return wire.TaskTrailer{}, e.oversize(a)
	}
	q := e.inquiry(ctx, p.conn, r.Stored)
	defer q.end()
	src, buf := wire.NewChunkReader(s), make([]byte, copySize)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if err := e.accept(a, buf[:n]); err != nil {
				return wire.TaskTrailer{}, err
			}
			if e.judged(&p, q, int64(r.Size)) {
				return wire.TaskTrailer{}, errLossy
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return wire.TaskTrailer{}, err
		}
	}
	t, err := expect[wire.TaskTrailer](s)
	if err == nil && t.Code != wire.CodeOK {
		e.part = partial{}
		err = &RemoteError{From: a.Server.Name, Code: t.Code, Detail: t.Detail, Need: t.Need, Limit: t.Limit, retry: !lasting(t.Code)}
	}
	return t, err
}

// accept puts bytes of the result into the output file, if it is not longer than any can be.
func (e *errand) accept(a *assignment, b []byte) error {
	if int64(len(b)) > e.most-e.part.size {
		return e.oversize(a)
	}
	if e.passed.first.IsZero() {
		e.passed.first = time.Now()
	}
	if _, err := e.job.Output.WriteAt(b, e.part.size); err != nil {
		return &localError{fmt.Errorf("write result: %w", err)}
	}
	e.part.size += int64(len(b))
	e.audit.take(b)
	return nil
}

// judged reports whether several connections shall carry the rest of a download. While the image is on its way too, nothing
// can be said of that, and people are told how far that is.
func (e *errand) judged(p *pace, q *inquiry, total int64) bool {
	done := e.part.size
	if e.sending.Load() {
		e.active.note(time.Now())
		return false
	}
	if p.begun.IsZero() {
		p.begun, p.from = time.Now(), done
	}
	e.moveOn(StageDownloading, done, total)
	if e.lanes != nil && p.conn != nil {
		return true
	}
	wanting := p.wanting(done, total, q.lossy.Load())
	if wanting && !q.stored.Load() || p.slow(done) {
		q.put(time.Now())
	}
	return wanting && q.stored.Load()
}

// oversize throws away a result that is longer than any can be. (Pieces of several streams add up to no more than the longest
// of their results, so it is the present server's.)
func (e *errand) oversize(a *assignment) error {
	e.part = partial{}
	return &OversizeError{Server: a.Server.Name, Most: e.most}
}

// resume prepares the output file for the bytes that follow r.
func (e *errand) resume(r wire.TaskResponse) error {
	from := int64(0)
	if r.Stored {
		from = int64(r.Offset)
	}
	switch {
	case from == 0:
		e.part = partial{digest: r.Result}
	case from != e.part.size:
		return fmt.Errorf("node: server goes on at byte %d, %d are here", from, e.part.size)
	case r.Result != e.part.digest:
		e.part = partial{size: from, digest: r.Result, pieced: true}
	}
	if !e.audit.at(from) {
		e.forgo()
	}
	if err := e.job.Output.Truncate(from); err != nil {
		return &localError{fmt.Errorf("write result: %w", err)}
	}
	if from == 0 && e.lanes == nil {
		e.beginAudit()
	}
	return nil
}

// verify accepts a result only if it is what hiding the payload in the image makes (PROTOCOL.md §9), and makes it durable.
func (e *errand) verify(t wire.TaskTrailer, a *assignment) error {
	e.passed.last = time.Now()
	e.moveOn(StageVerifying, 0, 0)
	sum, err := e.sum()
	if err != nil {
		return &localError{fmt.Errorf("read result: %w", err)}
	}
	if e.part.size != int64(t.Size) || sum != t.Result {
		return e.distrust(fmt.Errorf("%w: %d bytes of SHA-256 %v came from %s, which announced %d of %v",
			ErrVerify, e.part.size, sum, a.Server.Name, t.Size, t.Result))
	}
	if err := e.compare(); err != nil {
		return e.distrust(fmt.Errorf("%w: %s: %w", ErrVerify, a.Server.Name, err))
	}
	if err := e.job.Output.Sync(); err != nil {
		return &localError{fmt.Errorf("write result: %w", err)}
	}
	e.verified.Store(true)
	e.complete(t, sum, a)
	return nil
}

// distrust throws the result away. Pieces that do not fit together are nobody's fault.
func (e *errand) distrust(err error) error {
	pieced := e.part.pieced
	e.part = partial{}
	if pieced {
		return errPieced
	}
	return err
}

func (e *errand) result() io.Reader { return io.NewSectionReader(e.job.Output, 0, e.part.size) }

func (e *errand) sum() (d wire.Digest, err error) {
	if e.audit.at(e.part.size) {
		return e.audit.digest(), nil
	}
	h := sha256.New()
	_, err = io.Copy(h, e.result())
	h.Sum(d[:0])
	return d, err
}

// complete writes the receipt.
func (e *errand) complete(t wire.TaskTrailer, sum wire.Digest, a *assignment) {
	r := &e.receipt
	r.Cluster, r.ClusterID, r.Leader, r.Epoch = a.Cluster.Name, a.Cluster.ID, a.Leader, a.Epoch
	r.Server, r.Attempt = t.Name, a.Attempt
	r.Size, r.SHA256, r.Capacity, r.Verified = e.part.size, sum, t.Capacity, true
	r.Stages = e.passed.stages(time.Now(), t)
}
