package stego

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/crypto/chacha20"
)

// rounds of the Feistel network: an even number.
const rounds = 6

// permutation is a keyed bijection of 0 … n−1 that needs no table: a Feistel
// network over the next power of two, walked until it falls below n
// (docs/STEGO.md §5).
type permutation struct {
	n           uint64
	lowBits     int
	low, high   uint64 // masks of the two halves
	first, then [rounds]uint64
}

// newPermutation makes the permutation of n places under a key.
func newPermutation(n uint64, k key) permutation {
	width := max(2, bits.Len64(n-1))
	p := permutation{n: n, lowBits: (width + 1) / 2}
	p.low = 1<<p.lowBits - 1
	p.high = 1<<(width-p.lowBits) - 1
	var stream [rounds * 16]byte
	keystream(k, 0, stream[:])
	for i := range rounds {
		p.first[i] = binary.LittleEndian.Uint64(stream[16*i:])
		p.then[i] = binary.LittleEndian.Uint64(stream[16*i+8:])
	}
	return p
}

// at returns where i goes.
func (p *permutation) at(i uint64) uint64 {
	for i = p.once(i); i >= p.n; {
		i = p.once(i)
	}
	return i
}

// four returns where i to i + 3 go. The four do not wait for each other, so they take little longer than one.
func (p *permutation) four(i uint64) (to [4]uint64) {
	l := [4]uint64{i & p.low, (i + 1) & p.low, (i + 2) & p.low, (i + 3) & p.low}
	h := [4]uint64{i >> p.lowBits, (i + 1) >> p.lowBits, (i + 2) >> p.lowBits, (i + 3) >> p.lowBits}
	for r := 0; r < rounds; r += 2 {
		h[0] ^= p.mix(l[0], r) & p.high
		h[1] ^= p.mix(l[1], r) & p.high
		h[2] ^= p.mix(l[2], r) & p.high
		h[3] ^= p.mix(l[3], r) & p.high
		l[0] ^= p.mix(h[0], r+1) & p.low
		l[1] ^= p.mix(h[1], r+1) & p.low
		l[2] ^= p.mix(h[2], r+1) & p.low
		l[3] ^= p.mix(h[3], r+1) & p.low
	}
	for k := range to {
		if to[k] = h[k]<<p.lowBits | l[k]; to[k] >= p.n {
			to[k] = p.at(to[k])
		}
	}
	return to
}

// once runs the network one time.
func (p *permutation) once(x uint64) uint64 {
	low, high := x&p.low, x>>p.lowBits
	for r := 0; r < rounds; r += 2 {
		high ^= p.mix(low, r) & p.high
		low ^= p.mix(high, r+1) & p.low
	}
	return high<<p.lowBits | low
}

// mix is the round function.
func (p *permutation) mix(x uint64, round int) uint64 {
	x = (x ^ p.first[round]) * 0x9e3779b97f4a7c15
	x ^= x >> 32
	x = (x + p.then[round]) * 0xd6e8feb86659fd93
	return x ^ x>>32
}

// keystream writes ChaCha20's stream under a zero nonce, from a 64-byte block on.
func keystream(k key, block uint32, out []byte) {
	c, err := chacha20.NewUnauthenticatedCipher(k[:], make([]byte, chacha20.NonceSize))
	if err != nil {
		panic("stego: " + err.Error())
	}
	c.SetCounter(block)
	clear(out)
	c.XORKeyStream(out, out)
}

// signs tells for each colour sample of an image which way it is changed.
type signs struct {
	key   key
	block int64 // of the stream that is in buf; −1: none
	buf   [64]byte
}

func newSigns(k key) *signs { return &signs{key: k, block: -1} }

// up reports whether sample index goes up: bit index of the key's stream, the
// least significant of each byte first (docs/STEGO.md §6).
func (s *signs) up(index int64) bool {
	if b := index >> 9; b != s.block {
		s.block = b
		keystream(s.key, uint32(b), s.buf[:])
	}
	return s.buf[index>>3&63]>>(index&7)&1 == 1
}
