package stego

import (
	"encoding/binary"
	"slices"
)

// storedHeader begins a stored block of n bytes, which begin at a byte.
func (w *bitWriter) storedHeader(n int, final bool) {
	v := uint64(0)
	if final {
		v = 1
	}
	w.put(v, 3)
	w.align()
	w.out = append(w.out, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
}

// emptyDynamic writes a dynamic block of 91 bits with nothing in it. Its literal codes are those of 255 and of the end, one bit
// each; its only distance code has one bit, as RFC 1951 §3.2.7 wants it.
func (w *bitWriter) emptyDynamic() {
	w.put(4, 3)              // not the last; dynamic
	w.put(0|0<<5|14<<10, 14) // 257 literal codes, 1 distance code, 18 code length codes
	for _, s := range codeOrder[:18] {
		n := uint64(0)
		if s == 18 || s == 1 {
			n = 1
		}
		w.put(n, 3)
	}
	w.put(1|(138-11)<<1, 8) // code length code 18, which is 1: 138 zeros
	w.put(1|(117-11)<<1, 8)
	w.put(0, 3) // one bit for 255, for the end, and for the distance
	w.put(1, 1) // the end
}

// copyFrom appends the bits from … to−1 of a stream.
func (w *bitWriter) copyFrom(src []byte, from, to int64) {
	w.settle()
	const step = 56 // fewer than 8 wait
	out := slices.Grow(w.out, int(to-from)/8+16)
	at, buf, acc, n := len(out), out[:cap(out)], w.acc, w.n
	for ; to-from >= step && from/8+8 <= int64(len(src)); from += step {
		acc |= binary.LittleEndian.Uint64(src[from/8:]) >> (from % 8) & (1<<step - 1) << n
		binary.LittleEndian.PutUint64(buf[at:], acc)
		at += step / 8
		acc >>= step
	}
	w.out, w.acc = buf[:at], acc
	for from < to {
		k := min(8-from%8, to-from)
		w.put(uint64(src[from/8]>>(from%8))&(1<<k-1), uint(k))
		from += k
	}
}

// tokens writes tokens, whose symbols all have codes.
func (w *bitWriter) tokens(enc *encoder, toks []token, raw []byte, at int) {
	for _, t := range toks {
		n := t.size()
		if t&isMatch != 0 {
			w.match(enc, n, t.dist())
		} else {
			w.literals(enc, raw[at:at+n])
		}
		at += n
	}
}

// literals writes bytes.
func (w *bitWriter) literals(enc *encoder, p []byte) {
	w.settle()
	out, acc, n := slices.Grow(w.out, 2*len(p)+8), w.acc, w.n
	at, buf := len(out), out[:cap(out)]
	for _, v := range p {
		c := enc.lit[v]
		acc |= c.bits() << (n & 63)
		if n += c.n(); n >= 48 {
			binary.LittleEndian.PutUint64(buf[at:], acc)
			at += 6
			acc >>= 48
			n -= 48
		}
	}
	binary.LittleEndian.PutUint64(buf[at:], acc)
	at += int(n / 8)
	w.out, w.acc, w.n = buf[:at], acc>>(n&^7), n&7
}

// match writes a match.
func (w *bitWriter) match(enc *encoder, length, dist int) {
	i := lengthSymbols[length]
	l := enc.lit[firstLength+int(i)]
	w.put(l.bits()|uint64(length-int(lengthBase[i]))<<l.n(), l.n()+uint(lengthExtra[i]))
	s := distSymbol(dist)
	d := enc.dist[s]
	w.put(d.bits()|uint64(dist-int(distBase[s]))<<d.n(), d.n()+distExtra(s))
}

func (w *bitWriter) code(c code) { w.put(c.bits(), c.n()) }
