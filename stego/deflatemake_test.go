package stego

import (
	"encoding/binary"
	"hash/adler32"
	"math/bits"
)

// zooToken is what deflate codes: a literal, or so many bytes from a distance back.
type zooToken struct {
	literal          byte
	length, distance int // 0: a literal
}

// size returns the bytes that a zooToken stands for.
func (k zooToken) size() int { return max(1, k.length) }

// RFC 1951 §3.2.5: what length and distance symbols begin with, and their extra bits.
var (
	zooLengthBase  = []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	zooLengthExtra = []int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase   = []int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceExtra  = []int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

const (
	zooEndOfBlock   = 256
	literalSymbols  = 286
	distanceSymbols = 30
)

// symbolOf returns the last symbol whose base is not above v.
func symbolOf(base []int, v int) int {
	s := 0
	for s+1 < len(base) && base[s+1] <= v {
		s++
	}
	return s
}

// zooBitWriter writes bits as deflate orders them, the least significant of a byte first.
type zooBitWriter struct {
	out []byte
	acc uint64
	n   int
}

func (w *zooBitWriter) bits(v, n int) {
	w.acc |= uint64(v) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

// align fills the byte up.
func (w *zooBitWriter) align() {
	if w.n > 0 {
		w.bits(0, 8-w.n)
	}
}

// prefixCode is the canonical code of some lengths, RFC 1951 §3.2.2.
type prefixCode struct {
	lengths []int
	codes   []int // the bits in the order they are written
}

func newPrefixCode(lengths []int) prefixCode {
	c := prefixCode{lengths, make([]int, len(lengths))}
	code := 0
	for n := 1; n <= 15; n++ {
		code <<= 1
		for s, l := range lengths {
			if l == n {
				c.codes[s] = int(bits.Reverse16(uint16(code)) >> (16 - n))
				code++
			}
		}
	}
	return c
}

func (c prefixCode) write(w *zooBitWriter, symbol int) {
	if c.lengths[symbol] == 0 {
		panic("stego: the test's own deflate writer has no code for a symbol")
	}
	w.bits(c.codes[symbol], c.lengths[symbol])
}

// fixedCodes are those of RFC 1951 §3.2.6.
func fixedCodes() (lit, dist prefixCode) {
	l, d := make([]int, 288), make([]int, 32)
	for i := range l {
		switch {
		case i < 144 || i >= 280:
			l[i] = 8
		case i < 256:
			l[i] = 9
		default:
			l[i] = 7
		}
	}
	for i := range d {
		d[i] = 5
	}
	return newPrefixCode(l), newPrefixCode(d)
}

// stream makes a zlib stream of raw bytes after a plan.
type stream struct {
	*choices
	w    zooBitWriter
	raw  []byte
	plan streamPlan
}

// streamPlan is how a zlib stream is made.
type streamPlan struct {
	window int    // bits of the greatest distance, 8 to 15
	tokens string // how matches are sought
	blocks string // kind of the blocks
	size   string // tokens of a block
	empty  bool   // empty blocks are put in between
	codes  string // shape of the codes of dynamic blocks
}

// drawPlan draws all that is to be chosen for a whole stream.
func drawPlan(c *choices) streamPlan {
	return streamPlan{
		window: 8 + c.number("cinfo", 7, 7, 7, 7, 7, 0, 1, 4, 6),
		tokens: c.of("tokens", "literals", "nearest", "farthest", "any", "any", "nearest"),
		blocks: c.of("blocks", "stored", "fixed", "dynamic", "dynamic", "mixed", "mixed"),
		size:   c.of("block-size", "one", "small", "some", "some"),
		empty:  c.of("empty-blocks", "no", "no", "yes") == "yes",
		codes:  c.of("codes", "fitted", "fitted", "deep", "random", "flat", "mixed"),
	}
}

// zlib returns the whole stream, header and Adler-32 included.
func (s *stream) zlib() []byte {
	head := (s.plan.window-8)<<12 | 8<<8 | s.r.IntN(4)<<6
	head += 31 - head%31
	s.w.out = binary.BigEndian.AppendUint16(nil, uint16(head))
	all := tokenize(s.raw, s.plan.tokens, 1<<s.plan.window, s.r)
	s.noteTokens(all)
	s.deflate(all)
	s.w.align()
	return binary.BigEndian.AppendUint32(s.w.out, adler32.Checksum(s.raw))
}

// deflate writes tokens as blocks.
func (s *stream) deflate(all []zooToken) {
	at := 0
	for done := false; !done; {
		if s.plan.empty && s.r.IntN(3) == 0 {
			s.emptyBlock()
		}
		n := min(len(all), s.blockSize())
		block := all[:n]
		all = all[n:]
		done = len(all) == 0 && s.of("last-block", "the-last-one", "an-empty-one") == "the-last-one"
		size := 0
		for _, k := range block {
			size += k.size()
		}
		s.block(block, s.raw[at:at+size], done)
		at += size
		if len(all) == 0 && !done {
			s.block(nil, nil, true)
			done = true
		}
	}
}

// noteTokens counts the extremes that deflate allows.
func (s *stream) noteTokens(all []zooToken) {
	shortest, longest, far, near := false, false, false, false
	for _, k := range all {
		shortest, longest = shortest || k.length == 3, longest || k.length == 258
		far, near = far || k.distance == 1<<15, near || k.distance == 1
	}
	s.note("a zooMatch of 3", shortest)
	s.note("a zooMatch of 258", longest)
	s.note("a distance of 32768", far)
	s.note("a distance of 1", near)
}

// blockSize returns how many tokens the next block takes at most.
func (s *stream) blockSize() int {
	switch s.plan.size {
	case "one":
		return 1 << 30
	case "small":
		return 1 + s.r.IntN(200)
	}
	return 1 + s.r.IntN(20_000)
}

// emptyBlock writes a block of no tokens, of any kind.
func (s *stream) emptyBlock() {
	switch s.of("empty-block", "stored", "fixed", "dynamic") {
	case "stored":
		s.stored(nil, false)
	case "fixed":
		s.fixed(nil, false)
	default:
		s.dynamic(nil, false)
	}
}

// block writes tokens, which stand for raw, as a block of the kind in the plan.
func (s *stream) block(tokens []zooToken, raw []byte, last bool) {
	kind := s.plan.blocks
	if kind == "mixed" {
		kind = s.of("block", "stored", "fixed", "dynamic", "dynamic")
	}
	switch kind {
	case "stored":
		s.stored(raw, last)
	case "fixed":
		s.fixed(tokens, last)
	default:
		s.dynamic(tokens, last)
	}
}

// stored writes raw bytes, as several blocks where one cannot hold them.
func (s *stream) stored(raw []byte, last bool) {
	const most = 1<<16 - 1
	for len(raw) > most {
		n := most - s.r.IntN(2)*s.r.IntN(5000)
		s.stored(raw[:n], false)
		raw = raw[n:]
	}
	s.begin(0, last)
	s.w.align()
	s.w.bits(len(raw), 16)
	s.w.bits(^len(raw)&0xffff, 16)
	s.w.out = append(s.w.out, raw...)
}

// begin writes the first bits of a block.
func (s *stream) begin(kind int, last bool) {
	s.w.bits(map[bool]int{true: 1}[last], 1)
	s.w.bits(kind, 2)
}

func (s *stream) fixed(tokens []zooToken, last bool) {
	s.begin(1, last)
	lit, dist := fixedCodes()
	s.tokens(tokens, lit, dist)
}

// tokens writes tokens and the end of their block.
func (s *stream) tokens(list []zooToken, lit, dist prefixCode) {
	for _, k := range list {
		if k.length == 0 {
			lit.write(&s.w, int(k.literal))
			continue
		}
		l, d := s.lengthSymbol(k.length, lit), symbolOf(distanceBase, k.distance)
		lit.write(&s.w, 257+l)
		s.w.bits(k.length-zooLengthBase[l], zooLengthExtra[l])
		dist.write(&s.w, d)
		s.w.bits(k.distance-distanceBase[d], distanceExtra[d])
	}
	lit.write(&s.w, zooEndOfBlock)
}

// lengthSymbol returns the symbol of a length. 258 has two: the second is the one
// before, with all extra bits set, which every inflater takes and few deflaters write.
func (s *stream) lengthSymbol(length int, lit prefixCode) int {
	symbol := symbolOf(zooLengthBase, length)
	if length == 258 && lit.lengths[257+symbol-1] != 0 && s.of("length-258", "285", "285", "284+31") == "284+31" {
		return symbol - 1
	}
	return symbol
}
