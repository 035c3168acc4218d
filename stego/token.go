package stego

import "math/bits"

// token is one step of a deflate stream as the inflater records it: a run of literals, whose values are the bytes that
// came of them, or a match. Runs keep the record of a photograph small, which is nearly all literals.
type token uint32

const (
	isMatch   token = 1 << 31
	minMatch        = 3
	maxMatch        = 258
	maxWindow       = 32 << 10 // the farthest a match looks back: RFC 1951 §2
	maxRun          = 1<<31 - 1
)

// literals is a run of n literals.
func literals(n int) token { return token(n) }

// match repeats length bytes from dist bytes back.
func match(length, dist int) token { return isMatch | token(dist-1)<<9 | token(length) }

// size returns how many bytes come of a token.
func (t token) size() int {
	if t&isMatch != 0 {
		return int(t & 0x1ff)
	}
	return int(t)
}

// dist returns how far a match looks back.
func (t token) dist() int { return int(t>>9&0x7fff) + 1 }

// Symbols of the literal/length alphabet: RFC 1951 §3.2.5.
const (
	endOfBlock  = 256
	firstLength = 257
	litSymbols  = 286
	distSymbols = 30
)

// Lengths and distances that a symbol begins with, and how many extra bits follow it: RFC 1951 §3.2.5.
var (
	lengthBase  = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]uint16{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
	lengthSymbols = lengthTable()
)

// lengthTable tells for each length of a match which of lengthBase it begins with.
func lengthTable() (t [maxMatch + 1]uint8) {
	for i, base := range lengthBase {
		for n := int(base); n < int(base)+1<<lengthExtra[i] && n <= maxMatch; n++ {
			t[n] = uint8(i)
		}
	}
	return t
}

// distExtra returns how many extra bits follow a distance symbol.
func distExtra(symbol int) uint { return uint(max(0, symbol/2-1)) }

// distSymbol returns the symbol that a distance begins with.
func distSymbol(dist int) int {
	d := uint(dist - 1)
	if d < 4 {
		return int(d)
	}
	n := bits.Len(d) - 1
	return 2*n + int(d>>(n-1)&1)
}
