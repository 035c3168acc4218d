package stego

import (
	"image"
	"image/color"
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

// fill converts one row.
func (d *decodedRows) fill(dst []byte, y int) {
	switch im := d.im.(type) {
	case *image.YCbCr:
		if d.l.model == RGB {
			fillYCbCr(dst, im, y)
			return
		}
	case *image.Gray:
		if d.l.model == Gray {
			copy(dst, im.Pix[im.PixOffset(im.Rect.Min.X, y):])
			return
		}
	case *image.Gray16:
		if d.l.model == Gray && d.l.depth == 16 {
			copy(dst, im.Pix[im.PixOffset(im.Rect.Min.X, y):])
			return
		}
	case *image.RGBA:
		if d.l.model == RGB {
			fillOpaque(dst, im.Pix[im.PixOffset(im.Rect.Min.X, y):])
			return
		}
	case *image.NRGBA:
		if d.l.model == RGBA {
			copy(dst, im.Pix[im.PixOffset(im.Rect.Min.X, y):])
			return
		}
	}
	d.fillAny(dst, y)
}

// fillAny converts a row of any image.
func (d *decodedRows) fillAny(dst []byte, y int) {
	size := d.l.sample()
	for x := range d.l.width {
		c := color.NRGBA64Model.Convert(d.im.At(d.screen.Min.X+x, y)).(color.NRGBA64)
		samples := []uint16{c.R, c.G, c.B, c.A}
		switch d.l.model {
		case Gray:
			samples = samples[:1]
		case RGB:
			samples = samples[:3]
		}
		for _, v := range samples {
			dst[0] = byte(v >> 8)
			if size == 2 {
				dst[1] = byte(v)
			}
			dst = dst[size:]
		}
	}
}

// fillYCbCr converts a row of a JPEG or lossy WebP.
func fillYCbCr(dst []byte, im *image.YCbCr, y int) {
	for x := im.Rect.Min.X; x < im.Rect.Max.X; x++ {
		yi, ci := im.YOffset(x, y), im.COffset(x, y)
		dst[0], dst[1], dst[2] = color.YCbCrToRGB(im.Y[yi], im.Cb[ci], im.Cr[ci])
		dst = dst[3:]
	}
}

// fillOpaque drops the fourth sample of each pixel.
func fillOpaque(dst, pix []byte) {
	for len(dst) >= 3 {
		dst[0], dst[1], dst[2] = pix[0], pix[1], pix[2]
		dst, pix = dst[3:], pix[4:]
	}
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
