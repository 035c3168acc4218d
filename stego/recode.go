package stego

import (
	"bytes"
	"math"
)

// recoder writes blocks anew in which some bytes have changed. It never looks for matches: a literal takes the new byte, a
// match whose source and target are still the same stays, any other is split. Tokens that stay are copied bit by bit. The
// others get the block's own codes, or codes made for the purpose where a symbol that is wanted has none, or where those save bits.
type recoder struct {
	w     bitWriter
	open  *block // whose own codes the block that is being written has; nil: none is
	began int64  // the bit of w.out at which that one begins; below 0: it was given away
	parts []part
	toks  []token // of the parts that change
	freq  frequencies

	waits  []token     // not yet written, for which codes are to be made
	wanted frequencies // of them
	size   int         // bytes they make
	behind int         // where in raw these end
}

// part is a piece of a block: tokens that stay, or what others become.
type part struct {
	stays    bool
	from, to int // in the inflater's tokens; in the recoder's where they change
	at       int // where their bytes begin
}

// write appends the tokens from … to−1 of a block, whose bytes are now those of raw from at to its end. all: the block ends with them.
// From last on all bytes are what they were.
func (r *recoder) write(b *block, z *inflater, from, to int, all bool, raw []byte, at, last int) {
	if b.stored {
		r.close(raw)
		r.store(raw[at:])
		return
	}
	r.plan(b, z, from, to, raw, at, last)
	parts, behind := r.parts, len(raw)
	whole := all && z.start(b, from) == b.begin
	begin, end := 0, len(parts)
	if !whole && parts[0].stays {
		begin++
	}
	if !whole && parts[end-1].stays && end > begin {
		end--
		behind = parts[end].at
	}
	if begin == end || !r.pays(b, z, parts[begin:end], raw, whole) {
		r.carryOut(b, z, raw)
		return
	}
	r.keepAll(b, z, parts[:begin], raw)
	r.wait(z, parts[begin:end], raw, behind)
	r.keepAll(b, z, parts[end:], raw)
}

// pays reports whether parts of a block want codes of their own: the block's lack one, or cost more bits. whole: nothing else is written
// of the block, nor its header.
func (r *recoder) pays(b *block, z *inflater, parts []part, raw []byte, whole bool) bool {
	r.freq = frequencies{}
	for _, p := range parts {
		r.freq.count(r.of(z, p), raw, p.at)
	}
	r.freq.settle()
	own, possible := b.encoder().bits(&r.freq)
	headers := 2 * int64(b.bits) // that of new codes will be about as long, and then the block's own comes again
	if whole {
		headers = 0
	}
	return !possible || own-own/16 > r.freq.least()+headers // making codes takes time too
}

// of returns a part's tokens.
func (r *recoder) of(z *inflater, p part) []token {
	if p.stays {
		return z.toks[p.from:p.to]
	}
	return r.toks[p.from:p.to]
}

// plan divides tokens into parts. They alternate.
func (r *recoder) plan(b *block, z *inflater, from, to int, raw []byte, at, last int) {
	r.parts, r.toks = r.parts[:0], r.toks[:0]
	for i := from; i < to; {
		if n, size := z.staying(z.toks[i:to], raw, at, last); n > 0 {
			r.parts = append(r.parts, part{stays: true, from: i, to: i + n, at: at})
			i += n
			at += size
			continue
		}
		p := part{from: len(r.toks), at: at}
		for ; i < to && !z.stays(z.toks[i], raw, at, last); i++ {
			r.toks = split(r.toks, p.from, z.toks[i], raw, at, b.encoder())
			at += z.toks[i].size()
		}
		p.to = len(r.toks)
		r.parts = append(r.parts, p)
	}
}

// staying returns how many tokens stay, before one that does not, and how many bytes they make.
func (z *inflater) staying(toks []token, raw []byte, at, last int) (n, size int) {
	for n < len(toks) {
		if more, bytes := untouched(toks[n:], at+size, last); more > 0 {
			n += more
			size += bytes
		} else if z.stays(toks[n], raw, at+size, last) {
			size += toks[n].size()
			n++
		} else {
			break
		}
	}
	return n, size
}

// untouched returns how many tokens begin behind the last byte that changed and look back no further, and how many bytes they make.
func untouched(toks []token, at, last int) (n, size int) {
	behind := at - last
	for n < len(toks) && behind >= 0 {
		t := toks[n]
		if t&isMatch != 0 && t.dist() > behind {
			break
		}
		behind += t.size()
		n++
	}
	return n, behind - (at - last)
}

// stays reports whether a token, whose bytes begin at at, still makes what raw has there.
func (z *inflater) stays(t token, raw []byte, at, last int) bool {
	n := t.size()
	if t&isMatch == 0 {
		return at >= last || bytes.Equal(raw[at:at+n], z.raw[at:at+n])
	}
	from := at - t.dist()
	if n <= 8 && at+8 <= len(raw) { // as most do
		return (word(raw, at)^word(raw, from))<<(64-8*n) == 0
	}
	return bytes.Equal(raw[at:at+n], raw[from:from+n])
}

// carryOut writes the parts in the block's own codes.
func (r *recoder) carryOut(b *block, z *inflater, raw []byte) {
	r.begin(b, raw)
	for _, p := range r.parts {
		if p.stays {
			r.keep(b, z, p.from, p.to, raw)
		} else {
			r.w.tokens(b.encoder(), r.toks[p.from:p.to], raw, p.at)
		}
	}
}

// keepAll is keep for parts that stay.
func (r *recoder) keepAll(b *block, z *inflater, parts []part, raw []byte) {
	for _, p := range parts {
		r.keep(b, z, p.from, p.to, raw)
	}
}

// keep copies tokens with their codes.
func (r *recoder) keep(b *block, z *inflater, from, to int, raw []byte) {
	if from < to {
		r.begin(b, raw)
		r.w.copyFrom(z.in, z.start(b, from)-z.gone*8, z.ends[to-1]-z.gone*8)
	}
}

// wait has parts, which are those that pays has counted and whose bytes end before end, written in codes that are made for them and for those behind them.
func (r *recoder) wait(z *inflater, parts []part, raw []byte, end int) {
	if r.open != nil || r.size > batch {
		r.close(raw)
	}
	for _, p := range parts {
		r.waits = append(r.waits, r.of(z, p)...)
	}
	r.wanted.add(&r.freq)
	r.size += end - parts[0].at
	r.behind = end
}

// anew writes what waits.
func (r *recoder) anew(raw []byte) {
	at := r.behind - r.size
	lit, dist := r.wanted.lengths()
	r.w.dynamicHeader(lit, dist)
	enc := newEncoder(lit, dist)
	r.w.tokens(enc, r.waits, raw, at)
	r.w.code(enc.lit[endOfBlock])
	r.waits, r.wanted, r.size = r.waits[:0], frequencies{}, 0
}

// start returns the bit at which a token of a block begins.
func (z *inflater) start(b *block, tok int) int64 {
	if tok > b.tok {
		return z.ends[tok-1]
	}
	return max(b.begin, z.from)
}

// encoder returns the block's codes for writing.
func (b *block) encoder() *encoder {
	if b.enc == nil {
		b.enc = newEncoder(b.lit, b.dist)
	}
	return b.enc
}

// begin has a block with b's own codes open, which is not the last.
func (r *recoder) begin(b *block, raw []byte) {
	if r.open == b {
		return
	}
	r.close(raw)
	b.encoder()
	r.began = int64(len(r.w.out))*8 + int64(r.w.n)
	r.w.put(uint64(b.head[0]&6), 3)
	r.w.copyFrom(b.head, 3, int64(b.bits))
	r.open = b
}

// close ends the block that is open, and writes what waits: never are there both.
func (r *recoder) close(raw []byte) {
	if r.open != nil {
		r.w.code(r.open.enc.lit[endOfBlock])
		r.open = nil
	}
	if r.size > 0 {
		r.anew(raw)
	}
}

// store writes bytes as they are: RFC 1951 §3.2.4.
func (r *recoder) store(p []byte) {
	for len(p) > 0 {
		n := min(len(p), 0xffff)
		r.w.storedHeader(n, false)
		r.w.out = append(r.w.out, p[:n]...)
		p = p[n:]
	}
}

// end writes an empty last block, with fixed codes, and fills the last byte up.
func (r *recoder) end() {
	r.w.put(3, 10)
	r.w.align()
}

// reopen continues the block that the inflater has stopped in, so that what follows in its input may follow here: empty
// blocks until the header ends at the bit of a byte at which the input goes on, then the header, bit for bit.
func (r *recoder) reopen(b *block, used uint, left int, raw []byte) {
	if b != nil && r.open == b && r.began >= 0 {
		r.shift(b, used)
		return
	}
	r.close(raw)
	switch {
	case b == nil:
		r.pad(used, 0)
	case b.stored:
		r.w.storedHeader(left, b.final)
	default:
		r.pad(used, b.bits)
		r.w.copyFrom(b.head, 0, int64(b.bits))
	}
	r.w.settle()
}

// shift has the block that is open end at a bit of a byte: it puts empty blocks before it. That spares a second header.
func (r *recoder) shift(b *block, used uint) {
	w := &r.w
	w.settle()
	at, begin := r.began/8, r.began%8
	written := append(bytes.Clone(w.out[at:]), byte(w.acc))
	end := int64(len(written)-1)*8 + int64(w.n)
	written[0] |= b.head[0] & 1 << begin // it may be the last now
	w.out, w.acc, w.n = w.out[:at], uint64(written[0])&(1<<begin-1), uint(begin)
	r.pad(used, uint(end-begin))
	w.copyFrom(written, begin, end)
	w.settle()
	r.open = nil
}

// pad writes empty blocks until so many more bits would end at a phase. An empty fixed block has 10 bits, which are 2 more
// than a byte, and an empty dynamic one 91, which are 3 more: at most 121 bits in all.
func (r *recoder) pad(phase, more uint) {
	off := func() uint { return (phase + 64 - (r.w.n+more)%8) % 8 }
	if off()%2 == 1 {
		r.w.emptyDynamic()
	}
	for off() != 0 {
		r.w.put(2, 10)
	}
}

// frequencies counts how often each symbol is wanted.
type frequencies struct {
	lit  [litSymbols]int32
	dist [distSymbols]int32
	more [3][256]int32 // literals that are not in lit yet: a number that has just been changed would have to be waited for
}

// count adds the symbols of tokens. settle is called behind the last of them.
func (f *frequencies) count(toks []token, raw []byte, at int) {
	for _, t := range toks {
		n := t.size()
		if t&isMatch != 0 {
			f.lit[firstLength+int(lengthSymbols[n])]++
			f.dist[distSymbol(t.dist())]++
		} else {
			f.literals(raw[at : at+n])
		}
		at += n
	}
}

// settle has all literals in lit.
func (f *frequencies) settle() {
	for v := range 256 {
		f.lit[v] += f.more[0][v] + f.more[1][v] + f.more[2][v]
	}
	f.more = [3][256]int32{}
}

// add adds what others counted, and has one end of a block.
func (f *frequencies) add(g *frequencies) {
	for s, n := range g.lit {
		f.lit[s] += n
	}
	for s, n := range g.dist {
		f.dist[s] += n
	}
	f.lit[endOfBlock] = 1
}

// literals counts bytes, in four tables by turns.
func (f *frequencies) literals(p []byte) {
	for ; len(p) >= 4; p = p[4:] {
		f.lit[p[0]]++
		f.more[0][p[1]]++
		f.more[1][p[2]]++
		f.more[2][p[3]]++
	}
	for _, v := range p {
		f.lit[v]++
	}
}

// least returns how many bits codes for what was counted take at least, by its entropy, and a fiftieth more, which whole bits cost. What
// lengths and distances add to their codes is left out.
func (f *frequencies) least() int64 {
	sum := 0.0
	for _, counts := range [][]int32{f.lit[:], f.dist[:]} {
		all := 0.0
		for _, n := range counts {
			if n > 0 {
				all += float64(n)
				sum -= float64(n) * math.Log2(float64(n))
			}
		}
		if all > 0 {
			sum += all * math.Log2(all)
		}
	}
	return int64(sum * 1.02)
}

// bits returns how many bits what was counted takes in these codes, without what lengths and distances add to them; false: there is no code for
// some of it.
func (e *encoder) bits(f *frequencies) (sum int64, possible bool) {
	for _, of := range []struct {
		codes  []code
		counts []int32
	}{{e.lit[:], f.lit[:]}, {e.dist[:], f.dist[:]}} {
		for s, n := range of.counts {
			if n > 0 && of.codes[s] == noCode {
				return 0, false
			}
			sum += int64(n) * int64(of.codes[s].n())
		}
	}
	return sum, true
}

func newEncoder(lit, dist []uint8) *encoder {
	e := &encoder{}
	assign(e.lit[:], lit)
	assign(e.dist[:], dist)
	return e
}
