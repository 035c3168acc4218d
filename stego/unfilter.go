package stego

import (
	"fmt"

	"github.com/klauspost/compress/flate"
)

// lineReader reads filtered lines of a PNG and takes the filter off.
type lineReader struct {
	p     *pngReader
	step  int    // bytes to the pixel on the left
	cur   []byte // filter type ‖ line
	prior []byte
}

// resize begins an image (or pass) of lines of some bytes.
func (l *lineReader) resize(bytes, bits int) {
	l.step = max(1, bits/8)
	l.cur, l.prior = make([]byte, bytes+1), make([]byte, bytes+1)
}

// read fills dst, one line long.
func (l *lineReader) read(dst []byte) error {
	if err := l.p.inflate(l.cur); err != nil {
		return err
	}
	if !unfilter(l.cur[0], l.cur[1:], l.prior[1:], l.step) {
		return l.p.c.fail(fmt.Sprintf("unknown filter type %d", l.cur[0]))
	}
	copy(dst, l.cur[1:])
	l.cur, l.prior = l.prior, l.cur
	return nil
}

// isDeflate reports whether err is about bad deflate data.
func isDeflate(err error) bool {
	switch err.(type) {
	case flate.CorruptInputError, flate.InternalError:
		return true
	}
	return false
}

// unfilter takes a PNG filter off a line of whole pixels in place; false: there is no such filter.
func unfilter(filter byte, cur, prior []byte, step int) bool {
	prior = prior[:len(cur)]
	switch filter {
	case noFilter:
	case leftFilter:
		lanes(cur, prior, step, left3, left2, left1)
	case upFilter:
		unfilterUp(cur, prior)
	case averageFilter:
		lanes(cur, prior, step, average3, average2, average1)
	case paethFilter:
		lanes(cur, prior, step, paeth3, paeth2, paeth1)
	default:
		return false
	}
	return true
}

func unfilterUp(cur, prior []byte) {
	i := 0
	for ; i <= len(cur)-8; i += 8 {
		putWord(cur, i, addLanes(word(cur, i), word(prior, i)))
	}
	for ; i < len(cur); i++ {
		cur[i] += prior[i]
	}
}
