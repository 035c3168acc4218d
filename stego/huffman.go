package stego

import "slices"

// tree is room to make a Huffman code of bytes, only to know how long its codes
// are. Unlike deflate's they may be longer than 15 bits, which costs next to nothing.
type tree struct {
	weight [512]int32 // leaves from the rarest on, then inner nodes in the order they are made
	parent [512]int16
}

// lengths sets the code length of each value that occurs, and no other.
func (t *tree) lengths(count *[256]int32, bits *[256]uint8) {
	keys := make([]uint32, 0, 256) // count, then value: they sort one way only
	for v, n := range count {
		if n > 0 {
			keys = append(keys, uint32(n)<<8|uint32(v))
		}
	}
	slices.Sort(keys)
	clear(bits[:])
	if len(keys) == 1 {
		bits[keys[0]&0xff] = 1
		return
	}
	root := t.join(keys)
	var depth [512]uint8
	for i := root - 1; i >= 0; i-- {
		depth[i] = depth[t.parent[i]] + 1
		if i < len(keys) {
			bits[keys[i]&0xff] = depth[i]
		}
	}
}

// join makes the tree with two queues, that of the leaves and that of what was
// joined, and returns its root: the nodes are made in the order of their weights.
func (t *tree) join(keys []uint32) int {
	for i, k := range keys {
		t.weight[i] = int32(k >> 8)
	}
	leaf, inner, next := 0, len(keys), len(keys)
	least := func() int {
		if inner == next || leaf < len(keys) && t.weight[leaf] <= t.weight[inner] {
			leaf++
			return leaf - 1
		}
		inner++
		return inner - 1
	}
	for ; next < 2*len(keys)-1; next++ {
		a := least()
		b := least()
		t.weight[next] = t.weight[a] + t.weight[b]
		t.parent[a], t.parent[b] = int16(next), int16(next)
	}
	return next - 1
}
