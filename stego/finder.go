package stego

import "fmt"

// finder reads lowest bits out of an image's rows, as far as it is asked.
type finder struct {
	src    rows
	l      layout
	row    []byte
	y      int    // rows that were read
	bits   bitset // of their usable samples; or of classic
	behind int64  // samples up to the end of the row in which byRowVersion has its head end, or of the head where that is the last row
}

func newFinder(c *carrier) *finder {
	f := &finder{src: c.rows, l: c.info.layout()}
	if s, ok := c.rows.(source); ok {
		f.row = s.woven // which it has room for, and weaves nothing
	}
	return f
}

// next takes a row.
func (f *finder) next() error {
	if f.row == nil {
		f.row = make([]byte, f.l.row())
	}
	f.y++
	return f.src.next(f.row)
}

// read takes a row and the lowest bits of its usable samples.
func (f *finder) read() error {
	if err := f.next(); err != nil {
		return err
	}
	f.l.collect(&f.bits, f.row)
	if f.behind == 0 && f.bits.n >= headBits {
		if f.behind = f.bits.n; f.y == f.l.height {
			f.behind = headBits
		}
	}
	return nil
}

// head returns salt ‖ header box.
func (f *finder) head() ([]byte, error) {
	for f.bits.n < headBits {
		if f.y == f.l.height {
			return nil, fmt.Errorf("%w: the image is too small", ErrNoPayload)
		}
		if err := f.read(); err != nil {
			return nil, err
		}
	}
	return f.bits.bytes[:headSize], nil
}

// box returns the payload box that a header speaks of, after head.
func (f *finder) box(h header, place key) ([]byte, error) {
	begin, need := int64(headBits), windowNeed(int64(h.box), h.rate)
	if h.byRow {
		begin = f.behind
	}
	for f.y < f.l.height && (f.bits.n-begin < need || h.rate == 0) {
		if err := f.read(); err != nil {
			return nil, err
		}
	}
	switch {
	case f.bits.n-begin < need:
		return nil, &FormatError{Kind: "payload", Reason: "found, but damaged: the image does not hold its length"}
	case h.byRow:
		return f.scattered(int(h.box), begin, place), nil
	}
	return f.gather(int(h.box), begin, place), nil
}

// gather reads the codewords of the window.
func (f *finder) gather(size int, begin int64, place key) []byte {
	box := make([]byte, size)
	c := newCodewords(f.bits.n-begin, size, place)
	for i := range c.count {
		chunk, at := c.at(i)
		c.put(box, chunk, c.syndrome(f.bits.bytes, begin+at))
	}
	return box
}

// scattered is gather for byRowVersion, each of whose bits has a sample of its own.
func (f *finder) scattered(size int, begin int64, place key) []byte {
	box := make([]byte, size)
	p := newPermutation(uint64(f.bits.n-begin), place)
	for i := range uint64(size) * 8 {
		box[i/8] |= bit(f.bits.bytes, begin+int64(p.at(i))) << (7 - i%8)
	}
	return box
}

// classic returns the first n bytes of the classic format.
func (f *finder) classic(n int) ([]byte, error) {
	for f.bits.n < int64(n)*8 && f.y < f.l.height {
		if err := f.next(); err != nil {
			return nil, err
		}
		f.l.all().collect(&f.bits, f.row)
	}
	if f.bits.n < int64(n)*8 {
		return nil, fmt.Errorf("%w of format classic: the image is too small", ErrNoPayload)
	}
	return f.bits.bytes[:n], nil
}
