package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

// largestSplit is of what announced size a result may be split: its ranges are counted in memory.
const largestSplit = 4 << 30

// split opens more connections for what is still to be transferred in this attempt.
func (e *errand) split(ctx context.Context, conn *quic.Conn, a *assignment) {
	if e.lanes == nil {
		e.lanes = e.cl.dial.split(ctx, a, conn)
		e.cl.config.Log.Debug("transfer split", "job", e.id, "server", a.Server.Name, "connections", len(e.lanes.all))
	}
}

// join closes them.
func (e *errand) join() {
	if e.lanes != nil {
		e.lanes.close()
		e.lanes = nil
	}
}

// scatter sends the image in ranges (PROTOCOL.md §9.4).
func (e *errand) scatter(ctx context.Context) error {
	r := newRanges(0, e.job.Size)
	err := e.lanes.carry(ctx, r, func(ctx context.Context, c *quic.Conn, offset, length int64) error {
		err := e.sendRange(ctx, c, offset, length)
		if err == nil {
			e.moveOn(StageUploading, r.done(), e.job.Size)
		}
		return err
	})
	if err == nil {
		e.moveOn(StageWorking, 0, 0)
	}
	return err
}

func (e *errand) sendRange(ctx context.Context, c *quic.Conn, offset, length int64) error {
	proof, err := e.cl.proof(c)
	if err != nil {
		return err
	}
	p, err := wire.AppendFrame(nil, wire.TaskRange{Secret: e.secret, Offset: uint64(offset), Length: uint64(length), Proof: proof})
	if err != nil {
		return err
	}
	p = append(p, make([]byte, length)...)
	if _, err := e.job.Image.ReadAt(p[int64(len(p))-length:], offset); err != nil && err != io.EOF {
		return &localError{fmt.Errorf("read image: %w", err)}
	}
	return ask(ctx, c, func(s *quic.Stream) error {
		_, unsent := s.Write(p) // a range that is there already is accepted before it has come
		r, err := expect[wire.TaskResponse](s)
		if err != nil {
			return errors.Join(unsent, err)
		}
		if !r.Accepted {
			return &RemoteError{From: e.reached.Server, Code: r.Code, Detail: r.Detail, retry: true}
		}
		return nil
	})
}

// ask runs f on a stream of its own, which ends with it or with ctx.
func ask(ctx context.Context, c *quic.Conn, f func(s *quic.Stream) error) error {
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { s.SetDeadline(past) })()
	defer s.CancelRead(abandoned)
	if err := f(s); err != nil {
		s.CancelWrite(abandoned)
		return err
	}
	s.Close() // an error means that the server wants no more, which f has heard
	return nil
}

// collect takes the rest of a result in ranges, then its trailer, and acknowledges it.
func (e *errand) collect(ctx context.Context, conn *quic.Conn, a *assignment) error {
	e.split(ctx, conn, a)
	if err := e.fill(ctx, conn, a); err != nil {
		return err
	}
	return ask(ctx, conn, func(s *quic.Stream) error {
		r, err := e.fetch(conn, s, e.part.size, 0)
		if err != nil {
			return err
		}
		t, err := e.download(ctx, s, r, a, pace{})
		if err == nil {
			err = e.verify(t, a)
		}
		if err == nil {
			e.acknowledge(s, t)
		}
		return err
	})
}

// fill completes the output file. What is there without a gap stays if that fails.
func (e *errand) fill(ctx context.Context, conn *quic.Conn, a *assignment) error {
	size, err := e.announced(ctx, conn)
	if err != nil {
		return err
	}
	if size > e.most {
		return e.oversize(a)
	}
	e.forgo() // bytes come in no order now
	r := newRanges(e.part.size, size)
	err = e.lanes.carry(ctx, r, func(ctx context.Context, c *quic.Conn, offset, length int64) error {
		err := e.fetchRange(ctx, c, offset, length)
		if err == nil {
			e.moveOn(StageDownloading, r.done(), size)
		}
		return err
	})
	e.part.size = max(e.part.size, r.whole())
	return err
}

// announced asks for the result's size and digest. What is here of it came from the same server, in this attempt or under
// this digest.
func (e *errand) announced(ctx context.Context, conn *quic.Conn) (size int64, err error) {
	err = ask(ctx, conn, func(s *quic.Stream) error {
		r, err := e.fetch(conn, s, e.part.size, 1)
		if err == nil {
			size, e.part.digest = int64(r.Size), r.Result
		}
		return err
	})
	return size, err
}

// fetch asks for the result from a byte on; with a length zero, for all that follows and the trailer.
func (e *errand) fetch(c *quic.Conn, s *quic.Stream, offset, length int64) (wire.TaskResponse, error) {
	return e.fetchOf(e.part.digest, c, s, offset, length)
}

// fetchOf is fetch for a result of this digest; zero: whichever is there.
func (e *errand) fetchOf(d wire.Digest, c *quic.Conn, s *quic.Stream, offset, length int64) (wire.TaskResponse, error) {
	proof, err := e.cl.proof(c)
	if err != nil {
		return wire.TaskResponse{}, err
	}
	q := wire.Fetch{Secret: e.secret, Have: uint64(offset), Length: uint64(length), Result: d, Proof: proof}
	if err := wire.WriteFrame(s, q); err != nil {
		return wire.TaskResponse{}, err
	}
	r, err := expect[wire.TaskResponse](s)
	switch {
	case err != nil:
		return r, err
	case !r.Accepted || !r.Stored:
		return r, fmt.Errorf("node: result refused: %v %s", r.Code, r.Detail)
	case length > 0 && (r.Offset != uint64(offset) || r.Size < r.Offset || r.Size > largestSplit):
		return r, fmt.Errorf("node: server gives a result of %d bytes from byte %d, want %d", r.Size, r.Offset, offset)
	}
	return r, nil
}

func (e *errand) fetchRange(ctx context.Context, c *quic.Conn, offset, length int64) error {
	p := make([]byte, length)
	err := ask(ctx, c, func(s *quic.Stream) error {
		if _, err := e.fetch(c, s, offset, length); err != nil {
			return err
		}
		_, err := io.ReadFull(wire.NewChunkReader(s), p)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := e.job.Output.WriteAt(p, offset); err != nil {
		return &localError{fmt.Errorf("write result: %w", err)}
	}
	return nil
}
