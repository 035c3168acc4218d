package stego

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
)

// strictInflater inflates a zlib stream and takes no more than zlib does: image/png lets pass
// distances beyond the window that the header declares, which libpng does not.
type strictInflater struct {
	in     []byte
	at     int // bit
	window int
	out    []byte
}

var errStrictCut = errors.New("stream is cut off")

// strictly inflates a whole stream: nothing may follow it.
func strictly(z []byte) ([]byte, error) {
	if len(z) < 6 || z[0]&15 != 8 || z[0]>>4 > 7 || (int(z[0])<<8|int(z[1]))%31 != 0 || z[1]&0x20 != 0 {
		return nil, errors.New("bad zlib header")
	}
	s := &strictInflater{in: z[2:], window: 256 << (z[0] >> 4)}
	for last := 0; last == 0; {
		last = s.bits(1)
		if err := s.block(s.bits(2)); err != nil {
			return nil, fmt.Errorf("behind %d bytes of %d: %w", len(s.out), s.at/8, err)
		}
	}
	tail := s.in[min(len(s.in), (s.at+7)/8):]
	if len(tail) != 4 || binary.BigEndian.Uint32(tail) != adler32.Checksum(s.out) {
		return nil, fmt.Errorf("%d bytes behind the last block, or a wrong Adler-32", len(tail))
	}
	return s.out, nil
}

// bits reads so many bits; behind the end they are 0.
func (s *strictInflater) bits(n int) (v int) {
	for i := range n {
		if s.at>>3 < len(s.in) {
			v |= int(s.in[s.at>>3]>>(s.at&7)&1) << i
		}
		s.at++
	}
	return v
}

func (s *strictInflater) block(kind int) error {
	switch kind {
	case 0:
		return s.stored()
	case 1:
		l, d := fixedCodes()
		return s.codes(l.lengths, d.lengths)
	case 2:
		return s.dynamic()
	}
	return errors.New("block type 3")
}

func (s *strictInflater) stored() error {
	s.at = (s.at + 7) &^ 7
	n, not := s.bits(16), s.bits(16)
	begin := s.at / 8
	if n != ^not&0xffff || begin+n > len(s.in) {
		return errors.New("bad stored length")
	}
	s.out = append(s.out, s.in[begin:begin+n]...)
	s.at += 8 * n
	return nil
}

// dynamic reads the codes of a block, which must be full, but for a single code of one bit.
func (s *strictInflater) dynamic() error {
	nl, nd, nc := s.bits(5)+257, s.bits(5)+1, s.bits(4)+4
	if nl > literalSymbols || nd > distanceSymbols {
		return errors.New("too many symbols")
	}
	lengths := make([]int, 19)
	for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:nc] {
		lengths[symbol] = s.bits(3)
	}
	code, err := newStrictCode(lengths, false)
	if err != nil {
		return err
	}
	var all []int
	for len(all) < nl+nd {
		symbol, err := s.symbol(code)
		if err != nil {
			return err
		}
		value, n := symbol, 1
		switch {
		case symbol == 16 && len(all) == 0:
			return errors.New("repeat of nothing")
		case symbol == 16:
			value, n = all[len(all)-1], 3+s.bits(2)
		case symbol == 17:
			value, n = 0, 3+s.bits(3)
		case symbol == 18:
			value, n = 0, 11+s.bits(7)
		}
		for range n {
			all = append(all, value)
		}
	}
	if len(all) > nl+nd || all[endOfBlock] == 0 {
		return errors.New("too many lengths, or no end of block")
	}
	return s.codes(all[:nl], all[nl:])
}

// strictCode decodes canonical codes by counting, RFC 1951 §3.2.2.
type strictCode struct {
	count   [16]int
	symbols []int
}

func newStrictCode(lengths []int, single bool) (c strictCode, err error) {
	longest := 0
	for n := 1; n <= 15; n++ {
		for s, l := range lengths {
			if l == n {
				c.count[n]++
				c.symbols = append(c.symbols, s)
				longest = n
			}
		}
	}
	left := 1
	for n := 1; n <= 15; n++ {
		left = left<<1 - c.count[n]
		if left < 0 {
			return c, errors.New("too full a code")
		}
	}
	if left > 0 && !(single && longest <= 1) {
		return c, errors.New("incomplete code")
	}
	return c, nil
}

func (s *strictInflater) symbol(c strictCode) (int, error) {
	code, first, index := 0, 0, 0
	for n := 1; n <= 15; n++ {
		code |= s.bits(1)
		if code-first < c.count[n] {
			if s.at > 8*len(s.in) {
				return 0, errStrictCut
			}
			return c.symbols[index+code-first], nil
		}
		index += c.count[n]
		first = (first + c.count[n]) << 1
		code <<= 1
	}
	return 0, errors.New("no such code")
}

// codes reads tokens until the end of the block.
func (s *strictInflater) codes(l, d []int) error {
	lit, err := newStrictCode(l, true)
	if err != nil {
		return err
	}
	dist, err := newStrictCode(d, true)
	if err != nil {
		return err
	}
	for {
		symbol, err := s.symbol(lit)
		switch {
		case err != nil:
			return err
		case symbol == endOfBlock:
			return nil
		case symbol < endOfBlock:
			s.out = append(s.out, byte(symbol))
			continue
		}
		if err := s.match(symbol-257, dist); err != nil {
			return err
		}
	}
}

func (s *strictInflater) match(l int, dist strictCode) error {
	if l >= len(zooLengthBase) {
		return errors.New("no such length")
	}
	length := zooLengthBase[l] + s.bits(zooLengthExtra[l])
	d, err := s.symbol(dist)
	if err != nil || d >= len(distanceBase) {
		return fmt.Errorf("no such distance: %v", err)
	}
	back := distanceBase[d] + s.bits(distanceExtra[d])
	if back > s.window || back > len(s.out) {
		return fmt.Errorf("distance %d in a window of %d, after %d bytes", back, s.window, len(s.out))
	}
	for range length {
		s.out = append(s.out, s.out[len(s.out)-back])
	}
	return nil
}
