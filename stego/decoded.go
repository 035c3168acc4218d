package stego

import (
	"image"
	"io"
)

// decodedRows are the rows of an image that a decoder of the standard kind
// makes whole. It is decoded when the first row is asked for.
type decodedRows struct {
	kind   string
	decode func() (image.Image, error)
	screen image.Rectangle // rows are of this; what the image does not cover is transparent
	l      layout
	rest   io.Reader // what the decoder may leave unread; nil: nothing
	im     image.Image
	fill   func(dst []byte, y int)
	y      int
}

func (d *decodedRows) next(dst []byte) error {
	if d.im == nil {
		im, err := d.decode()
		if err != nil {
			return damaged(d.kind, err)
		}
		if d.screen.Empty() {
			d.screen = im.Bounds()
		}
		if d.screen.Dx() != d.l.width || d.screen.Dy() != d.l.height {
			return &FormatError{Kind: d.kind, Reason: "image and header disagree about the size"}
		}
		d.im = im
		d.fill = d.filler()
	}
	y := d.screen.Min.Y + d.y
	d.y++
	d.fill(dst, y)
	return nil
}

// finish reads to the file's end, so that whoever hashes it sees all of it.
func (d *decodedRows) finish() error {
	if d.rest == nil {
		return nil
	}
	_, err := io.Copy(io.Discard, d.rest)
	return damaged(d.kind, err)
}

// decodedCarrier is a carrier that one of these decoders reads from r.
func decodedCarrier(i Info, r io.Reader, decode func(io.Reader) (image.Image, error)) *carrier {
	d := &decodedRows{kind: i.Source, l: i.layout(), rest: r, decode: func() (image.Image, error) { return guarded(i.Source, r, decode) }}
	return &carrier{info: i, rows: d, meta: &metadata{}}
}

// guarded turns a decoder's panic, which a malformed file may find, into an error.
func guarded(kind string, r io.Reader, decode func(io.Reader) (image.Image, error)) (im image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			im, err = nil, &FormatError{Kind: kind, Reason: "the decoder gave up"}
		}
	}()
	return decode(r)
}
