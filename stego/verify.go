package stego

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Verify reports whether output is what embedding e into image, the carrier, makes: the
// same size and type, and in every row exactly the samples that Embed writes, so
// that only permitted samples differ, each by one, and the payload is in them. It looks at so many rows, a Report's Decoded, where
// Matches has shown that the rest is the carrier's own; 0: at all, and at what follows them. The error is a *VerifyError where the
// output is at fault. As for Embed, it may be necessary that image is an io.Seeker.
func Verify(image, output io.Reader, e *Embedding, lim Limits, rows int) error {
	if err := e.check(); err != nil {
		return err
	}
	again := readings(image)
	c, err := open(image, lim)
	if err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	defer c.free()
	_, err = again.twice(c, e, lim, func(c *carrier, known *weaver) (Report, error) {
		return Report{}, c.verify(output, e, lim, rows, known)
	})
	return err
}

// verify is Verify of a carrier that was opened. known is what a survey found, or nil.
func (c *carrier) verify(output io.Reader, e *Embedding, lim Limits, rows int, known *weaver) error {
	want, err := c.hide(e)
	if err == nil {
		err = c.foresee(want.weaver, known, 0)
	}
	switch {
	case err == errDistant:
		return err
	case err != nil:
		return fmt.Errorf("carrier: %w", err)
	}
	got, err := openOutput(output, want.l, lim)
	if err != nil {
		return err
	}
	return compare(want, got, rows)
}

// Matches finds out whether output is, byte for byte, what Embed makes here of the same carrier, embedding and options, and returns what
// Embed reports, undigested. It reads output as it comes and decodes nothing of it. ErrDiffers says that it is not the same: then Verify tells whether
// another program made the same picture.
func Matches(carrier, output io.Reader, e *Embedding, o EmbedOptions) (Report, error) {
	m := &matcher{want: output}
	o.Undigested = true
	rep, err := Embed(m, carrier, e, o)
	if err == nil {
		err = m.end()
	}
	return rep, err
}

// ErrDiffers means that a file is not the one that this program makes.
var ErrDiffers = errors.New("stego: output is not byte for byte what this program makes")

// matcher compares what is written to it with what it reads.
type matcher struct {
	want io.Reader
	buf  []byte
}

func (m *matcher) Write(p []byte) (int, error) {
	if len(m.buf) < len(p) {
		m.buf = make([]byte, len(p))
	}
	n, err := io.ReadFull(m.want, m.buf[:len(p)])
	switch {
	case err != nil && !isEnd(err):
		return 0, fmt.Errorf("read output: %w", err)
	case !bytes.Equal(m.buf[:n], p):
		return 0, ErrDiffers
	}
	return n, nil
}

// end wants the output to end as well.
func (m *matcher) end() error {
	switch n, err := io.ReadFull(m.want, make([]byte, 1)); {
	case n > 0:
		return ErrDiffers
	case err != io.EOF:
		return fmt.Errorf("read output: %w", err)
	}
	return nil
}

// openOutput opens a PNG that must have a certain shape.
func openOutput(r io.Reader, l layout, lim Limits) (*carrier, error) {
	c, err := open(r, lim)
	if err != nil {
		return nil, &VerifyError{Row: -1, Reason: err.Error()}
	}
	if got := c.info.layout(); got != l || c.info.Source != "png" {
		return nil, &VerifyError{Row: -1, Reason: fmt.Sprintf("output is %v, want %v", describe(c.info.Source, got), describe("png", l))}
	}
	return c, nil
}

// describe names an image's type.
func describe(source string, l layout) string {
	return fmt.Sprintf("%s %d×%d %v %d bit", source, l.width, l.height, l.model, l.depth)
}

// compare reads so many rows of both images, or 0: all that is there.
func compare(want hidden, got *carrier, rows int) error {
	if rows == 0 {
		rows = want.l.height
	}
	a, b := make([]byte, want.l.row()), make([]byte, want.l.row())
	for y := range min(rows, want.l.height) {
		if err := want.rows.next(a); err != nil {
			return fmt.Errorf("carrier: %w", err)
		}
		if err := got.rows.next(b); err != nil {
			return &VerifyError{Row: y, Reason: err.Error()}
		}
		if !bytes.Equal(a, b) {
			return &VerifyError{Row: y, Reason: "pixels are not those of this carrier and payload"}
		}
	}
	if rows < want.l.height {
		return nil
	}
	if err := want.rows.finish(); err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	if err := got.rows.finish(); err != nil {
		return &VerifyError{Row: -1, Reason: err.Error()}
	}
	return nil
}

// Check reads an output and reports whether the sealed bytes are in it, in their
// places. It needs no carrier and no passphrase. It decodes the given number of
// rows, a Report's Decoded, and the rest of the file only where that is all of
// them, or 0. The error is a *VerifyError where the output is at fault.
func Check(r io.Reader, e *Embedding, lim Limits, rows int) error {
	if err := e.check(); err != nil {
		return err
	}
	c, err := open(r, lim)
	if err != nil {
		return &VerifyError{Row: -1, Reason: err.Error()}
	}
	if c.info.Source != "png" {
		return &VerifyError{Row: -1, Reason: "output is " + c.info.Source + ", want png"}
	}
	f := newFinder(c)
	found, err := f.sealed(c, e)
	if err == nil {
		err = f.readOn(rows)
	}
	switch {
	case err != nil:
		return &VerifyError{Row: -1, Reason: err.Error()}
	case !bytes.Equal(found, e.Sealed):
		return &VerifyError{Row: -1, Reason: "the payload does not read back"}
	}
	return nil
}

// sealed reads what an embedding must have left.
func (f *finder) sealed(c *carrier, e *Embedding) ([]byte, error) {
	if e.Format == Classic {
		f.src, f.l = c.colored()
		return f.classic(len(e.Sealed))
	}
	head, err := f.head()
	if err != nil {
		return nil, err
	}
	box, err := f.box(header{box: uint32(len(e.Sealed) - headSize), rate: e.Rate}, e.Place)
	return slices.Concat(head, box), err
}

// readOn reads until so many rows were read, or all of the image if that is all of them, or 0.
func (f *finder) readOn(rows int) error {
	if rows == 0 || rows >= f.l.height {
		return f.drain()
	}
	for f.y < rows {
		if err := f.next(); err != nil {
			return err
		}
	}
	return nil
}

// drain reads the rest of the image.
func (f *finder) drain() error {
	for f.y < f.l.height {
		if err := f.next(); err != nil {
			return err
		}
	}
	return f.src.finish()
}
