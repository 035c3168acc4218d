package stego

import (
	"image"
	"image/color"
)

// filler returns what writes row y of the decoded image in the output's type:
// the fast ways for what decoders commonly make, else a general one.
func (d *decodedRows) filler() func(dst []byte, y int) {
	switch im := d.im.(type) {
	case *image.YCbCr:
		if d.l.model == RGB && im.Rect.Min.X == 0 {
			return func(dst []byte, y int) { fillYCbCr(dst, im, y) }
		}
	case *image.CMYK:
		if d.l.model == RGB {
			return func(dst []byte, y int) { fillCMYK(dst, im.Pix[im.PixOffset(im.Rect.Min.X, y):]) }
		}
	case *image.Paletted:
		if d.l.depth == 8 && d.l.model.Colors() == 3 {
			return d.paletteFiller(im)
		}
	case *image.Gray:
		return d.copier(im.Pix, im.PixOffset, Gray, 8)
	case *image.Gray16:
		return d.copier(im.Pix, im.PixOffset, Gray, 16)
	case *image.NRGBA:
		if d.l.model == RGB {
			return func(dst []byte, y int) { fillOpaque(dst, im.Pix[im.PixOffset(im.Rect.Min.X, y):]) }
		}
		return d.copier(im.Pix, im.PixOffset, RGBA, 8)
	case *image.NRGBA64:
		return d.copier(im.Pix, im.PixOffset, RGBA, 16)
	case *image.RGBA:
		if d.l.model == RGB {
			return func(dst []byte, y int) { fillOpaque(dst, im.Pix[im.PixOffset(im.Rect.Min.X, y):]) }
		}
	}
	return d.fillAny
}

// copier is the filler of an image whose rows are in memory as PNG has them.
func (d *decodedRows) copier(pix []byte, offset func(x, y int) int, m Model, depth int) func([]byte, int) {
	if d.l.model != m || d.l.depth != depth || d.screen != d.im.Bounds() {
		return d.fillAny
	}
	return func(dst []byte, y int) { copy(dst, pix[offset(d.screen.Min.X, y):]) }
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

// fillYCbCr converts a row of a JPEG or lossy WebP, whose left edge is at 0.
func fillYCbCr(dst []byte, im *image.YCbCr, y int) {
	shift := 0
	switch im.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		shift = 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	luma, begin := im.Y[im.YOffset(0, y):], im.COffset(0, y)
	cb, cr := im.Cb[begin:], im.Cr[begin:]
	for x := range im.Rect.Max.X {
		dst[0], dst[1], dst[2] = color.YCbCrToRGB(luma[x], cb[x>>shift], cr[x>>shift])
		dst = dst[3:]
	}
}

// fillCMYK converts a row of a JPEG for print.
func fillCMYK(dst, pix []byte) {
	for len(dst) >= 3 {
		dst[0], dst[1], dst[2] = color.CMYKToRGB(pix[0], pix[1], pix[2], pix[3])
		dst, pix = dst[3:], pix[4:]
	}
}

// fillOpaque drops the fourth sample of each pixel.
func fillOpaque(dst, pix []byte) {
	for len(dst) >= 3 {
		dst[0], dst[1], dst[2] = pix[0], pix[1], pix[2]
		dst, pix = dst[3:], pix[4:]
	}
}

// paletteFiller looks colours up; outside of the image all is transparent.
func (d *decodedRows) paletteFiller(im *image.Paletted) func(dst []byte, y int) {
	var table [256][4]byte
	for i, c := range im.Palette[:min(len(table), len(im.Palette))] {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		table[i] = [4]byte{n.R, n.G, n.B, n.A}
	}
	step := d.l.pixel()
	return func(dst []byte, y int) {
		for x := d.screen.Min.X; x < d.screen.Max.X; x++ {
			entry := [4]byte{}
			if image.Pt(x, y).In(im.Rect) {
				entry = table[im.Pix[im.PixOffset(x, y)]]
			}
			copy(dst[:step], entry[:])
			dst = dst[step:]
		}
	}
}
