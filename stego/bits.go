package stego

import "slices"

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
	if eights := n / 8; size == 1 && eights > 0 {
		old := len(s.bytes)
		s.bytes = slices.Grow(s.bytes, eights+1)[:old+eights]
		for i := range s.bytes[old:] {
			s.bytes[old+i] = lowest(word(row, at+8*i))
		}
		s.n += int64(eights) * 8
		at += 8 * eights
		n -= 8 * eights
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
