package stego

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color/palette"
	"image/gif"
	"maps"
	"testing"
)

// badImage is a file that must be refused, and how.
type badImage struct {
	data []byte
	want error // a value of the wanted type
	say  string
}

// badImages are damaged and unsupported files.
func badImages(t *testing.T) map[string]badImage {
	format, unsupported := &FormatError{}, &UnsupportedError{}
	good := pngSpec{width: 20, height: 20, kind: 2, depth: 8, sample: at8(3)}
	file := good.encode()
	edit := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(file)) }
	insert := func(at int, c []byte) []byte {
		return append(append(bytes.Clone(file[:at]), c...), file[at:]...)
	}
	lines := good.lines()
	gigapixel := pngSpec{width: 40000, height: 25000, kind: 2, depth: 8}
	huge := append(append([]byte(pngMagic), gigapixel.ihdrBytes()...), "\x7f\xff\xff\xffIDATxx"...)
	const behindHeader = 33
	idat := bytes.Index(file, []byte("IDAT"))
	out := map[string]badImage{
		"empty.png":        {nil, format, "empty"},
		"text.png":         {[]byte("this is a text, not an image\n"), unsupported, "not an image"},
		"signature.png":    {file[:6], format, "signature"},
		"gigapixel.png":    {huge[:47], &LimitError{}, "1000000000 pixels"},
		"zero.png":         {append(append([]byte(pngMagic), pngSpec{kind: 2, depth: 8}.ihdrBytes()...), file[behindHeader:]...), format, "no pixels"},
		"type5.png":        {append(append([]byte(pngMagic), pngSpec{width: 1, height: 1, kind: 5, depth: 8}.ihdrBytes()...), file[behindHeader:]...), format, "impossible"},
		"truncated.png":    {file[:len(file)/2], format, "cut off"},
		"noiend.png":       {file[:len(file)-12], format, "IEND"},
		"trailing.png":     {append(bytes.Clone(file), "tail"...), format, "after the IEND"},
		"crc.png":          {edit(func(b []byte) []byte { b[idat+9] ^= 1; return b }), format, ""},
		"crc-text.png":     {insert(behindHeader, append(chunkBytes("tEXt", []byte("a\x00b"))[:14], 0)), format, "CRC"},
		"length.png":       {edit(func(b []byte) []byte { b[idat-4] = 0xff; return b }), format, "absurd length"},
		"chunktype.png":    {insert(behindHeader, chunkBytes("a\x00b!", nil)), format, "four letters"},
		"critical.png":     {insert(behindHeader, chunkBytes("ABCD", nil)), unsupported, "ABCD"},
		"animated.png":     {insert(behindHeader, chunkBytes("acTL", make([]byte, 8))), unsupported, "animated"},
		"cgbi.png":         {append(append([]byte(pngMagic), chunkBytes("CgBI", make([]byte, 4))...), file[8:]...), unsupported, "CgBI"},
		"toomuch.png":      {remade(good, append(bytes.Clone(lines), 0)), format, "more pixel data"},
		"toolittle.png":    {remade(good, lines[:len(lines)-1]), format, "ends too early"},
		"filter.png":       {remade(good, append([]byte{9}, lines[1:]...)), format, "filter"},
		"split-idat.png":   {insert(len(file)-12, chunkBytes("IDAT", []byte("x"))), format, "after the end of the pixel data"},
		"noplte.png":       {pngSpec{width: 4, height: 4, kind: 3, depth: 2, palette: make([]byte, 12)}.without("PLTE"), format, "without a PLTE"},
		"outside.png":      {outsidePalette(), format, "outside the palette"},
		"trns-rgba.png":    {pngSpec{width: 4, height: 4, kind: 6, depth: 8, trns: []byte{0, 0}}.encode(), format, "tRNS"},
		"truncated.jpg":    {cut(t, "photo.jpg"), format, "jpeg"},
		"truncated.gif":    {cut(t, "photo.gif"), format, "cut off"},
		"truncated.bmp":    {cut(t, "photo.bmp"), format, "cut off"},
		"truncated.tiff":   {cut(t, "photo.tiff"), format, ""},
		"animated.gif":     {animatedGIF(t), unsupported, "animated"},
		"heic.jpg":         {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), unsupported, "heic"},
		"truncated.webp":   {[]byte("RIFF\x00\x01\x00\x00WEBPVP8 \x00\x01\x00\x00"), format, ""},
		"animated.webp":    {[]byte("RIFF\x00\x01\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x09\x00\x00\x09\x00\x00"), unsupported, "animated"},
		"no-image.jpg":     {[]byte("\xff\xd8\xff\xd9"), format, "no image"},
		"jpeg-garbage.jpg": {[]byte("\xff\xd8garbage that is no marker"), format, "marker"},
	}
	maps.Copy(out, badPNGs())
	return out
}

// remade is a PNG with other filtered lines in it.
func remade(s pngSpec, lines []byte) []byte {
	return append(append(append([]byte(pngMagic), s.ihdrBytes()...), chunkBytes("IDAT", deflated(lines))...), chunkBytes("IEND", nil)...)
}

// without is a PNG that lacks a chunk.
func (s pngSpec) without(kind string) []byte {
	b := s.encode()
	at := bytes.Index(b, []byte(kind)) - 4
	end := at + 12 + int(binary.BigEndian.Uint32(b[at:]))
	return append(b[:at:at], b[end:]...)
}

// outsidePalette is a PNG whose pixels name colours that its palette lacks.
func outsidePalette() []byte {
	s := pngSpec{width: 4, height: 4, kind: 3, depth: 8, palette: make([]byte, 12), sample: func(x, y, c int) int { return x }}
	b := s.encode()
	short := pngSpec{width: 4, height: 4, kind: 3, depth: 8, palette: make([]byte, 9), sample: s.sample}.encode()
	at, end := bytes.Index(b, []byte("IDAT"))-4, len(b)
	return append(short[:bytes.Index(short, []byte("IDAT"))-4:bytes.Index(short, []byte("IDAT"))-4], b[at:end]...)
}

// cut is the first half of a good file.
func cut(t *testing.T, name string) []byte {
	b := goodOthers(t)[name]
	return b[:len(b)/2]
}

func animatedGIF(t *testing.T) []byte {
	one := image.NewPaletted(image.Rect(0, 0, 4, 4), palette.WebSafe)
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{one, one}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
