package stego

// Eight bytes are worked on at once, each in its lane of a word: no lane's carry
// may reach the next. The tricks are those of Lamport, "Multiple byte processing
// with full-word instructions", CACM 18, 1975.
const (
	tops  = 0x8080808080808080 // the top bit of each lane
	below = ^uint64(tops)
)

// addLanes returns x + y in each lane.
func addLanes(x, y uint64) uint64 { return (x&below + y&below) ^ ((x ^ y) & tops) }

// subLanes returns x − y in each lane.
func subLanes(x, y uint64) uint64 { return ((x | tops) - y&below) ^ (^(x ^ y) & tops) }

// flood makes lanes whose top bit is set all ones. Other bits must be zero.
func flood(top uint64) uint64 { return top<<1 - top>>7 }

// notLess returns, in each lane, all ones where x ≥ y.
func notLess(x, y uint64) uint64 {
	differ := x ^ y
	return flood((x&differ | ((x|tops)-y&below)&^differ) & tops)
}

// overLanes returns x − y in each lane, or 0 where that is negative.
func overLanes(x, y uint64) uint64 {
	differ := x ^ y
	d := (x | tops) - y&below
	return (d ^ (^differ & tops)) & flood((x&differ|d&^differ)&tops)
}

// withinHalf returns, in each lane, all ones where x ≤ y/2.
func withinHalf(x, y uint64) uint64 {
	return flood(((y>>1&below | tops) - x&below) &^ x & tops)
}

// averageLanes returns ⌊(x + y)/2⌋ in each lane.
func averageLanes(x, y uint64) uint64 { return x&y + (x^y)>>1&below }

// paethLanes is paeth in each lane. With lo and hi the lesser and the greater of
// left and up, the rule of the PNG specification, §9.4, comes to this: lo where
// hi − corner ≤ (corner − lo)/2, hi where it is the other way round, else the
// corner; differences below zero count as zero. Ties fall alike.
func paethLanes(left, up, corner uint64) uint64 {
	differ := (left ^ up) & notLess(left, up)
	lo, hi := left^differ, up^differ
	down, rise := overLanes(corner, lo), overLanes(hi, corner)
	out := corner ^ (corner^lo)&withinHalf(rise, down)
	return out ^ (out^hi)&withinHalf(down, rise)
}
