package stego

import "encoding/binary"

// decodeFast decodes while the input is ample, without looking at each byte whether there is another.
func (z *inflater) decodeFast(most int) error {
	const ample, atOnce = 16, 8
	in, pos, acc, n := z.in, z.pos, z.acc&(1<<z.n-1), z.n
	z.raw = grown(z.raw, most+maxMatch+wordSlack)
	raw, o := z.raw[:cap(z.raw)], len(z.raw)
	lit, dists := (*[1 << maxRoot]entry)(z.lit.table), (*[1 << distRoot]entry)(z.dist.table)
	pairs, skims := (*[1 << maxRoot]entry)(z.lit.pairs), z.skims
	toks, ends, gone := z.toks, z.ends, z.gone*8
	begin := o     // of the run of literals
	joined := true // the run may be the end of one that was begun before
	var err error
	for o < most && pos+ample <= len(in) {
		acc |= binary.LittleEndian.Uint64(in[pos:]) << n
		pos += int(63-n) >> 3
		n |= 56
		var e entry
		if o > most-atOnce {
			e = lit[acc&(1<<maxRoot-1)]
		} else if e = pairs[acc&(1<<maxRoot-1)]; e&isLiteral != 0 {
			acc >>= e.bits() & 63
			n -= e.bits()
			putPair(raw, o, e)
			o += int(e.extra())
			if e = pairs[acc&(1<<maxRoot-1)]; e&isLiteral != 0 {
				acc >>= e.bits() & 63
				n -= e.bits()
				putPair(raw, o, e)
				o += int(e.extra())
				if e = pairs[acc&(1<<maxRoot-1)]; e&isLiteral != 0 {
					acc >>= e.bits() & 63
					n -= e.bits()
					putPair(raw, o, e)
					o += int(e.extra())
					continue
				}
			}
		}
		if e&isLink != 0 {
			e = z.lit.find(acc)
		}
		if e == 0 || e&isInvalid != 0 {
			err = errSymbol
			break
		}
		acc >>= e.bits() & 63
		n -= e.bits()
		if e&isLiteral != 0 {
			raw[o] = byte(e >> 16)
			o++
			continue
		}
		if o > begin && !skims {
			if end := gone + int64(pos)*8 - int64(n+e.bits()); joined {
				z.record(o-begin, end)
				toks, ends = z.toks, z.ends
			} else {
				toks, ends = append(toks, literals(o-begin)), append(ends, end)
			}
		}
		begin, joined = o, false
		if e&endsBlock != 0 {
			z.toks, z.ends = toks, ends
			z.pos, z.acc, z.n = pos, acc, n
			z.close()
			break
		}
		length := e.value() + int(acc&(1<<e.extra()-1))
		acc >>= e.extra() & 63
		n -= e.extra()
		if n < 32 {
			acc |= binary.LittleEndian.Uint64(in[pos:]) << n
			pos += int(63-n) >> 3
			n |= 56
		}
		if e = dists[acc&(1<<distRoot-1)]; e&isLink != 0 {
			e = z.dist.find(acc)
		}
		if e == 0 || e&isInvalid != 0 {
			err = errSymbol
			break
		}
		acc >>= e.bits() & 63
		n -= e.bits()
		dist := e.value() + int(acc&(1<<e.extra()-1))
		acc >>= e.extra() & 63
		n -= e.extra()
		if dist > o {
			err = errFar
			break
		}
		if !skims {
			toks, ends = append(toks, match(length, dist)), append(ends, gone+int64(pos)*8-int64(n))
		}
		o = repeat(raw, o, length, dist)
		begin = o
	}
	z.raw, z.toks, z.ends = raw[:o], toks, ends
	z.pos, z.acc, z.n = pos, acc, n
	z.record(o-begin, z.bit())
	return err
}

// putPair writes the literals of an entry of decoder.pairs, and something behind them if it is only one.
func putPair(raw []byte, at int, e entry) {
	binary.LittleEndian.PutUint16(raw[at:at+2:len(raw)], uint16(e>>16))
}

// grown returns b with room for n bytes in all.
func grown(b []byte, n int) []byte {
	if cap(b) >= n {
		return b
	}
	bigger := make([]byte, len(b), max(n, 2*cap(b)))
	copy(bigger, b)
	return bigger
}

// wordSlack is how many bytes behind a match may be written when it is copied.
const wordSlack = 16

// repeat copies a match to raw[o:] and returns where it ends. There is room, and wordSlack more.
func repeat(raw []byte, o, length, dist int) int {
	end := o + length
	if dist >= 8 && length <= 16 { // most matches are short: two words cost less than a call of copy
		putWord(raw, o, word(raw, o-dist))
		if length > 8 {
			putWord(raw, o+8, word(raw, o-dist+8))
		}
		return end
	}
	if dist >= length {
		copy(raw[o:end], raw[o-dist:])
		return end
	}
	for ; o < end; dist *= 2 { // the piece that is repeated doubles
		o += copy(raw[o:end], raw[o-dist:o])
	}
	return end
}
