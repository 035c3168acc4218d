package stego

import (
	"errors"
	"slices"
)

// open reads the header of a block: RFC 1951 §3.2.3.
func (z *inflater) open() error {
	b := &block{tok: len(z.toks)}
	v, err := z.note(b, 3)
	if err != nil {
		return err
	}
	b.final = v&1 == 1
	switch v >> 1 {
	case 0:
		err = z.openStored(b)
	case 1:
		err = z.openCodes(b, fixedLit, fixedDist)
	case 2:
		err = z.openDynamic(b)
	default:
		err = errBlock
	}
	if z.blocks = append(z.blocks, b); len(z.blocks) > 4<<10+len(z.raw)/64 {
		return errIdle
	}
	return err
}

// note takes bits of a block's header, and keeps them.
func (z *inflater) note(b *block, k uint) (uint64, error) {
	v, err := z.take(k)
	w := bitWriter{out: b.head, acc: 0, n: 0}
	if free := b.bits % 8; free != 0 { // go on in the last byte
		last := len(b.head) - 1
		w.acc, w.n, w.out = uint64(b.head[last]), free, b.head[:last]
	}
	w.put(v, k)
	w.align()
	b.head = w.out
	b.bits += k
	return v, err
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
	v, err := z.note(b, 14)
	if err != nil {
		return err
	}
	lits, dists, sent := int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4
	if lits > litSymbols || dists > distSymbols {
		return errLengths
	}
	var lengths [19]uint8
	for _, s := range codeOrder[:sent] {
		if v, err = z.note(b, 3); err != nil {
			return err
		}
		lengths[s] = uint8(v)
	}
	if err := z.own[0].build(lengths[:], plainValues[:], 7); err != nil {
		return err
	}
	all, err := z.codeLengths(b, lits+dists)
	if err != nil {
		return err
	}
	if all[endOfBlock] == 0 {
		return errNoEnd
	}
	return z.openCodes(b, all[:lits], all[lits:])
}

// codeLengths reads so many code lengths, whose repetitions may cross from one alphabet to the other.
func (z *inflater) codeLengths(b *block, want int) ([]uint8, error) {
	all := make([]uint8, 0, want)
	for len(all) < want {
		s, err := z.noteSymbol(b)
		if err != nil {
			return nil, err
		}
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
		v, err := z.note(b, extra)
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

// noteSymbol reads a code length code, whose table is in lit for now, and keeps its bits.
func (z *inflater) noteSymbol(b *block) (int, error) {
	for {
		e := z.own[0].find(z.acc & (1<<z.n - 1))
		if k := e.bits(); k > 0 && k <= z.n {
			_, err := z.note(b, k)
			return e.value(), err
		}
		if z.n >= maxCode {
			return 0, errSymbol
		}
		if err := z.pull(); err != nil {
			return 0, err
		}
	}
}

// openCodes begins a block with these code lengths.
func (z *inflater) openCodes(b *block, lit, dist []uint8) error {
	b.lit, b.dist = lit, dist
	if z.lit, z.dist = &fixedDecoders[0], &fixedDecoders[1]; b.bits > 3 {
		if err := z.own[0].build(lit, litValues[:], maxRoot); err != nil {
			return err
		}
		if err := z.own[1].build(dist, distValues[:], distRoot); err != nil {
			return err
		}
		z.own[0].pair()
		z.lit, z.dist = &z.own[0], &z.own[1]
	}
	z.state = inCodes
	b.begin = z.bit()
	return nil
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
