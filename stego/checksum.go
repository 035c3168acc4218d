package stego

import (
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

// modAdler is the modulus of Adler-32: RFC 1950 §8.2.
const modAdler = 65521

// adlerShift follows what changed bytes do to an Adler-32, without the others. Of n bytes D, the two sums are
// a = 1 + Σ D[i] and b = n + Σ (n − i)·D[i], so a byte that grows by d adds d to a and (n − i)·d to b.
type adlerShift struct {
	n    int64 // bytes in all
	a, b int64
}

// change notes that bytes from number i on are others. There are at most 2^24 of them.
func (s *adlerShift) change(i int64, was, is []byte) {
	sum, moment := int64(0), int64(0)
	for begin := 0; begin < len(is); begin += 8 {
		end := min(begin+8, len(is))
		if end-begin == 8 && word(is, begin) == word(was, begin) { // as most are
			continue
		}
		for k := begin; k < end; k++ {
			d := int64(is[k]) - int64(was[k])
			sum += d
			moment += int64(k) * d
		}
	}
	s.a = (s.a + sum) % modAdler
	s.b = (s.b + (s.n-i)%modAdler*(sum%modAdler) - moment%modAdler) % modAdler
}

// apply returns the checksum after the changes.
func (s *adlerShift) apply(sum uint32) uint32 {
	plus := func(v uint32, d int64) uint32 { return uint32(((int64(v)+d)%modAdler + modAdler) % modAdler) }
	return plus(sum>>16, s.b)<<16 | plus(sum&0xffff, s.a)
}

// swapped returns a number that was read with its last byte first.
func swapped(v uint32) uint32 {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	return binary.BigEndian.Uint32(b[:])
}

// adlerUpdate returns the Adler-32 of what sum is of and p behind it.
func adlerUpdate(sum uint32, p []byte) uint32 {
	h := adler32.New()
	state := binary.BigEndian.AppendUint32([]byte("adl\x01"), sum)
	if err := h.(interface{ UnmarshalBinary([]byte) error }).UnmarshalBinary(state); err != nil {
		panic("stego: " + err.Error())
	}
	h.Write(p)
	return h.Sum32()
}

// A CRC-32 is a remainder modulo a polynomial over two elements, so it is linear: bytes behind multiply it by a power of
// x, and the CRC of a difference is the difference of CRCs. Bits are reflected: 1 is the highest bit, x the next.
const (
	crcOne = 1 << 31
	crcX8  = 1 << 23
)

// crcTimes multiplies two remainders.
func crcTimes(a, b uint32) (p uint32) {
	for m := uint32(crcOne); m != 0; m >>= 1 {
		if a&m != 0 {
			p ^= b
		}
		low := b & 1
		b >>= 1
		if low != 0 {
			b ^= crc32.IEEE
		}
	}
	return p
}

// crcZeros returns x^(8n): what n bytes behind multiply by.
func crcZeros(n int64) uint32 {
	p, square := uint32(crcOne), uint32(crcX8)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			p = crcTimes(p, square)
		}
		square = crcTimes(square, square)
	}
	return p
}

// crcBehind returns the CRC of b‖rest from those of a‖rest, a and b; rest has n bytes. For crc(x‖y) is crc(x)·x^(8·|y|) + crc(y).
func crcBehind(whole, a, b uint32, n int64) uint32 {
	return whole ^ crcTimes(a^b, crcZeros(n))
}

// crcChange returns what a difference in the last bytes does to a CRC.
func crcChange(difference []byte) uint32 {
	return ^crc32.Update(^uint32(0), crc32.IEEETable, difference)
}
