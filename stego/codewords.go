package stego

import (
	"encoding/binary"
	"math/bits"
)

// codewords says where a payload box lies in its window: docs/STEGO.md §4. Of the box, cut into chunks of k bits, each has a place, an equal
// share of the window, and in it a codeword of 2^k − 1 samples, whose lowest bits carry the chunk as their syndrome by the Hamming
// code. To write it, one sample at most has to change (Crandall, Some notes on steganography, 1998; Westfeld, F5, Information Hiding 2001).
type codewords struct {
	k     uint
	each  int64 // samples of a place
	count int64
	perm  permutation

	first int64            // place of known[0]
	known [together]uint64 // chunks of some places
}

// mostBits bounds k: a codeword of more would save little, and is less and less likely to lie in one row.
const mostBits = 8

// newCodewords divides a window of so many samples, at least as many as the box has bits, among codewords that are as large as fit.
func newCodewords(window int64, box int, place key) *codewords {
	c := &codewords{k: mostBits, first: -together}
	for ; ; c.k-- {
		c.count = (int64(box)*8 + int64(c.k) - 1) / int64(c.k)
		if c.each = window / c.count; c.each >= c.samples() {
			break
		}
	}
	c.perm = newPermutation(uint64(c.count), place)
	c.perm.know()
	return c
}

// plainCode, that of the head, has a bit in each sample, and one codeword behind the other: the fewer samples it takes, the fewer bytes
// the file grows by, for changes that lie close together share their cost.
var plainCode = &codewords{k: 1}

// samples returns how many samples a codeword has.
func (c *codewords) samples() int64 { return 1<<c.k - 1 }

// at returns which chunk of the box a place has, and the first sample of its codeword. Places are asked for in order.
func (c *codewords) at(place int64) (chunk, sample int64) {
	if place >= c.first+together {
		c.first = place
		c.perm.fill(c.known[:min(together, c.count-place)], uint64(place))
	}
	return int64(c.known[place-c.first]), place*c.each + c.perm.offset(uint64(place), c.each-c.samples()+1)
}

// chunk returns k bits of a box; behind its end are zeros.
func (c *codewords) chunk(box []byte, i int64) uint {
	return uint(bitsFrom(box, i*int64(c.k)) >> (64 - c.k))
}

// put sets k bits of a box, which are zero, as far as it has them.
func (c *codewords) put(box []byte, i int64, v uint) {
	at := i * int64(c.k)
	v <<= 16 - c.k - uint(at&7)
	box[at>>3] |= byte(v >> 8)
	if next := at>>3 + 1; next < int64(len(box)) {
		box[next] |= byte(v)
	}
}

// syndrome adds up, mod 2 and bit by bit, the numbers of a codeword's samples whose lowest bit is 1. They count from 1; the first is
// bit number at of lowest.
func (c *codewords) syndrome(lowest []byte, at int64) (sum uint) {
	w := bitsFrom(lowest, at) >> 1 // so that bit m, from the top, is sample m
	if c.k < 6 {
		w &= ^(^uint64(0) >> (1 << c.k))
	}
	for m := int64(64); m < 1<<c.k; m += 64 {
		more := bitsFrom(lowest, at+m-1)
		w ^= more
		sum ^= odd(more) * uint(m)
	}
	return sum | odd(w&0x5555555555555555) | odd(w&0x3333333333333333)<<1 | odd(w&0x0f0f0f0f0f0f0f0f)<<2 |
		odd(w&0x00ff00ff00ff00ff)<<3 | odd(w&0x0000ffff0000ffff)<<4 | odd(w&0x00000000ffffffff)<<5
}

// odd returns 1 where the ones of v are odd in number.
func odd(v uint64) uint { return uint(bits.OnesCount64(v)) & 1 }

// bitsFrom returns 64 bits from a number on, the first at the top; behind the end are zeros.
func bitsFrom(b []byte, at int64) uint64 {
	i, shift := at>>3, uint(at&7)
	if i+9 > int64(len(b)) {
		var end [9]byte
		copy(end[:], b[min(i, int64(len(b))):])
		b, i = end[:], 0
	}
	return binary.BigEndian.Uint64(b[i:])<<shift | uint64(b[i+8])>>(8-shift)
}
