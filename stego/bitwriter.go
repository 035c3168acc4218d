package stego

import "encoding/binary"

// bitWriter collects bits, the first in the lowest bit of a byte: RFC 1951 §3.1.1.
type bitWriter struct {
	out []byte
	acc uint64
	n   uint // bits in acc, fewer than 8 between calls of settle, fewer than 32 between others
}

// put appends the k lowest bits of v, at most 32, which has no others.
func (w *bitWriter) put(v uint64, k uint) {
	w.acc |= v << w.n
	if w.n += k; w.n >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.acc))
		w.acc >>= 32
		w.n -= 32
	}
}

// settle moves all whole bytes to out.
func (w *bitWriter) settle() {
	for w.n >= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
		w.n -= 8
	}
}

// align fills the last byte up with zeros.
func (w *bitWriter) align() {
	w.settle()
	if w.n > 0 {
		w.out = append(w.out, byte(w.acc))
		w.acc, w.n = 0, 0
	}
}
