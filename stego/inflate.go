package stego

import "encoding/binary"

// inflater decodes a zlib stream (RFC 1950, RFC 1951) and, unlike others, remembers how: the tokens that the bytes came of
// and the codes of each block. It can stop behind any token, and then knows which bit comes next. Whoever uses it drops
// what is no longer needed of raw, toks and blocks; the last 32 KiB of raw stay.
type inflater struct {
	more func() ([]byte, error) // the stream's next bytes, valid until the next call; io.EOF after the last
	in   []byte                 // of the stream, from byte gone on; those not yet in acc begin at pos
	gone int64
	pos  int
	acc  uint64 // the next n bits; what is above them is not to be looked at
	n    uint

	raw    []byte  // what came out
	toks   []token // what it came of
	ends   []int64 // the bit of the stream behind each of them
	sealed int     // tokens that are not extended any more
	from   int64   // the bit of the stream from which on in is wanted
	blocks []*block
	state  inflateState
	left   int  // of a stored block
	skims  bool // no tokens are recorded, nor are blocks once they ended

	lit, dist *decoder // of the block
	own       [2]decoder
}

// block is a deflate block: how it began, and its codes.
type block struct {
	tok    int // the first of its tokens, counted in inflater.toks
	final  bool
	stored bool
	ended  bool    // all of its tokens are there
	begin  int64   // the bit behind its header
	head   []byte  // its header, from its first bit on; not of a stored one, nor where the inflater skims
	bits   uint    // of the header
	lit    []uint8 // code lengths
	dist   []uint8
	enc    *encoder // made when first wanted
}

type inflateState uint8

const (
	atBlock inflateState = iota // between two blocks
	inStored
	inCodes
	atEnd // behind the last block
)

// deflateError is what is wrong with a stream.
type deflateError string

func (e deflateError) Error() string { return string(e) }

const (
	errZlib    deflateError = "not a zlib stream of deflate data without dictionary"
	errStored  deflateError = "length of a stored block and its complement disagree"
	errBlock   deflateError = "block of the reserved type"
	errCodes   deflateError = "impossible Huffman codes"
	errNoEnd   deflateError = "block without a code for its end"
	errSymbol  deflateError = "bits that are no code"
	errFar     deflateError = "match from before the beginning"
	errAdler   deflateError = "wrong Adler-32"
	errIdle    deflateError = "megabytes of blocks with next to nothing in them"
	errLengths deflateError = "more code lengths than there are symbols"
)

// run decodes until raw has at least so many bytes, and stops behind the token that brings them, or at the stream's end.
func (z *inflater) run(most int) error {
	if z.sealed = len(z.toks); z.skims {
		z.from = z.bit()
	}
	for len(z.raw) < most && z.state != atEnd {
		var err error
		switch z.state {
		case atBlock:
			err = z.open()
		case inStored:
			err = z.copyStored(most)
		case inCodes:
			err = z.decode(most)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// toEnd decodes what follows the last byte: the ends of blocks, empty blocks.
func (z *inflater) toEnd(size int) error {
	for z.state != atEnd && len(z.raw) <= size {
		if err := z.run(size + 1); err != nil {
			return err
		}
	}
	return nil
}

// header reads the two bytes that a zlib stream begins with: RFC 1950 §2.2. It is called first.
func (z *inflater) header() ([2]byte, error) {
	v, err := z.take(16)
	method, flags := byte(v), byte(v>>8)
	if err == nil && (method&0xf != 8 || method>>4 > 7 || (uint(method)<<8|uint(flags))%31 != 0 || flags&0x20 != 0) {
		err = errZlib
	}
	return [2]byte{method, flags}, err
}

// pull takes bytes into acc, one at least, for which there must be room.
func (z *inflater) pull() error {
	for z.pos == len(z.in) {
		p, err := z.more()
		if err != nil {
			return err
		}
		if n := int(z.from/8 - z.gone); n >= len(z.in)/2 { // what is dropped pays for moving the rest
			z.in = append(z.in[:0], z.in[n:]...)
			z.gone += int64(n)
			z.pos -= n
		}
		if z.in = append(z.in, p...); len(z.in) > 4<<20+2*len(z.raw) {
			return errIdle
		}
	}
	z.acc &= 1<<z.n - 1
	if z.pos+8 <= len(z.in) {
		z.acc |= binary.LittleEndian.Uint64(z.in[z.pos:]) << z.n
		z.pos += int(63-z.n) >> 3
		z.n |= 56
		return nil
	}
	z.acc |= uint64(z.in[z.pos]) << z.n
	z.pos++
	z.n += 8
	return nil
}

// need has at least k bits in acc.
func (z *inflater) need(k uint) error {
	for z.n < k {
		if err := z.pull(); err != nil {
			return err
		}
	}
	return nil
}

// take returns the next k bits, at most 32.
func (z *inflater) take(k uint) (uint64, error) {
	if err := z.need(k); err != nil {
		return 0, err
	}
	v := z.acc & (1<<k - 1)
	z.drop(k)
	return v, nil
}

func (z *inflater) drop(k uint) {
	z.acc >>= k
	z.n -= k
}

// symbol returns the entry of the code that comes next.
func (z *inflater) symbol(d *decoder) (entry, error) {
	for {
		e := d.find(z.acc & (1<<z.n - 1))
		switch k := e.bits(); {
		case k > 0 && k <= z.n && e&isInvalid == 0:
			z.drop(k)
			return e, nil
		case z.n >= maxCode:
			return e, errSymbol
		}
		if err := z.pull(); err != nil {
			return 0, err
		}
	}
}

// copyStored copies what is there of a stored block.
func (z *inflater) copyStored(most int) error {
	for z.left > 0 && len(z.raw) < most {
		if z.n > 0 { // whole bytes that were read ahead
			v, _ := z.take(8)
			z.raw = append(z.raw, byte(v))
			z.left--
			z.record(1, z.bit())
			continue
		}
		if z.pos == len(z.in) {
			if err := z.pull(); err != nil {
				return err
			}
			continue
		}
		k := min(z.left, most-len(z.raw), len(z.in)-z.pos)
		z.raw = append(z.raw, z.in[z.pos:z.pos+k]...)
		z.pos += k
		z.left -= k
		z.record(k, z.bit())
	}
	if z.left == 0 {
		z.close()
	}
	return nil
}

// bit returns which bit of the stream comes next.
func (z *inflater) bit() int64 { return (z.gone+int64(z.pos))*8 - int64(z.n) }

// record notes n more literals, which end at a bit of the stream.
func (z *inflater) record(n int, end int64) {
	if n == 0 || z.skims {
		return
	}
	if last := len(z.toks) - 1; last >= max(z.sealed, z.blocks[len(z.blocks)-1].tok) && z.toks[last]&isMatch == 0 && int(z.toks[last]) < maxRun-n {
		z.toks[last] += token(n)
		z.ends[last] = end
		return
	}
	z.toks, z.ends = append(z.toks, literals(n)), append(z.ends, end)
}

// close ends the block.
func (z *inflater) close() {
	last := len(z.blocks) - 1
	b := z.blocks[last]
	b.ended = true
	z.state = atBlock
	if b.final {
		z.state = atEnd
	}
	if b.tok == len(z.toks) { // nothing came of it: there may be any number of such
		z.blocks = z.blocks[:last]
		if b.tok == 0 {
			z.from = z.bit()
		}
	}
}

// decode decodes tokens of the block until raw has so many bytes or the block ends.
func (z *inflater) decode(most int) error {
	for len(z.raw) < most && z.state == inCodes {
		if err := z.decodeFast(most); err != nil {
			return err
		}
		if len(z.raw) < most && z.state == inCodes {
			if err := z.decodeOne(); err != nil {
				return err
			}
		}
	}
	return nil
}

// decodeOne decodes one token, and asks for input when there is none left: it is for the few near the end of what is there.
func (z *inflater) decodeOne() error {
	e, err := z.symbol(z.lit)
	switch {
	case err != nil:
		return err
	case e&isLiteral != 0:
		z.raw = append(z.raw, byte(e.value()))
		z.record(1, z.bit())
		return nil
	case e&endsBlock != 0:
		z.close()
		return nil
	}
	more, err := z.take(e.extra())
	if err != nil {
		return err
	}
	length := e.value() + int(more)
	if e, err = z.symbol(z.dist); err != nil {
		return err
	}
	if more, err = z.take(e.extra()); err != nil {
		return err
	}
	return z.repeat(length, e.value()+int(more))
}

// repeat appends a match.
func (z *inflater) repeat(length, dist int) error {
	at := len(z.raw) - dist
	if at < 0 {
		return errFar
	}
	if !z.skims {
		z.toks, z.ends = append(z.toks, match(length, dist)), append(z.ends, z.bit())
	}
	for end := len(z.raw) + length; len(z.raw) < end; { // what was just appended may be repeated as well
		z.raw = append(z.raw, z.raw[at:min(len(z.raw), at+end-len(z.raw))]...)
	}
	return nil
}

// rest returns what follows the last bit that was used: first the byte that it is in, if it is not that byte's last, and
// how many bits of it were used.
func (z *inflater) rest() (bytes []byte, used uint) {
	whole := int(z.n / 8)
	used = (8 - z.n%8) % 8
	at := z.pos - whole
	if used > 0 {
		at--
	}
	return z.in[at:], used
}
