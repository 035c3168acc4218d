package stego

import (
	"encoding/binary"
	"slices"
)

// PNG filter types: PNG specification, §9.2.
const (
	noFilter = byte(iota)
	leftFilter
	upFilter
	averageFilter
	paethFilter
)

// appendFiltered appends a filter type and a row with that filter on it.
func appendFiltered(dst []byte, filter byte, cur, prior []byte, step int) []byte {
	dst = append(slices.Grow(dst, len(cur)+1), filter)
	out := dst[len(dst) : len(dst)+len(cur)]
	step = min(step, len(cur))
	copy(out, cur)
	switch filter { // first the pixel that has none on its left
	case upFilter:
		step = 0
	case averageFilter:
		for i, up := range prior[:step] {
			out[i] -= up / 2
		}
	case paethFilter:
		for i, up := range prior[:step] {
			out[i] -= up
		}
	}
	filterRest(filter, out[step:], cur, prior, step)
	return dst[:len(dst)+len(cur)]
}

// filterRest filters out, which holds a row but for the first step bytes.
func filterRest(filter byte, out, cur, prior []byte, step int) {
	left, up, corner := cur[:len(out)], prior[step:][:len(out)], prior[:len(out)]
	switch filter {
	case leftFilter:
		subtract(out, left)
	case upFilter:
		subtract(out, up)
	case averageFilter:
		filterAverage(out, left, up)
	case paethFilter:
		filterPaeth(out, left, up, corner)
	}
}

// word reads eight bytes from an offset on. The cap lets the compiler see that they are there.
func word(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at : at+8 : len(b)]) }

func putWord(b []byte, at int, v uint64) { binary.LittleEndian.PutUint64(b[at:at+8:len(b)], v) }

// subtract takes each byte of from off one of out.
func subtract(out, from []byte) {
	i := 0
	for ; i <= len(out)-8; i += 8 {
		putWord(out, i, subLanes(word(out, i), word(from, i)))
	}
	for ; i < len(out); i++ {
		out[i] -= from[i]
	}
}

func filterAverage(out, left, up []byte) {
	i := 0
	for ; i <= len(out)-8; i += 8 {
		putWord(out, i, subLanes(word(out, i), averageLanes(word(left, i), word(up, i))))
	}
	for ; i < len(out); i++ {
		out[i] -= byte((int(left[i]) + int(up[i])) / 2)
	}
}

func filterPaeth(out, left, up, corner []byte) {
	i := 0
	for ; i <= len(out)-8; i += 8 {
		putWord(out, i, subLanes(word(out, i), paethLanes(word(left, i), word(up, i), word(corner, i))))
	}
	for ; i < len(out); i++ {
		out[i] -= byte(paeth(int(left[i]), int(up[i]), int(corner[i])))
	}
}
