package stego

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
)

// badPNGs are what is wrong with the x… files of PngSuite, what a picture may claim, and
// streams that no inflater may take: all with right CRCs, but for those that say otherwise.
func badPNGs() map[string]badImage {
	format, unsupported, limit := &FormatError{}, &UnsupportedError{}, &LimitError{}
	good := pngSpec{width: 20, height: 20, kind: 2, depth: 8, sample: at8(3)}
	file := good.encode()
	const ihdrEnd = 33
	body := file[ihdrEnd:]
	headed := func(at int, v ...byte) []byte { // another IHDR before the same pixels
		b := bytes.Clone(good.ihdrBytes()[8:21])
		copy(b[at:], v)
		return append(append([]byte(pngMagic), chunkBytes("IHDR", b)...), body...)
	}
	after := func(chunks ...[]byte) []byte { // behind IHDR
		return append(append(bytes.Clone(file[:ihdrEnd]), bytes.Join(chunks, nil)...), body...)
	}
	wrongHead := bytes.Clone(file)
	wrongHead[ihdrEnd-1] ^= 1
	palette := pngSpec{width: 4, height: 4, kind: 3, depth: 2, palette: make([]byte, 15)}
	lines := good.lines()
	z := deflated(lines)
	parts := [][]byte{[]byte(pngMagic), good.ihdrBytes(), chunkBytes("IDAT", z[:50]), chunkBytes("tEXt", []byte("a\x00b")), chunkBytes("IDAT", z[50:]), chunkBytes("IEND", nil)}
	long := bytes.Clone(file[:len(file)-12])
	return map[string]badImage{
		"x-newline.png":        {bytes.Replace(file, []byte("\r\n"), []byte("\n"), 1), format, "signature"},
		"x-seven-bits.png":     {append([]byte{9}, file[1:]...), unsupported, "not an image"},
		"x-crc-ihdr.png":       {wrongHead, format, "IHDR chunk at byte 8: wrong CRC"},
		"x-type1.png":          {headed(9, 1), format, "IHDR chunk at byte 8: impossible"},
		"x-type9.png":          {headed(9, 9), format, "IHDR chunk at byte 8: impossible"},
		"x-depth0.png":         {headed(8, 0), format, "IHDR chunk at byte 8: impossible"},
		"x-depth3.png":         {headed(8, 3), format, "IHDR chunk at byte 8: impossible"},
		"x-depth99.png":        {headed(8, 99), format, "IHDR chunk at byte 8: impossible"},
		"x-compression.png":    {headed(10, 1), format, "IHDR chunk at byte 8: impossible"},
		"x-filter-method.png":  {headed(11, 1), format, "IHDR chunk at byte 8: impossible"},
		"x-interlace2.png":     {headed(12, 2), format, "IHDR chunk at byte 8: impossible"},
		"x-no-idat.png":        {append(bytes.Clone(file[:ihdrEnd]), chunkBytes("IEND", nil)...), format, "IEND chunk at byte 33"},
		"zero-high.png":        {headed(4, 0, 0, 0, 0), format, "no pixels"},
		"negative.png":         {headed(0, 0x80), limit, "limit is"},
		"100k.png":             {headed(0, 0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0), limit, "10000000000 pixels"},
		"wide.png":             {headed(0, 0, 0x20, 0, 0, 0, 0, 0, 1), unsupported, "wider"},
		"ihdr-short.png":       {append(append([]byte(pngMagic), chunkBytes("IHDR", make([]byte, 12))...), body...), format, "IHDR chunk at byte 8"},
		"ihdr-second.png":      {after(good.ihdrBytes()), format, "IHDR chunk at byte 33"},
		"plte-odd.png":         {after(chunkBytes("PLTE", make([]byte, 4))), format, "PLTE chunk at byte 33"},
		"plte-long.png":        {after(chunkBytes("PLTE", make([]byte, 771))), format, "PLTE chunk at byte 33"},
		"plte-empty.png":       {after(chunkBytes("PLTE", nil)), format, "PLTE chunk at byte 33"},
		"plte-twice.png":       {after(chunkBytes("PLTE", make([]byte, 3)), chunkBytes("PLTE", make([]byte, 3))), format, "PLTE chunk at byte 48"},
		"plte-many.png":        {palette.encode(), format, "PLTE chunk at byte 33"},
		"plte-late.png":        {append(append(bytes.Clone(long), chunkBytes("PLTE", make([]byte, 3))...), file[len(file)-12:]...), format, "PLTE chunk at byte"},
		"trns-long.png":        {pngSpec{width: 4, height: 4, kind: 3, depth: 2, palette: make([]byte, 6), trns: make([]byte, 3)}.encode(), format, "tRNS"},
		"trns-twice.png":       {after(chunkBytes("tRNS", make([]byte, 6)), chunkBytes("tRNS", make([]byte, 6))), format, "tRNS chunk at byte 51"},
		"animated-late.png":    {append(append(bytes.Clone(long), chunkBytes("acTL", make([]byte, 8))...), file[len(file)-12:]...), format, "acTL chunk at byte"},
		"idat-apart.png":       {bytes.Join(parts, nil), format, "ends too early"},
		"idat-empty.png":       {remadeStream(good, nil), format, "ends too early"},
		"iend-long.png":        {append(long, chunkBytes("IEND", []byte("x"))...), format, "IEND chunk at byte"},
		"length-text.png":      {after([]byte("\x80\x00\x00\x00tEXt")), format, "tEXt chunk at byte 33: absurd length"},
		"zlib-method.png":      {remadeStream(good, append([]byte{0x79, 0x1a}, z[2:]...)), format, "corrupt"},
		"zlib-check.png":       {remadeStream(good, append([]byte{0x78, 0x9d}, z[2:]...)), format, "corrupt"},
		"zlib-dictionary.png":  {remadeStream(good, append([]byte{0x78, 0xbb, 1, 2, 3, 4}, z[2:]...)), format, "corrupt"},
		"adler.png":            {remadeStream(good, append(bytes.Clone(z[:len(z)-1]), z[len(z)-1]^1)), format, "corrupt"},
		"adler-cut.png":        {remadeStream(good, z[:len(z)-1]), format, "ends too early"},
		"block-type3.png":      {badDeflate(good, func(s *stream) { s.begin(3, true) }), format, "corrupt"},
		"stored-length.png":    {badDeflate(good, func(s *stream) { s.begin(0, true); s.w.align(); s.w.bits(5, 16); s.w.bits(5, 16) }), format, "corrupt"},
		"distance-far.png":     {badDeflate(good, func(s *stream) { s.fixed([]zooToken{{literal: 1}, {length: 9, distance: 2}}, true) }), format, "corrupt"},
		"distance-symbol.png":  {badDeflate(good, badSymbol(7, 0b1000000, 5, 0b01111)), format, "corrupt"},
		"length-symbol.png":    {badDeflate(good, badSymbol(8, 0b01100011, 0, 0)), format, "corrupt"},
		"code-too-full.png":    {badDeflate(good, func(s *stream) { s.begin(2, true); s.codes(evenLengths(literalSymbols, 2), evenLengths(1, 1)) }), format, "corrupt"},
		"code-incomplete.png":  {badDeflate(good, func(s *stream) { s.begin(2, true); s.codes(evenLengths(literalSymbols, 12), evenLengths(1, 1)) }), format, "corrupt"},
		"repeat-of-none.png":   {badDeflate(good, badRepeat), format, "corrupt"},
		"stream-continues.png": {remadeStream(good, append(bytes.Clone(z), z...)), format, "after the end of the pixel data"},
	}
}

// remadeStream is a PNG with another zlib stream in it.
func remadeStream(s pngSpec, z []byte) []byte {
	return bytes.Join([][]byte{[]byte(pngMagic), s.ihdrBytes(), chunkBytes("IDAT", z), chunkBytes("IEND", nil)}, nil)
}

// badDeflate is a PNG whose stream is what write makes.
func badDeflate(spec pngSpec, write func(*stream)) []byte {
	s := &stream{choices: seeded(1, map[string]int{})}
	s.w.out = []byte{0x78, 0x9c}
	write(s)
	s.w.align()
	out := binary.BigEndian.AppendUint32(s.w.out, adler32.Checksum(spec.lines()))
	return remadeStream(spec, append(out, make([]byte, 300)...))
}

// badSymbol writes a fixed block with a literal, then two codes as they stand in the stream.
func badSymbol(n1, code1, n2, code2 int) func(*stream) {
	return func(s *stream) {
		s.begin(1, true)
		lit, _ := fixedCodes()
		lit.write(&s.w, 0)
		s.w.bits(code1, n1)
		s.w.bits(code2, n2)
	}
}

// evenLengths are so many symbols of one length.
func evenLengths(n, length int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = length
	}
	return out
}

// badRepeat begins a dynamic block whose first code length repeats the one before it.
func badRepeat(s *stream) {
	s.begin(2, true)
	s.w.bits(0, 5)
	s.w.bits(0, 5)
	s.w.bits(0, 4)
	for _, l := range []int{1, 0, 0, 1} { // of 16, 17, 18 and 0
		s.w.bits(l, 3)
	}
	s.w.bits(1, 1) // 16
	s.w.bits(0, 2)
}
