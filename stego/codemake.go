package stego

import "slices"

// lengths returns code lengths for what was counted.
func (f *frequencies) lengths() (lit, dist []uint8) {
	return codeLengthsFor(f.lit[:], maxCode), codeLengthsFor(f.dist[:], maxCode)
}

// codeLengthsFor returns the lengths of Huffman codes of at most so many bits (Huffman 1952). Where that is exceeded, counts are
// made more alike and it is tried again. At least two symbols get a code, for there are decoders that want so.
func codeLengthsFor(counts []int32, most uint8) []uint8 {
	counts = slices.Clone(counts)
	for s := 0; s < len(counts) && used(counts) < 2; s++ {
		counts[s] = max(counts[s], 1)
	}
	for {
		lengths := depths(counts)
		if slices.Max(lengths) <= most {
			return lengths
		}
		for s, n := range counts {
			counts[s] = (n + 1) / 2
		}
	}
}

func used(counts []int32) (n int) {
	for _, c := range counts {
		if c > 0 {
			n++
		}
	}
	return n
}

// depths returns how deep each symbol is in a Huffman tree. Leaves are taken in order of their counts, and so are the
// nodes made of them: two queues are all that is needed (van Leeuwen 1976).
func depths(counts []int32) []uint8 {
	leaves := make([]uint64, 0, len(counts)) // count, then symbol
	for s, n := range counts {
		if n > 0 {
			leaves = append(leaves, uint64(n)<<16|uint64(s))
		}
	}
	slices.Sort(leaves)
	weight, parent := make([]int64, 0, 2*len(leaves)), make([]uint16, 2*len(leaves))
	for _, l := range leaves {
		weight = append(weight, int64(l>>16))
	}
	leaf, node := 0, len(leaves)
	least := func() (i int) {
		if node == len(weight) || leaf < len(leaves) && weight[leaf] <= weight[node] {
			leaf++
			return leaf - 1
		}
		node++
		return node - 1
	}
	for len(weight) < 2*len(leaves)-1 {
		a, b := least(), least()
		parent[a], parent[b] = uint16(len(weight)), uint16(len(weight))
		weight = append(weight, weight[a]+weight[b])
	}
	return deepened(parent, leaves, len(counts))
}

// deepened gives each leaf a depth one below its parent's. The last node is the root.
func deepened(parent []uint16, leaves []uint64, symbols int) []uint8 {
	depth := make([]uint8, 2*len(leaves)-1)
	for i := len(depth) - 2; i >= 0; i-- {
		depth[i] = min(depth[parent[i]]+1, 200)
	}
	lengths := make([]uint8, symbols)
	for i, l := range leaves {
		lengths[l&0xffff] = depth[i]
	}
	return lengths
}

// dynamicHeader begins a block with codes of these lengths, which is not the last: RFC 1951 §3.2.7.
func (w *bitWriter) dynamicHeader(lit, dist []uint8) {
	lits, dists := max(257, trimmed(lit)), max(1, trimmed(dist))
	runs := runsOf(slices.Concat(lit[:lits], dist[:dists]))
	var counts [19]int32
	for _, r := range runs {
		counts[r.symbol]++
	}
	lengths := codeLengthsFor(counts[:], 7)
	var codes [19]code
	assign(codes[:], lengths)
	sent := len(codeOrder)
	for sent > 4 && lengths[codeOrder[sent-1]] == 0 {
		sent--
	}
	w.put(4, 3)
	w.put(uint64(lits-257|(dists-1)<<5|(sent-4)<<10), 14)
	for _, s := range codeOrder[:sent] {
		w.put(uint64(lengths[s]), 3)
	}
	for _, r := range runs {
		c := codes[r.symbol]
		w.put(c.bits()|uint64(r.extra)<<c.n(), c.n()+r.bits)
	}
}

// trimmed returns the length without zeros at the end.
func trimmed(lengths []uint8) int {
	n := len(lengths)
	for n > 0 && lengths[n-1] == 0 {
		n--
	}
	return n
}

// lengthRun is a code length, or a repetition of one, as it is sent.
type lengthRun struct {
	symbol uint8
	extra  int
	bits   uint
}

// runsOf shortens code lengths: 16 repeats the last 3 to 6 times, 17 is 3 to 10 zeros, 18 is 11 to 138.
func runsOf(lengths []uint8) []lengthRun {
	runs := make([]lengthRun, 0, 200)
	for i := 0; i < len(lengths); {
		n := 1
		for i+n < len(lengths) && lengths[i+n] == lengths[i] {
			n++
		}
		v := lengths[i]
		i += n
		if v != 0 {
			runs = append(runs, lengthRun{symbol: v})
			n--
		}
		for n > 0 {
			var r lengthRun
			k := 1
			switch {
			case v == 0 && n >= 11:
				k = min(n, 138)
				r = lengthRun{18, k - 11, 7}
			case v == 0 && n >= 3:
				k = n
				r = lengthRun{17, k - 3, 3}
			case v != 0 && n >= 3:
				k = min(n, 6)
				r = lengthRun{16, k - 3, 2}
			default:
				r = lengthRun{symbol: v}
			}
			runs = append(runs, r)
			n -= k
		}
	}
	return runs
}
