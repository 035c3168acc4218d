package stego

import (
	"encoding/binary"
	"math/bits"
)

// bit returns bit i of b, the most significant of each byte first.
func bit(b []byte, i int64) byte { return b[i>>3] >> (7 - i&7) & 1 }

// bitset is a growing list of bits.
type bitset struct {
	bytes []byte
	n     int64
}

// push appends a bit.
func (s *bitset) push(v byte) {
	if s.n&7 == 0 {
		s.bytes = append(s.bytes, 0)
	}
	s.bytes[s.n>>3] |= v << (7 - s.n&7)
	s.n++
}

// pushLowest appends the lowest bits of n samples, 8 or 16 bits each and without others between.
func (s *bitset) pushLowest(row []byte, size, n int) {
	at := size - 1
	for ; n > 0 && s.n&7 != 0; n-- {
		s.push(row[at] & 1)
		at += size
	}
	for ; n >= 8 && size == 1; n -= 8 {
		s.bytes = append(s.bytes, lowest(binary.LittleEndian.Uint64(row[at:])))
		s.n += 8
		at += 8
	}
	for ; n > 0; n-- {
		s.push(row[at] & 1)
		at += size
	}
}

// lowest gathers the lowest bits of eight bytes, the first byte's highest: the product moves bit 8i to bit 63 − i, and no two
// of its terms meet.
func lowest(v uint64) byte {
	return byte(v & 0x0101010101010101 * 0x8040201008040201 >> 56)
}

// marks says for each usable sample of a window whether it carries a bit, and
// which: two bits a sample, so that a window costs a quarter of its samples.
type marks struct {
	pairs []byte
	n     int64
}

// newMarks places the bits of box in a window of n usable samples.
func newMarks(n int64, box []byte, place key) marks {
	m := marks{pairs: make([]byte, max(8, (n+3)/4)), n: n}
	p := newPermutation(uint64(n), place)
	for i := int64(0); i < int64(len(box))*8; i += 4 {
		for k, at := range p.four(uint64(i)) {
			m.pairs[at>>2] |= (2 | bit(box, i+int64(k))) << (2 * (at & 3))
		}
	}
	return m
}

// next returns the first sample from i on that carries a bit, or end.
func (m marks) next(i, end int64) int64 {
	const carries = 0xaaaaaaaaaaaaaaaa
	for i < end {
		at := i >> 2
		if at+8 > int64(len(m.pairs)) {
			at = max(0, int64(len(m.pairs))-8) // newMarks has room for one word at least
		}
		word := binary.LittleEndian.Uint64(m.pairs[at:]) & carries
		if word &= ^uint64(0) << (2 * (i - at<<2)); word != 0 {
			return min(end, at<<2+int64(bits.TrailingZeros64(word))>>1)
		}
		i = at<<2 + 32
	}
	return end
}

// at reports whether sample i carries a bit, and which.
func (m marks) at(i int64) (carries bool, value byte) {
	v := m.pairs[i>>2] >> (2 * (i & 3))
	return v&2 != 0, v & 1
}
