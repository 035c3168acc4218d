package stego

import (
	"slices"
	"sort"
)

// dynamic writes a block with codes of its own.
func (s *stream) dynamic(tokens []zooToken, last bool) {
	shape := s.plan.codes
	if shape == "mixed" {
		shape = s.of("code", "fitted", "deep", "random", "flat")
	}
	lit, dist := counts(tokens)
	l := s.shaped(lit, 15, shape, 1)
	d := s.distances(dist, shape)
	s.note("a literal code of 15 bits", slices.Max(l) == 15)
	s.note("a distance code of 15 bits", slices.Max(d) == 15)
	s.note("a literal code for the end of block alone", zooUsed(l) == 1)
	s.note("symbols without a code", zooUsed(l) < len(l))
	s.begin(2, last)
	s.codes(l, d)
	s.tokens(tokens, newPrefixCode(l), newPrefixCode(d))
}

// counts returns how often each symbol is needed.
func counts(tokens []zooToken) (lit, dist []int) {
	lit, dist = make([]int, literalSymbols), make([]int, distanceSymbols)
	lit[zooEndOfBlock] = 1
	for _, k := range tokens {
		if k.length == 0 {
			lit[k.literal]++
			continue
		}
		lit[257+symbolOf(zooLengthBase, k.length)]++
		dist[symbolOf(distanceBase, k.distance)]++
	}
	return lit, dist
}

// distances returns the lengths of a distance code: none, one, or many.
func (s *stream) distances(count []int, shape string) []int {
	zooUsed := 0
	for _, c := range count {
		if c > 0 {
			zooUsed++
		}
	}
	choice := "many"
	switch zooUsed {
	case 0:
		choice = s.of("no-distance", "no-code", "one-code", "many")
	case 1:
		choice = s.of("one-distance", "one-code", "one-code", "many")
	}
	switch choice {
	case "no-code":
		return make([]int, distanceSymbols)
	case "one-code":
		if zooUsed == 0 {
			count[s.r.IntN(len(count))] = 1
		}
		return s.shaped(count, 15, "fitted", 1)
	}
	return s.shaped(count, 15, shape, 2)
}

// shaped returns the lengths of a complete code for all symbols that are counted,
// and for others where the shape says so or fewer than least are.
func (s *stream) shaped(count []int, most int, shape string, least int) []int {
	count = append([]int(nil), count...)
	add := map[string]int{"deep": most + 1}[shape]
	if s.r.IntN(4) == 0 {
		add += s.r.IntN(len(count))
	}
	if shape == "flat" {
		add = len(count)
	}
	for _, i := range s.r.Perm(len(count)) {
		if count[i] == 0 && (add > 0 || zooUsed(count) < least) {
			count[i] = 1
			add--
		}
	}
	var depths []int
	switch n := zooUsed(count); {
	case n == 1:
		depths = []int{1}
	case shape == "fitted":
		return fitted(count, most)
	default:
		depths = s.tree(n, most, shape)
	}
	return zooAssign(count, depths)
}

func zooUsed(count []int) (n int) {
	for _, c := range count {
		if c > 0 {
			n++
		}
	}
	return n
}

// tree returns the depths of n leaves of a full binary tree, the least first.
func (s *stream) tree(n, most int, shape string) []int {
	depths := []int{0}
	for len(depths) < n {
		i := len(depths) - 1
		switch {
		case shape == "flat":
			i = 0
		case shape == "deep" && depths[i] < most:
		default:
			for i = s.r.IntN(len(depths)); depths[i] >= most; {
				i = s.r.IntN(len(depths))
			}
		}
		d := depths[i] + 1
		depths = append(append(depths[:i], depths[i+1:]...), d, d)
		if shape == "deep" {
			sort.Ints(depths)
		}
	}
	sort.Ints(depths)
	return depths
}

// zooAssign gives the most frequent symbols the shortest lengths.
func zooAssign(count, depths []int) []int {
	order := make([]int, 0, len(count))
	for s, c := range count {
		if c > 0 {
			order = append(order, s)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return count[order[i]] > count[order[j]] })
	out := make([]int, len(count))
	for i, s := range order {
		out[s] = depths[i]
	}
	return out
}

// fitted returns Huffman's lengths. Where they are too long the counts are made more even.
func fitted(count []int, most int) []int {
	for {
		depths := huffman(count)
		if depths[len(depths)-1] <= most {
			return zooAssign(count, depths)
		}
		for i, c := range count {
			if c > 0 {
				count[i] = c/2 + 1
			}
		}
	}
}

// huffman returns the depths of the leaves of the best tree, the least first: nodes are
// made in the order of their weight, so a node's parent stands behind it.
func huffman(count []int) []int {
	var weight []int
	for _, c := range count {
		if c > 0 {
			weight = append(weight, c)
		}
	}
	sort.Ints(weight)
	n := len(weight)
	parent := make([]int, 2*n-1)
	leaf, inner := 0, n
	least := func() int {
		if leaf < n && (inner >= len(weight) || weight[leaf] <= weight[inner]) {
			leaf++
			return leaf - 1
		}
		inner++
		return inner - 1
	}
	for len(weight) < 2*n-1 {
		a, b := least(), least()
		parent[a], parent[b] = len(weight), len(weight)
		weight = append(weight, weight[a]+weight[b])
	}
	depths := make([]int, 2*n-1)
	for i := 2*n - 3; i >= 0; i-- {
		depths[i] = depths[parent[i]] + 1
	}
	sort.Ints(depths[:n])
	return depths[:n]
}

// codes writes the head of a dynamic block, RFC 1951 §3.2.7.
func (s *stream) codes(lit, dist []int) {
	nl, nd := len(lit), len(dist)
	if s.of("header", "short", "short", "full") == "short" {
		nl, nd = zooTrimmed(lit, 257), zooTrimmed(dist, 1)
	}
	list := s.runs(append(append([]int(nil), lit[:nl]...), dist[:nd]...))
	count := make([]int, 19)
	for _, k := range list {
		count[k.symbol]++
	}
	lengths := s.shaped(count, 7, s.of("code-lengths", "fitted", "random", "deep"), 2)
	order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	ordered := make([]int, 19)
	for i, symbol := range order {
		ordered[i] = lengths[symbol]
	}
	n := zooTrimmed(ordered, 4)
	s.w.bits(nl-257, 5)
	s.w.bits(nd-1, 5)
	s.w.bits(n-4, 4)
	for _, l := range ordered[:n] {
		s.w.bits(l, 3)
	}
	code := newPrefixCode(lengths)
	for _, k := range list {
		code.write(&s.w, k.symbol)
		s.w.bits(k.extra, k.bits)
	}
}

// zooTrimmed returns the length of a list without the zeros at its end, but at least so much.
func zooTrimmed(list []int, least int) int {
	n := len(list)
	for n > least && list[n-1] == 0 {
		n--
	}
	return n
}

// zooLengthRun is one symbol of the code length code.
type zooLengthRun struct{ symbol, extra, bits int }

// runs shortens runs of equal lengths, most of the time.
func (s *stream) runs(list []int) (out []zooLengthRun) {
	lazy := s.of("length-runs", "always", "always", "sometimes", "never")
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i] {
			n++
		}
		again := i > 0 && list[i-1] == list[i]
		switch {
		case n < 3 || lazy == "never" || lazy == "sometimes" && s.r.IntN(2) == 0:
			out, n = append(out, zooLengthRun{symbol: list[i]}), 1
		case list[i] == 0 && n >= 11:
			n = min(n, 138)
			out = append(out, zooLengthRun{18, n - 11, 7})
		case list[i] == 0:
			out = append(out, zooLengthRun{17, n - 3, 3})
		case again:
			n = min(n, 6)
			out = append(out, zooLengthRun{16, n - 3, 2})
		default:
			out, n = append(out, zooLengthRun{symbol: list[i]}), 1
		}
		i += n
	}
	return out
}
