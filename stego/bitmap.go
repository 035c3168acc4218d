package stego

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image/color"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// openBMP reads a Windows bitmap.
func openBMP(r *bufio.Reader, lim Limits) (*carrier, error) {
	data, err := whole(r, "bmp", lim)
	if err != nil {
		return nil, err
	}
	c, err := bmp.DecodeConfig(bytes.NewReader(data))
	if err == bmp.ErrUnsupported {
		return nil, &UnsupportedError{What: "BMP of this kind"}
	}
	if err != nil {
		return nil, damaged("bmp", err)
	}
	if err := lim.check("bmp", int64(c.Width), int64(c.Height)); err != nil {
		return nil, err
	}
	i := Info{Source: "bmp", Width: c.Width, Height: c.Height, Model: RGB, Depth: 8}
	depth := int64(binary.LittleEndian.Uint16(data[28:]))
	const plainHeader = 40 // longer ones define alpha
	if depth == 32 && binary.LittleEndian.Uint32(data[14:]) > plainHeader {
		i.Model = RGBA
	}
	_, i.Expanded = c.ColorModel.(color.Palette)
	if (int64(c.Width)*depth+31)/32*4*int64(c.Height) > int64(len(data)) {
		return nil, &FormatError{Kind: "bmp", Reason: "the file is cut off"}
	}
	return decodedCarrier(i, bytes.NewReader(data), bmp.Decode), nil
}

// openTIFF reads the first page of a TIFF file.
func openTIFF(r *bufio.Reader, lim Limits) (*carrier, error) {
	data, err := whole(r, "tiff", lim)
	if err != nil {
		return nil, err
	}
	c, err := tiff.DecodeConfig(bytes.NewReader(data))
	if what, ok := err.(tiff.UnsupportedError); ok {
		return nil, &UnsupportedError{What: "TIFF with " + string(what)}
	}
	if err != nil {
		return nil, damaged("tiff", err)
	}
	if err := lim.check("tiff", int64(c.Width), int64(c.Height)); err != nil {
		return nil, err
	}
	i := Info{Source: "tiff", Width: c.Width, Height: c.Height, Depth: 8}
	i.Model, i.Depth = tiffType(c.ColorModel, data)
	_, i.Expanded = c.ColorModel.(color.Palette)
	return decodedCarrier(i, bytes.NewReader(data), tiff.Decode), nil
}

// tiffType returns the output type of a TIFF. Its decoder gives RGB and
// premultiplied RGBA the same colour model; the samples per pixel tell them apart.
func tiffType(m color.Model, data []byte) (Model, int) {
	switch m {
	case color.GrayModel:
		return Gray, 8
	case color.Gray16Model:
		return Gray, 16
	case color.NRGBAModel:
		return RGBA, 8
	case color.NRGBA64Model:
		return RGBA, 16
	}
	model, depth := RGB, 8
	if tiffSamples(data) == 4 {
		model = RGBA
	}
	if m == color.RGBA64Model {
		depth = 16
	}
	return model, depth
}

// tiffSamples returns how many samples a pixel has: the count of BitsPerSample,
// which is what the decoder goes by.
func tiffSamples(data []byte) uint32 {
	const bitsPerSample, entry = 258, 12
	var order binary.ByteOrder = binary.BigEndian
	if data[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(data[4:]))
	if at+2 > int64(len(data)) {
		return 0
	}
	n := int64(order.Uint16(data[at:]))
	for at += 2; n > 0 && at+entry <= int64(len(data)); at, n = at+entry, n-1 {
		if order.Uint16(data[at:]) == bitsPerSample {
			return order.Uint32(data[at+4:])
		}
	}
	return 0
}

// openWebP reads a WebP file, lossy or lossless.
func openWebP(r *bufio.Reader, lim Limits) (*carrier, error) {
	data, err := whole(r, "webp", lim)
	if err != nil {
		return nil, err
	}
	alpha, animated := webpFlags(data)
	if animated {
		return nil, &UnsupportedError{What: "animated WebP"}
	}
	c, err := webp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, damaged("webp", err)
	}
	if err := lim.check("webp", int64(c.Width), int64(c.Height)); err != nil {
		return nil, err
	}
	i := Info{Source: "webp", Width: c.Width, Height: c.Height, Model: RGB, Depth: 8}
	if alpha {
		i.Model = RGBA
	}
	return decodedCarrier(i, bytes.NewReader(data), webp.Decode), nil
}

// webpFlags reads the first chunk: VP8X has flags, VP8L a bit behind its size.
func webpFlags(data []byte) (alpha, animated bool) {
	if len(data) < 25 {
		return false, false
	}
	switch string(data[12:16]) {
	case "VP8X":
		return data[20]&0x10 != 0, data[20]&0x02 != 0
	case "VP8L":
		return data[24]&0x10 != 0, false
	}
	return false, false
}
