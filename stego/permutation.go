package stego

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/crypto/chacha20"
)

// rounds of the Feistel network: an even number.
const rounds = 6

// permutation is a keyed bijection of 0 … n−1: a Feistel
// network over the next power of two, walked until it falls below n
// (docs/STEGO.md §5). It needs no table; one of its rounds makes fill fast.
type permutation struct {
	n           uint64
	lowBits     int
	low, high   uint64             // masks of the two halves
	first, then [rounds + 1]uint64 // the last are offset's
	known       []uint16           // made by know: what the rounds make of each half
}

// newPermutation makes the permutation of n places under a key.
func newPermutation(n uint64, k key) permutation {
	width := max(2, bits.Len64(n-1))
	p := permutation{n: n, lowBits: (width + 1) / 2}
	p.low = 1<<p.lowBits - 1
	p.high = 1<<(width-p.lowBits) - 1
	var stream [(rounds + 1) * 16]byte
	keystream(k, 0, stream[:])
	for i := range p.first {
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

// together is how many places are worked out at a time.
const together = 64

// know works out what each round makes of every half there is, of which there are few: 2^10 where n is a million.
func (p *permutation) know() {
	size := int(p.low) + 1
	p.known = make([]uint16, rounds*size)
	for r := range rounds {
		mask, of := p.high, p.known[r*size:][:size]
		if r&1 == 1 {
			mask = p.low
		}
		for x := range of {
			of[x] = uint16(p.mix(uint64(x), r) & mask)
		}
	}
}

// fill, behind know, sets to[k] to where i + k goes: together at most, all below n. Those that the network leads beyond n are
// walked on together too, for nothing foretells which they are, and none waits for another.
func (p *permutation) fill(to []uint64, i uint64) {
	var late [together]uint8
	n := 0
	for k := range to {
		to[k] = p.knownOnce(i + uint64(k))
		late[n] = uint8(k)
		n += beyond(to[k], p.n)
	}
	for n > 0 {
		left := 0
		for _, k := range late[:n] {
			to[k] = p.knownOnce(to[k])
			late[left] = k
			left += beyond(to[k], p.n)
		}
		n = left
	}
}

// knownOnce is once by what is known.
func (p *permutation) knownOnce(x uint64) uint64 {
	size, of := p.low+1, p.known
	low, high := x&p.low, x>>(p.lowBits&63)
	high ^= uint64(of[low])
	low ^= uint64(of[size+high])
	high ^= uint64(of[2*size+low])
	low ^= uint64(of[3*size+high])
	high ^= uint64(of[4*size+low])
	low ^= uint64(of[5*size+high])
	return high<<(p.lowBits&63) | low
}

// offset returns a keyed number below n, which is below 2^32, for i.
func (p *permutation) offset(i uint64, n int64) int64 {
	return int64(p.mix(i, rounds) >> 32 * uint64(n) >> 32)
}

// beyond returns 1 where x ≥ n, else 0, and no jump hangs on it.
func beyond(x, n uint64) int { return int(^(x - n) >> 63) }

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
