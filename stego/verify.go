package stego

import (
	"bytes"
	"fmt"
	"io"
)

// Verify reports whether output is what embedding e into the carrier makes: the
// same size and type, and in every row exactly the samples that Embed writes, so
// that only permitted samples differ, each by one, and the payload is in them.
// The error is a *VerifyError where the output is at fault.
func Verify(carrier, output io.Reader, e *Embedding, lim Limits) error {
	if err := e.check(); err != nil {
		return err
	}
	c, err := open(carrier, lim)
	if err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	want, err := c.hide(e)
	if err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	got, err := openOutput(output, want.l, lim)
	if err != nil {
		return err
	}
	return compare(want, got)
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

// compare reads both images to their ends.
func compare(want hidden, got *carrier) error {
	a, b := make([]byte, want.l.row()), make([]byte, want.l.row())
	for y := range want.l.height {
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
	if err := want.rows.finish(); err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	if err := got.rows.finish(); err != nil {
		return &VerifyError{Row: -1, Reason: err.Error()}
	}
	return nil
}

// Check reads an output to its end and reports whether the sealed bytes are in
// it, in their places. It needs no carrier and no passphrase. The error is a
// *VerifyError where the output is at fault.
func Check(r io.Reader, e *Embedding, lim Limits) error {
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
		err = f.drain()
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
	box, err := f.box(len(e.Sealed)-headSize, e.Rate, e.Place)
	return append(head, box...), err
}

// drain reads the rest of the image.
func (f *finder) drain() error {
	for f.tally.y < f.l.height {
		if _, _, err := f.read(); err != nil {
			return err
		}
	}
	return f.src.finish()
}
