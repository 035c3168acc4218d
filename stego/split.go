package stego

import "math/bits"

// split appends tokens that make the bytes that raw has now in the place of t, which is at: literals as they are, and of a
// match what still equals its source. No token of dst before number own is extended.
func split(dst []token, own int, t token, raw []byte, at int) []token {
	n := t.size()
	if t&isMatch == 0 {
		return appendLiterals(dst, own, n)
	}
	for begin := 0; begin < n; {
		same := begin + alike(raw, at+begin, at+begin-t.dist(), n-begin)
		if same == n && begin == 0 || same-begin >= worthwhile {
			dst = append(dst, match(same-begin, t.dist()))
			begin = same
			continue
		}
		dst = appendLiterals(dst, own, same-begin)
		if begin = same; begin < n {
			dst = appendLiterals(dst, own, 1)
			begin++
		}
	}
	return dst
}

// worthwhile is the shortest piece of a match that is kept: a shorter one costs about as much as its literals.
const worthwhile = 4

// alike returns how many of the n bytes from at on are those from an earlier place on.
func alike(raw []byte, at, from, n int) (k int) {
	for ; k < n && at+k+8 <= len(raw); k += 8 {
		if x := word(raw, at+k) ^ word(raw, from+k); x != 0 {
			return min(n, k+bits.TrailingZeros64(x)/8)
		}
	}
	for k < n && raw[at+k] == raw[from+k] {
		k++
	}
	return min(n, k)
}

// appendLiterals appends n literals, to those that dst ends with if these are not before number own.
func appendLiterals(dst []token, own, n int) []token {
	if last := len(dst) - 1; n > 0 && last >= own && dst[last]&isMatch == 0 {
		dst[last] += token(n)
		return dst
	}
	if n > 0 {
		dst = append(dst, literals(n))
	}
	return dst
}
