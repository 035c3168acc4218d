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
	for x := 0; x < im.Rect.Max.X; {
		c := tintOf(cb[x>>shift], cr[x>>shift])
		for end := min(im.Rect.Max.X, (x>>shift+1)<<shift); x < end; x++ {
			c.put(dst[:3:len(dst)], luma[x])
			dst = dst[3:]
		}
	}
}

// tint is what the chroma of a pixel adds to its red, green and blue. It is
// shared by the pixels that share chroma. The arithmetic is that of
// color.YCbCrToRGB, of which it gives the very values.
type tint struct{ r, g, b int32 }

func tintOf(cb, cr uint8) tint {
	u, v := int32(cb)-128, int32(cr)-128
	return tint{91881 * v, -22554*u - 46802*v, 116130 * u}
}

// put writes a pixel.
func (t tint) put(dst []byte, luma uint8) {
	y := int32(luma) * 0x10101
	dst[2], dst[1], dst[0] = upper(y+t.b), upper(y+t.g), upper(y+t.r)
}

// upper returns the third byte of v, or what is nearest where v is out of range.
func upper(v int32) byte {
	if uint32(v)>>24 == 0 {
		return byte(v >> 16)
	}
	return byte(^(v >> 31))
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
