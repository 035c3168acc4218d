package stego

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zlib"
)

const (
	typePalette = 3
	maxPalette  = 256 * 3
)

// ihdr is what a PNG header says about its file.
type ihdr struct {
	width, height int64
	depth         int
	kind          byte // PNG colour type
	interlaced    bool
}

// pngReader is a PNG file as rows of the output's type.
type pngReader struct {
	c       chunkReader
	h       ihdr
	info    Info
	meta    *metadata
	palette []byte
	trns    []byte
	trnsAt  int64 // where its chunk begins
	data    idatReader
	idat    *bufio.Reader
	z       io.ReadCloser
	raw     rawRows
	row     []byte
	spread  func(dst, raw []byte) error
}

// rawRows are rows as the file has them, before they are expanded.
type rawRows interface{ read(dst []byte) error }

// openPNG reads all chunks before the pixels.
func openPNG(r *bufio.Reader, lim Limits) (*carrier, error) {
	p := &pngReader{c: chunkReader{r: r}, meta: &metadata{}}
	var magic [8]byte
	if err := p.c.full(magic[:]); err != nil {
		return nil, err
	}
	if err := p.readHeader(lim); err != nil {
		return nil, err
	}
	for p.c.kind != "IDAT" {
		if err := p.readBefore(); err != nil {
			return nil, err
		}
		if err := p.c.open(); err != nil {
			return nil, err
		}
	}
	info, err := p.describe()
	if err != nil {
		return nil, err
	}
	p.info = info
	return &carrier{info: info, rows: p, meta: p.meta}, nil
}

// readHeader reads IHDR and opens the chunk behind it.
func (p *pngReader) readHeader(lim Limits) error {
	if err := p.c.open(); err != nil {
		return err
	}
	if p.c.kind == "CgBI" {
		return &UnsupportedError{What: "Apple's CgBI variant of PNG"}
	}
	if p.c.kind != "IHDR" || p.c.left != 13 {
		return p.c.fail("want an IHDR chunk of 13 bytes first")
	}
	b, err := p.c.body(13)
	if err != nil {
		return err
	}
	p.h = ihdr{
		width: int64(binary.BigEndian.Uint32(b)), height: int64(binary.BigEndian.Uint32(b[4:])),
		depth: int(b[8]), kind: b[9], interlaced: b[12] == 1,
	}
	if !p.h.legal() || b[10] != 0 || b[11] != 0 || b[12] > 1 {
		return p.c.fail("impossible colour type, depth or method")
	}
	if p.h.width == 0 || p.h.height == 0 {
		return p.c.fail("image has no pixels")
	}
	if err := lim.check("png", p.h.width, p.h.height); err != nil {
		return err
	}
	return p.c.open()
}

// legal reports whether PNG has this pair of colour type and depth.
func (h ihdr) legal() bool {
	switch h.kind {
	case byte(Gray):
		return h.depth == 1 || h.depth == 2 || h.depth == 4 || h.depth == 8 || h.depth == 16
	case typePalette:
		return h.depth == 1 || h.depth == 2 || h.depth == 4 || h.depth == 8
	case byte(RGB), byte(GrayAlpha), byte(RGBA):
		return h.depth == 8 || h.depth == 16
	}
	return false
}

// bits returns the bits of one pixel in the file.
func (h ihdr) bits() int {
	if h.kind == typePalette {
		return h.depth
	}
	return Model(h.kind).channels() * h.depth
}

// rowBytes returns the bytes of a file's row of some pixels.
func (h ihdr) rowBytes(pixels int64) int { return int((pixels*int64(h.bits()) + 7) / 8) }

// readBefore takes the open chunk, which comes before the pixels.
func (p *pngReader) readBefore() (err error) {
	switch p.c.kind {
	case "PLTE":
		return p.readPalette()
	case "tRNS":
		if p.trns != nil {
			return p.c.fail("second tRNS chunk")
		}
		p.trnsAt = p.c.begin
		p.trns, err = p.c.body(256)
		return err
	case "acTL":
		return &UnsupportedError{What: "animated PNG"}
	}
	return p.readOther(&p.meta.before)
}

func (p *pngReader) readPalette() (err error) {
	switch {
	case p.palette != nil:
		return p.c.fail("second PLTE chunk")
	case p.c.left == 0 || p.c.left%3 != 0 || p.c.left > maxPalette:
		return p.c.fail("impossible palette length")
	case p.h.kind == typePalette && p.c.left/3 > 1<<p.h.depth:
		return p.c.fail("more colours than pixels can name")
	}
	if p.palette, err = p.c.body(maxPalette); err != nil {
		return err
	}
	p.meta.add(&p.meta.before, chunk{"PLTE", p.palette})
	return nil
}

// readOther keeps an ancillary chunk, and refuses a critical one.
func (p *pngReader) readOther(list *[]chunk) error {
	switch kind := p.c.kind; {
	case kind == "IHDR" || kind == "PLTE" || kind == "IDAT" || kind == "IEND":
		return p.c.fail("not allowed here")
	case kind[0]&0x20 == 0:
		return &UnsupportedError{What: "PNG with the unknown critical chunk " + kind}
	case !known(kind):
		return p.c.close()
	}
	data, err := p.c.body(metaLimit)
	if err != nil {
		return err
	}
	if !p.meta.add(list, chunk{p.c.kind, data}) {
		return p.c.fail("more than 16 MiB of metadata")
	}
	return nil
}

// begin prepares to read pixels: the first IDAT chunk is open.
func (p *pngReader) begin() {
	p.data = idatReader{c: &p.c}
	p.idat = bufio.NewReaderSize(&p.data, 8<<10)
	lines := &lineReader{p: p}
	p.raw = lines
	if p.h.interlaced {
		p.raw = &adam7{lines: lines, h: p.h}
	} else {
		lines.resize(p.h.rowBytes(p.h.width), p.h.bits())
	}
	p.spread = p.expander(p.info)
}

func (p *pngReader) next(dst []byte) error {
	if p.raw == nil {
		p.begin()
	}
	if p.spread == nil {
		return p.raw.read(dst)
	}
	if p.row == nil {
		p.row = make([]byte, p.h.rowBytes(p.h.width))
	}
	if err := p.raw.read(p.row); err != nil {
		return err
	}
	return p.spread(dst, p.row)
}

// inflate reads pixel data.
func (p *pngReader) inflate(dst []byte) (err error) {
	if p.z == nil {
		if p.z, err = zlib.NewReader(p.idat); err != nil {
			return p.corrupt(err)
		}
	}
	_, err = io.ReadFull(p.z, dst)
	return p.corrupt(err)
}

// corrupt names what is wrong with the pixel data.
func (p *pngReader) corrupt(err error) error {
	var format *FormatError
	switch {
	case err == nil || errors.As(err, &format):
		return err
	case isEnd(err):
		return p.data.fail("pixel data ends too early")
	case errors.Is(err, zlib.ErrChecksum), errors.Is(err, zlib.ErrHeader), errors.Is(err, zlib.ErrDictionary), isDeflate(err):
		return p.data.fail("pixel data is corrupt: " + err.Error())
	}
	return err
}

// finish checks that the pixel data ends where it must, and reads to the file's end.
func (p *pngReader) finish() error {
	var b [1]byte
	switch n, err := io.ReadFull(p.z, b[:]); {
	case n != 0:
		return p.data.fail("more pixel data than the image needs")
	case err != io.EOF:
		return p.corrupt(err)
	}
	if _, err := p.idat.ReadByte(); err == nil {
		return p.data.fail("data after the end of the pixel data")
	} else if err != io.EOF {
		return err
	}
	return p.rest()
}

// rest reads from the chunk behind the pixels, which is open, to the file's end.
func (p *pngReader) rest() error {
	for p.c.kind != "IEND" {
		if p.c.kind == "tRNS" || p.c.kind == "acTL" {
			return p.c.fail("not allowed after the pixels")
		}
		if err := p.readOther(&p.meta.after); err != nil {
			return err
		}
		if err := p.c.open(); err != nil {
			return err
		}
	}
	return p.end()
}

// end reads IEND and wants nothing behind it.
func (p *pngReader) end() error {
	if _, err := p.c.body(0); err != nil {
		return err
	}
	switch _, err := p.c.r.ReadByte(); {
	case err == nil:
		return &FormatError{Kind: "png", Reason: "data after the IEND chunk"}
	case !isEnd(err):
		return p.c.cut(err)
	}
	return nil
}
