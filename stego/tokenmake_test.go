package stego

import (
	"math/rand/v2"
	"sort"
)

// tokenize divides bytes into tokens that stand for them. style says which of the
// possible matches are taken: nearest and longest, farthest, any of any length, or none.
func tokenize(raw []byte, style string, window int, r *rand.Rand) []zooToken {
	var out []zooToken
	if style == "literals" {
		for _, v := range raw {
			out = append(out, zooToken{literal: v})
		}
		return out
	}
	seen := map[[3]byte][]int{}
	for at := 0; at < len(raw); {
		k := zooToken{literal: raw[at]}
		if length, distance := zooMatch(raw, at, style, window, seen, r); length > 0 {
			k = zooToken{length: length, distance: distance}
		}
		out = append(out, k)
		for end := at + k.size(); at < end; at++ {
			if at+3 <= len(raw) {
				start := [3]byte(raw[at:])
				seen[start] = append(seen[start], at)
			}
		}
	}
	return out
}

// zooMatch chooses one of the matches there are, or 0.
func zooMatch(raw []byte, at int, style string, window int, seen map[[3]byte][]int, r *rand.Rand) (length, distance int) {
	if at+3 > len(raw) || style == "any" && r.IntN(8) == 0 {
		return 0, 0
	}
	list := seen[[3]byte(raw[at:])]
	list = list[sort.SearchInts(list, at-window):]
	if len(list) == 0 {
		return 0, 0
	}
	from := list[len(list)-1]
	switch style {
	case "farthest":
		from = list[0]
	case "any":
		from = list[r.IntN(len(list))]
	}
	for length < 258 && at+length < len(raw) && raw[from+length] == raw[at+length] {
		length++
	}
	if style == "any" && r.IntN(2) == 0 {
		length = 3 + r.IntN(length-2)
	}
	return length, at - from
}
