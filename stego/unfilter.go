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

// unfilter takes a PNG filter off a line in place; false: there is no such filter.
func unfilter(filter byte, cur, prior []byte, step int) bool {
	switch filter {
	case 0:
	case 1:
		for i := step; i < len(cur); i++ {
			cur[i] += cur[i-step]
		}
	case 2:
		for i, up := range prior[:len(cur)] {
			cur[i] += up
		}
	case 3:
		unfilterAverage(cur, prior, step)
	case 4:
		unfilterPaeth(cur, prior, step)
	default:
		return false
	}
	return true
}

func unfilterAverage(cur, prior []byte, step int) {
	prior = prior[:len(cur)]
	for i := range min(step, len(cur)) {
		cur[i] += prior[i] / 2
	}
	for i := step; i < len(cur); i++ {
		cur[i] += byte((int(cur[i-step]) + int(prior[i])) / 2)
	}
}

func unfilterPaeth(cur, prior []byte, step int) {
	prior = prior[:len(cur)]
	for lane := range min(step, len(cur)) {
		left, corner := int32(0), int32(0)
		for i := lane; i < len(cur); i += step {
			up := int32(prior[i])
			left = int32(cur[i] + paeth(left, up, corner))
			left &= 0xff
			cur[i] = byte(left)
			corner = up
		}
	}
}

// paeth returns the neighbour nearest to left + up − corner.
func paeth(left, up, corner int32) byte {
	p, q := up-corner, left-corner
	r := abs(p + q)
	p, q = abs(p), abs(q)
	switch {
	case p <= q && p <= r:
		return byte(left)
	case q <= r:
		return byte(up)
	}
	return byte(corner)
}

func abs(v int32) int32 {
	mask := v >> 31
	return (v ^ mask) - mask
}
