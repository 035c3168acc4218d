package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"p2pnode/stego"
)

// Why an upload ends before its last byte.
var (
	errSuperseded = errors.New("node: a newer stream of this job took over")
	errSlow       = errors.New("node: upload is slower than 16 KiB/s while others wait")
	errLate       = errors.New("node: upload takes too long")
	errStopping   = errors.New("node: server is stopping")
	errCancelled  = errors.New("node: the job was cancelled")
	errDigest     = errors.New("node: the image is not the one announced")
)

const (
	paceWindow  = 10 * time.Second
	paceFloor   = 16 << 10        // bytes per second that an upload must reach while others wait
	silentFor   = 3               // windows without a byte after which an upload is given up anyway
	uploadGrace = 2 * time.Minute // allowed to every upload besides its size over the floor
)

// upload reads an image from a stream, and no slower than is fair to those who wait.
type upload struct {
	s       source
	left    uint64
	crowded func() bool

	ctx   context.Context
	end   context.CancelCauseFunc
	heard instant // when the last byte came

	window time.Time // end of the present one
	count  int64     // bytes in it
	silent int       // windows without a byte, in a row
	last   time.Time // no upload goes on longer
	err    error     // of the stream, as opposed to what is wrong with the image
}

func newUpload(ctx context.Context, s source, size uint64, crowded func() bool) *upload {
	now := time.Now()
	u := &upload{s: s, left: size, crowded: crowded, last: now.Add(uploadGrace + time.Duration(size/paceFloor)*time.Second)}
	u.ctx, u.end = context.WithCancelCause(ctx)
	u.heard.note(now)
	return u
}

// cut ends the upload for a reason.
func (u *upload) cut(why error) { u.end(why) }

func (u *upload) stalled(now time.Time) bool {
	heard := u.heard.last()
	if g, ok := u.s.(*mosaic); ok && g.heard.last().After(heard) {
		heard = g.heard.last()
	}
	return now.Sub(heard) > stalledAfter
}

// Read returns the image's next bytes, and io.EOF after the last.
func (u *upload) Read(p []byte) (int, error) {
	if u.left == 0 {
		return 0, io.EOF
	}
	for {
		if err := u.turnWindow(time.Now()); err != nil {
			u.err = err
			return 0, err
		}
		n, err := u.s.Read(p[:min(uint64(len(p)), u.left)])
		u.left -= uint64(n)
		u.count += int64(n)
		if n > 0 {
			u.heard.note(time.Now())
			return n, nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			u.err = noEOF(err)
			return 0, u.err
		}
	}
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// turnWindow begins a new window when the old one is over, or says why there shall be none.
func (u *upload) turnWindow(now time.Time) error {
	switch {
	case u.ctx.Err() != nil:
		return context.Cause(u.ctx)
	case now.Before(u.window):
		return nil
	case now.After(u.last):
		return errLate
	}
	if u.count > 0 {
		u.silent = 0
	} else if !u.window.IsZero() {
		u.silent++
	}
	if u.silent >= silentFor || !u.window.IsZero() && u.count < paceFloor*int64(paceWindow/time.Second) && u.crowded() {
		return errSlow
	}
	u.window, u.count = now.Add(paceWindow), 0
	u.s.SetReadDeadline(u.window)
	if u.ctx.Err() != nil { // ended while the deadline was being set
		return context.Cause(u.ctx)
	}
	return nil
}

// excuse makes up for time in which nobody read here, for reasons of this server.
func (u *upload) excuse(d time.Duration) {
	u.window, u.last = u.window.Add(d), u.last.Add(d)
	u.heard.note(time.Now())
	if d > 0 && u.ctx.Err() == nil {
		u.s.SetReadDeadline(u.window)
	}
}

// memoryError means that decoding an image would take more memory than this server gives to one.
type memoryError struct{ need, max int64 }

func (e *memoryError) Error() string {
	return fmt.Sprintf("node: decoding this image takes about %d MB, this server gives %d MB; save it as a baseline JPEG or a PNG", e.need>>20, e.max>>20)
}

// affordable refuses an image whose decoding would starve the machine, however few its bytes are.
func (w *worker) affordable(info stego.Info, e *stego.Embedding) error {
	if need := info.Memory(e); need > w.t.cfg.MaxMemory {
		return &memoryError{need, w.t.cfg.MaxMemory}
	}
	return nil
}

func (w *worker) limits() stego.Limits { return stego.Limits{MaxPixels: w.t.sizes.Load().pixels} }
