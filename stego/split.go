package stego

import "math/bits"

// split appends tokens that make the bytes that raw has now in the place of t, which is at: literals as they are, and of a
// match what still equals its source, where that costs fewer bits than its literals in the codes given. No token of dst before number own is extended.
func split(dst []token, own int, t token, raw []byte, at int, enc *encoder) []token {
	n := t.size()
	if t&isMatch == 0 {
		return appendLiterals(dst, own, n)
	}
	for begin := 0; begin < n; {
		same := begin + alike(raw, at+begin, at+begin-t.dist(), n-begin)
		if enc.pays(raw[at+begin:at+same], t.dist()) {
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

// pays reports whether a match of bytes takes fewer bits than their literals. What has no code counts as the longest.
func (e *encoder) pays(p []byte, dist int) bool {
	if len(p) < minMatch {
		return false
	}
	i, s := lengthSymbols[len(p)], distSymbol(dist)
	cost := int(bitsOf(e.lit[firstLength+int(i)])+bitsOf(e.dist[s])+distExtra(s)) + int(lengthExtra[i])
	for _, v := range p {
		if cost -= int(bitsOf(e.lit[v])); cost < 0 {
			return true
		}
	}
	return false
}

// bitsOf returns how long a code is, or would be.
func bitsOf(c code) uint {
	if c == noCode {
		return maxCode
	}
	return c.n()
}

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
