package stego

import "math/bits"

// split appends tokens that make the bytes raw has now, from at on: literals as they are, and of a match what still equals
// its source.
func split(dst, toks []token, raw []byte, at int) []token {
	for _, t := range toks {
		n := t.size()
		if t&isMatch == 0 {
			dst = appendLiterals(dst, n)
		} else {
			dst = splitMatch(dst, raw, at, n, t.dist())
		}
		at += n
	}
	return dst
}

// worthwhile is the shortest piece of a match that is kept: a shorter one costs about as much as its literals.
const worthwhile = 4

func splitMatch(dst []token, raw []byte, at, n, dist int) []token {
	for begin := 0; begin < n; {
		same := begin + alike(raw[at+begin:at+n], raw[at+begin-dist:])
		if same == n && begin == 0 || same-begin >= worthwhile {
			dst = append(dst, match(same-begin, dist))
			begin = same
			continue
		}
		dst = appendLiterals(dst, same-begin)
		if begin = same; begin < n {
			dst = appendLiterals(dst, 1)
			begin++
		}
	}
	return dst
}

// alike returns how many bytes of a are those of b, which is as long at least.
func alike(a, b []byte) (n int) {
	for ; len(a)-n >= 8; n += 8 {
		if x := word(a, n) ^ word(b, n); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return n
}

func appendLiterals(dst []token, n int) []token {
	if last := len(dst) - 1; n > 0 && last >= 0 && dst[last]&isMatch == 0 {
		dst[last] += token(n)
		return dst
	}
	if n > 0 {
		dst = append(dst, literals(n))
	}
	return dst
}
