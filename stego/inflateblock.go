package stego

import (
	"errors"
	"slices"
)

// open reads the header of a block: RFC 1951 §3.2.3.
func (z *inflater) open() error {
	b, begin := &block{tok: len(z.toks)}, z.bit()
	v, err := z.take(3)
	if err != nil {
		return err
	}
	b.final = v&1 == 1
	switch v >> 1 {
	case 0:
		err = z.openStored(b)
	case 1:
		z.openCodes(b, fixedLit, fixedDist, &fixedDecoders)
	case 2:
		err = z.openDynamic(b)
	default:
		err = errBlock
	}
	if z.joins(b) {
		return err
	}
	z.keep(b, begin)
	if z.blocks = append(z.blocks, b); len(z.blocks) > mostBlocks+len(z.raw)/64 {
		return errIdle
	}
	return err
}

// mostBlocks bounds how many blocks are remembered at a time, of a few hundred bytes each: what a match may look back to, and
// a usual row, may come in blocks of one byte.
const mostBlocks = maxWindow + 2*manyBlocks

// joins has a stored block go on with the one before it, if that is stored too: what is written of them is divided anew.
func (z *inflater) joins(b *block) bool {
	if len(z.blocks) == 0 || !b.stored {
		return false
	}
	last := z.blocks[len(z.blocks)-1]
	if !last.stored {
		return false
	}
	last.final, last.ended = b.final, false
	return true
}

// keep remembers the header of a block, which began at a bit of the stream and has just been read.
func (z *inflater) keep(b *block, begin int64) {
	if b.begin = z.bit(); z.skims || b.stored {
		return
	}
	w := bitWriter{out: make([]byte, 0, (b.begin-begin)/8+24)}
	w.copyFrom(z.in, begin-z.gone*8, b.begin-z.gone*8)
	w.align()
	b.head, b.bits = w.out, uint(b.begin-begin)
}

// openStored reads the length of a stored block: RFC 1951 §3.2.4.
func (z *inflater) openStored(b *block) error {
	z.drop(z.n % 8)
	v, err := z.take(32)
	if err != nil {
		return err
	}
	if v&0xffff != ^v>>16&0xffff {
		return errStored
	}
	b.stored = true
	z.left, z.state = int(v&0xffff), inStored
	return nil
}

// codeOrder is the order in which the lengths of the code length codes are sent: RFC 1951 §3.2.7.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// openDynamic reads the codes of a block with codes of its own: RFC 1951 §3.2.7.
func (z *inflater) openDynamic(b *block) error {
	v, err := z.take(14)
	if err != nil {
		return err
	}
	lits, dists, sent := int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4
	if lits > litSymbols || dists > distSymbols {
		return errLengths
	}
	var lengths [19]uint8
	for _, s := range codeOrder[:sent] {
		if v, err = z.take(3); err != nil {
			return err
		}
		lengths[s] = uint8(v)
	}
	if err := z.own[0].build(lengths[:], plainValues[:], 7); err != nil {
		return err
	}
	all, err := z.codeLengths(lits + dists)
	if err != nil {
		return err
	}
	if all[endOfBlock] == 0 {
		return errNoEnd
	}
	return z.openOwn(b, all[:lits], all[lits:])
}

// codeLengths reads so many code lengths, whose repetitions may cross from one alphabet to the other.
func (z *inflater) codeLengths(want int) ([]uint8, error) {
	all := make([]uint8, 0, want)
	for len(all) < want {
		e, err := z.symbol(&z.own[0])
		if err != nil {
			return nil, err
		}
		s := e.value()
		if s < 16 {
			all = append(all, uint8(s))
			continue
		}
		repeat, least, extra := uint8(0), 3, uint(2)
		switch {
		case s == 16 && len(all) == 0:
			return nil, errLengths
		case s == 16:
			repeat = all[len(all)-1]
		case s == 17:
			extra = 3
		default:
			least, extra = 11, 7
		}
		v, err := z.take(extra)
		if err != nil {
			return nil, err
		}
		n := least + int(v)
		if len(all)+n > want {
			return nil, errLengths
		}
		for range n {
			all = append(all, repeat)
		}
	}
	return all, nil
}

// openOwn begins a block with codes of these lengths.
func (z *inflater) openOwn(b *block, lit, dist []uint8) error {
	if err := z.own[0].build(lit, litValues[:], maxRoot); err != nil {
		return err
	}
	if err := z.own[1].build(dist, distValues[:], distRoot); err != nil {
		return err
	}
	z.own[0].pair()
	z.openCodes(b, lit, dist, &z.own)
	return nil
}

func (z *inflater) openCodes(b *block, lit, dist []uint8, d *[2]decoder) {
	b.lit, b.dist = lit, dist
	z.lit, z.dist, z.state = &d[0], &d[1], inCodes
}

// The codes of blocks without codes of their own: RFC 1951 §3.2.6.
var (
	fixedLit  = slices.Concat(lengthsOf(8, 144), lengthsOf(9, 112), lengthsOf(7, 24), lengthsOf(8, 8))
	fixedDist = lengthsOf(5, 32)
)

// fixedDecoders are the tables for them.
var fixedDecoders = func() (d [2]decoder) {
	if err := errors.Join(d[0].build(fixedLit, litValues[:], maxRoot), d[1].build(fixedDist, distValues[:], distRoot)); err != nil {
		panic(err)
	}
	d[0].pair()
	return d
}()

func lengthsOf(n uint8, times int) []uint8 { return slices.Repeat([]uint8{n}, times) }

// What a decoding table has for each symbol.
var (
	litValues   = literalEntries()
	distValues  = distanceEntries()
	plainValues = plainEntries()
)

func literalEntries() (t [288]entry) {
	for v := range 256 {
		t[v] = isLiteral | entry(v)<<16
	}
	t[endOfBlock] = endsBlock
	for i, base := range lengthBase {
		t[firstLength+i] = entry(base)<<16 | entry(lengthExtra[i])<<8
	}
	t[286], t[287] = isInvalid, isInvalid
	return t
}

func distanceEntries() (t [32]entry) {
	for i, base := range distBase {
		t[i] = entry(base)<<16 | entry(distExtra(i))<<8
	}
	t[30], t[31] = isInvalid, isInvalid
	return t
}

func plainEntries() (t [19]entry) {
	for i := range t {
		t[i] = entry(i) << 16
	}
	return t
}
