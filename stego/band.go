package stego

import (
	"bytes"
	"hash/adler32"
	"slices"
	"sync"
)

// bandSize is about how many bytes of rows share one filter and one way to
// deflate. It is also what one core is given at a time: it does not depend on how
// many there are, or the file would.
const bandSize = 512 << 10

// band is some rows of an image on their way into a PNG file.
type band struct {
	l    layout
	rows []byte // the row above ‖ the band's own
	n    int    // its own rows
	prev *band  // nil: this is the first
	last bool

	lines    []byte        // rows filtered; complete when filtered is closed
	filtered chan struct{} // closed when lines are complete
	out      bytes.Buffer  // the band's part of the zlib stream, without the checksum at the end
	adler    uint32        // of lines
	done     chan struct{} // closed when out and adler are complete
}

var bands = sync.Pool{New: func() any { return new(band) }}

// begin makes a band, used before or not, the one behind prev.
func (b *band) begin(l layout, prev *band) {
	b.l, b.prev, b.n, b.last = l, prev, 0, false
	b.filtered, b.done = make(chan struct{}), make(chan struct{})
	b.lines = b.lines[:0]
	b.out.Reset()
	if prev == nil {
		b.rows = append(b.rows[:0], make([]byte, l.row())...)
		return
	}
	b.rows = slices.Grow(b.rows[:0], len(prev.rows)) // as much as has arrived
	b.rows = append(b.rows, prev.rows[len(prev.rows)-l.row():]...)
}

// read takes rows until the band is full or the image, whose row y is next, ends.
func (b *band) read(from rows, y int) error {
	row := b.l.row()
	for b.n < max(1, bandSize/row) && y+b.n < b.l.height {
		at := len(b.rows)
		b.rows = append(b.rows, b.rows[at-row:]...) // room; next overwrites it
		if err := from.next(b.rows[at:]); err != nil {
			return err
		}
		b.n++
	}
	b.last = y+b.n == b.l.height
	return nil
}

// deflate makes out of rows. It waits for the band before at most until that has
// its lines, which waits for nobody.
func (b *band) deflate() {
	c := choose(b.sample())
	b.filter(c.filter)
	close(b.filtered)
	b.adler = adler32.Checksum(b.lines)
	if b.prev == nil {
		b.out.Write([]byte{0x78, 0x01}) // zlib: deflate, a window of 32 KiB, level "fastest"
	}
	deflate(&b.out, b.lines, b.before(c.matching), c.matching)
	if b.last {
		b.out.Write([]byte{3, 0}) // an empty last block with fixed codes
	}
	close(b.done)
}

// before returns what matches may look back to, where there are any.
func (b *band) before(matching bool) []byte {
	if b.prev == nil || !matching {
		return nil
	}
	<-b.prev.filtered
	return tail(b.prev.lines)
}

// filter makes lines of rows.
func (b *band) filter(filter byte) {
	row, step := b.l.row(), b.l.pixel()
	b.lines = slices.Grow(b.lines, b.n*(row+1))
	for y := range b.n {
		prior, cur := b.rows[y*row:(y+1)*row], b.rows[(y+1)*row:(y+2)*row]
		b.lines = appendFiltered(b.lines, filter, cur, prior, step)
	}
}
