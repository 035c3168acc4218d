package stego

import (
	"cmp"
	"errors"
	"fmt"
	"io"
)

// Where there is alpha, nobody knows how many samples of a row are usable before it is read, and so not where the window ends, which
// has to be known before the first row can be written. Usually a few rows tell. Where more would have to be held, the carrier is read
// twice instead: a first time for the window's end and for the lowest bits up to there, and then to write. Which it is hangs on the
// image and the payload alone, so that everybody makes the same output of them.

// mostAhead is how many bytes of rows are held to find the window's end.
const mostAhead = 1 << 20

// aheadCost is how many bytes are held for each of them at most: the row, once more as its file has it, the input, and tokens, of
// which the worst deflater makes two for four bytes, in slices that grow.
const aheadCost = 16

// ErrSeek means that a carrier has to be read twice, because much of it is transparent or all of it carries payload, and that its reader is no
// io.Seeker, or one that fails.
var ErrSeek = errors.New("stego: this picture has to be read twice, and its reader cannot seek")

// errDistant means that more rows would have to be held than mostAhead allows. Nothing was written.
var errDistant = errors.New("stego: the window ends too far away")

// reading reads a carrier anew from its beginning.
type reading func() (io.Reader, error)

// readings returns how to read r anew, which begins where it is now.
func readings(r io.Reader) reading {
	s, ok := r.(io.Seeker)
	if !ok {
		return func() (io.Reader, error) { return nil, ErrSeek }
	}
	at, err := s.Seek(0, io.SeekCurrent)
	return func() (io.Reader, error) {
		if err == nil {
			_, err = s.Seek(at, io.SeekStart)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSeek, err)
		}
		return r, nil
	}
}

// embedder makes an output of a carrier that has just been opened; known is what a survey found, or nil.
type embedder func(c *carrier, known *weaver) (Report, error)

// twice has an output made of a carrier, after another reading of it if need be.
func (again reading) twice(c *carrier, e *Embedding, lim Limits, by embedder) (Report, error) {
	rep, err := by(c, nil)
	if err != errDistant {
		return rep, err
	}
	known, err := again.survey(c.info, e, lim)
	if err != nil {
		return Report{}, err
	}
	if c, err = again.open(c.info, lim); err != nil {
		return Report{}, err
	}
	defer c.free()
	return by(c, known)
}

// survey finds out what a weaver has to know before its first row.
func (again reading) survey(want Info, e *Embedding, lim Limits) (*weaver, error) {
	c, err := again.open(want, lim)
	if err != nil {
		return nil, err
	}
	defer c.free()
	defer c.skimmed(e.Format)()
	w := newWeaver(c.rows, c.info.layout(), e)
	row := make([]byte, w.l.row())
	for w.unforeseen() {
		if err := w.read(row); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// open opens the carrier again.
func (again reading) open(want Info, lim Limits) (*carrier, error) {
	r, err := again()
	if err != nil {
		return nil, err
	}
	c, err := open(r, lim)
	if err == nil && c.info != want {
		c.free()
		err = errChanged
	}
	return c, err
}

// errChanged means that a carrier is another when it is read again.
var errChanged = errors.New("stego: the picture changed while it was read")

// foresee has a weaver know the window's end before anything is written: by what a survey found, or by rows that are held, at most so many
// bytes of them, if zero mostAhead. Carriers that are held whole need neither.
func (c *carrier) foresee(w, known *weaver, most int) error {
	switch {
	case w == nil || c.info.Source != "png" || c.info.Interlaced:
		return nil
	case known != nil:
		w.know(known)
		return nil
	}
	return w.foresee(cmp.Or(most, mostAhead))
}

// unforeseen reports whether more rows have to be read to know where the window ends.
func (w *weaver) unforeseen() bool {
	return w.l.model.Alpha() && w.seen < w.l.height && (w.usable < headBits+w.e.need() || w.e.Rate == 0)
}

// foresee reads rows before their turn until the window's end is known: errDistant where they are more bytes than that.
func (w *weaver) foresee(most int) error {
	for w.unforeseen() {
		if len(w.ahead)+w.l.row() > most {
			return errDistant
		}
		if err := w.readAhead(); err != nil {
			return err
		}
	}
	return nil
}

// know takes over what was found out in another reading of the same carrier.
func (w *weaver) know(s *weaver) {
	w.seen, w.usable, w.lowest, w.known = s.seen, s.usable, s.lowest, true
}
