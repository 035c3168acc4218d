package stego

import (
	"bytes"
	"hash"
	"hash/adler32"

	"github.com/klauspost/compress/flate"
)

const (
	bandSize   = 1 << 20  // bytes of rows that share one filter and one way to deflate
	sampleSize = 48 << 10 // bytes of a band by which these are chosen
	matchLevel = 6
)

// deflater makes a zlib stream of rows. It works in bands: for each it tries on
// a few rows which filter, and whether looking for matches or Huffman codes
// alone, makes the least. Bands do not refer to each other.
type deflater struct {
	l       layout
	most    int    // rows of a band
	rows    int    // rows in band
	band    []byte // one row above ‖ rows
	lines   []byte // filtered
	out     bytes.Buffer
	scratch bytes.Buffer
	adler   hash.Hash32
	huffman *flate.Writer
	match   *flate.Writer
	begun   bool
}

func newDeflater(l layout) *deflater {
	d := &deflater{l: l, adler: adler32.New()}
	d.most = min(l.height, max(1, bandSize/l.row()))
	d.band = make([]byte, l.row(), (d.most+1)*l.row())
	d.huffman = newFlate(&d.out, flate.HuffmanOnly)
	return d
}

// newFlate is flate.NewWriter with a level that is known to exist.
func newFlate(out *bytes.Buffer, level int) *flate.Writer {
	w, err := flate.NewWriter(out, level)
	if err != nil {
		panic("stego: " + err.Error())
	}
	return w
}

// add takes a row and returns what can be written already, valid until the next call.
func (d *deflater) add(row []byte) []byte {
	d.band = append(d.band, row...)
	if d.rows++; d.rows < d.most {
		return nil
	}
	return d.flush()
}

// end returns the rest of the stream.
func (d *deflater) end() []byte {
	if d.rows > 0 {
		d.flush()
	} else {
		d.out.Reset()
	}
	d.huffman.Reset(&d.out)
	d.huffman.Close() // an empty last block
	d.out.Write(d.adler.Sum(nil))
	return d.out.Bytes()
}

// flush deflates the band and begins the next.
func (d *deflater) flush() []byte {
	d.out.Reset()
	if !d.begun {
		d.out.Write([]byte{0x78, 0x01})
		d.begun = true
	}
	filter, matching := d.choose()
	d.lines = d.filter(d.lines[:0], filter, 0, d.rows)
	d.adler.Write(d.lines)
	d.deflate(&d.out, d.lines, matching)
	row := d.l.row()
	copy(d.band, d.band[len(d.band)-row:])
	d.band, d.rows = d.band[:row], 0
	return d.out.Bytes()
}

// deflate writes lines as blocks that end on a byte boundary.
func (d *deflater) deflate(out *bytes.Buffer, lines []byte, matching bool) {
	w := d.huffman
	if matching {
		if d.match == nil {
			d.match = newFlate(out, matchLevel)
		}
		w = d.match
	}
	w.Reset(out)
	w.Write(lines) // a bytes.Buffer takes everything
	w.Flush()
}

// filter appends some rows of the band with a filter on them.
func (d *deflater) filter(dst []byte, filter byte, begin, end int) []byte {
	n, step := d.l.row(), d.l.pixel()
	for y := begin; y < end; y++ {
		prior, cur := d.band[y*n:(y+1)*n], d.band[(y+1)*n:(y+2)*n]
		dst = appendFiltered(dst, filter, cur, prior, step)
	}
	return dst
}

// choose tries filters, and both ways to deflate, on some rows in the middle of
// the band. Matching costs several times more, so it must save a tenth.
func (d *deflater) choose() (filter byte, matching bool) {
	n := min(d.rows, max(1, sampleSize/d.l.row()))
	begin := (d.rows - n) / 2
	filter, least := paethFilter, d.trial(paethFilter, begin, n, false)
	for _, f := range []byte{upFilter, leftFilter, noFilter} {
		if size := d.trial(f, begin, n, false); size < least {
			filter, least = f, size
		}
	}
	least -= least / 10
	for _, f := range []byte{filter, noFilter} {
		if size := d.trial(f, begin, n, true); size < least {
			filter, matching, least = f, true, size
		}
	}
	return filter, matching
}

// trial returns the bytes that some rows of the band would make.
func (d *deflater) trial(filter byte, begin, n int, matching bool) int {
	d.lines = d.filter(d.lines[:0], filter, begin, begin+n)
	d.scratch.Reset()
	d.deflate(&d.scratch, d.lines, matching)
	return d.scratch.Len()
}
