package stego

import (
	"math/bits"
	"slices"
)

// maxCode is the most bits of a Huffman code in deflate: RFC 1951 §3.2.7.
const maxCode = 15

// entry is a place of a decoding table: the lowest 8 bits are how many bits the code has, the next 4 how many extra bits
// follow, then come 4 bits of flags, then the value: a literal, or what a length or distance begins with, or where the
// second table for these bits begins, whose index has as many bits as the entry has extra ones. Zero: there is no such code.
type entry uint32

const (
	isLiteral entry = 1 << 12
	endsBlock entry = 1 << 13
	isLink    entry = 1 << 14
	isInvalid entry = 1 << 15
)

// maxRoot is the most bits by which a first table is indexed.
const maxRoot = 11

// distRoot is likewise for distances.
const distRoot = 8

func (e entry) bits() uint  { return uint(e & 0xff) }
func (e entry) extra() uint { return uint(e >> 8 & 0xf) }
func (e entry) value() int  { return int(e >> 16) }

// decoder finds symbols by the next bits of a stream: in a first table by some of them, in a second if the code is longer.
type decoder struct {
	root  uint
	table []entry
	pairs []entry // made by pair
}

// find returns the entry of the code that acc begins with.
func (d *decoder) find(acc uint64) entry {
	e := d.table[acc&(1<<d.root-1)]
	if e&isLink != 0 {
		e = d.table[e.value()+int(acc>>d.root&(1<<e.extra()-1))]
	}
	return e
}

// build makes the table of codes with these lengths. values are the symbols' entries without their bits. A code may be
// incomplete only where it has one symbol, of one bit, or none: RFC 1951 §3.2.7.
func (d *decoder) build(lengths []uint8, values []entry, root uint) error {
	var next [maxCode + 2]uint32
	used, most := canonical(lengths, &next)
	if used > 1<<maxCode || used < 1<<maxCode && used != 0 && (used != 1<<(maxCode-1) || count(lengths) != 1) {
		return errCodes
	}
	d.root = root
	d.table = slices.Grow(d.table[:0], 1<<root)[:1<<root]
	if used < 1<<maxCode { // else all places are filled
		clear(d.table)
	}
	if most > root {
		d.links(lengths, next)
	}
	for s, n := range lengths {
		if n != 0 {
			d.enter(reversed(next[n], n), uint(n), values[s])
			next[n]++
		}
	}
	return nil
}

// pair makes pairs: the first table, with two literals where bits suffice for both. The value of a literal's entry is then
// two of them, the first lower, and its extra bits say how many there are.
func (d *decoder) pair() {
	d.pairs = slices.Grow(d.pairs[:0], len(d.table))[:1<<d.root]
	table := d.table[:len(d.pairs)]
	for i, e := range table {
		if e&isLiteral != 0 {
			next := table[i>>(e.bits()&63)]
			both := e.bits() + next.bits()
			if e |= 1 << 8; next&isLiteral != 0 && both <= d.root {
				e = isLiteral | 2<<8 | entry(both) | e&(0xff<<16) | next<<8&(0xff<<24)
			}
		}
		d.pairs[i] = e
	}
}

// canonical puts the first code of each length into next and returns how much of the code space all of them take, of
// 2^15, and how long the longest is: RFC 1951 §3.2.2.
func canonical(lengths []uint8, next *[maxCode + 2]uint32) (used uint32, most uint) {
	var counts [maxCode + 1]uint32
	for _, n := range lengths {
		counts[n]++
	}
	counts[0] = 0
	for n := 1; n <= maxCode; n++ {
		next[n+1] = (next[n] + counts[n]) << 1
		used += counts[n] << (maxCode - n)
		if counts[n] > 0 {
			most = uint(n)
		}
	}
	return used, most
}

func count(lengths []uint8) (n int) {
	for _, l := range lengths {
		if l != 0 {
			n++
		}
	}
	return n
}

// reversed returns a code as it lies in the stream: first bit lowest.
func reversed(code uint32, n uint8) uint32 { return bits.Reverse32(code) >> (32 - n) }

// links makes room for the second tables: for each beginning of longer codes one as large as its longest needs. next has the first
// code of each length.
func (d *decoder) links(lengths []uint8, next [maxCode + 2]uint32) {
	var deep [1 << maxRoot]uint8
	for _, n := range lengths {
		if uint(n) > d.root {
			at := reversed(next[n], n) & (1<<d.root - 1)
			deep[at] = max(deep[at], n-uint8(d.root))
			next[n]++
		}
	}
	for at, n := range deep[:1<<d.root] {
		if n > 0 {
			begin := len(d.table)
			d.table[at] = entry(begin)<<16 | isLink | entry(n)<<8
			d.table = slices.Grow(d.table, 1<<n)[:begin+1<<n]
			clear(d.table[begin:])
		}
	}
}

// enter puts a symbol wherever bits that begin with its code lead.
func (d *decoder) enter(code uint32, n uint, value entry) {
	value |= entry(n)
	if n <= d.root {
		for at := code; at < 1<<d.root; at += 1 << n {
			d.table[at] = value
		}
		return
	}
	link := d.table[code&(1<<d.root-1)]
	for at := code >> d.root; at < 1<<link.extra(); at += 1 << (n - d.root) {
		d.table[link.value()+int(at)] = value
	}
}

// code is a symbol's bits as they are written, and from bit 16 on how many they are.
type code uint32

const noCode code = 0

func (c code) bits() uint64 { return uint64(c & 0xffff) }
func (c code) n() uint      { return uint(c >> 16 & 0xff) }

// encoder has the codes of one block.
type encoder struct {
	lit  [288]code
	dist [32]code
}

// assign gives out the codes that belong to lengths.
func assign(codes []code, lengths []uint8) {
	var next [maxCode + 2]uint32
	canonical(lengths, &next)
	for s := range codes {
		codes[s] = noCode
		if s < len(lengths) && lengths[s] > 0 {
			n := lengths[s]
			codes[s] = code(reversed(next[n], n)) | code(n)<<16
			next[n]++
		}
	}
}
