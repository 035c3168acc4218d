package stego

import "fmt"

// finder reads lowest bits out of an image's rows, as far as it is asked.
type finder struct {
	src   rows
	l     layout
	row   []byte
	tally tally
	bits  bitset // of the head, then of the window; or of classic
}

func newFinder(c *carrier) *finder {
	l := c.info.layout()
	return &finder{src: c.rows, l: l, tally: newTally(l)}
}

// read takes the next row and returns where its samples belong.
func (f *finder) read() (head, from int, err error) {
	if f.row == nil {
		f.row = make([]byte, f.l.row())
	}
	if err := f.src.next(f.row); err != nil {
		return 0, 0, err
	}
	head, from = f.tally.add(f.l.usable(f.row))
	return head, from, nil
}

// collect appends the lowest bits of the row's usable samples begin … end−1.
func (f *finder) collect(l layout, begin, end int) {
	if begin >= end {
		return
	}
	if !l.model.Alpha() && begin == 0 {
		f.bits.pushLowest(f.row, l.sample(), min(end, l.perRow()))
		return
	}
	n := 0
	l.walk(f.row, func(at, _ int) bool {
		if n >= begin && n < end {
			f.bits.push(f.row[at] & 1)
		}
		n++
		return n < end
	})
}

// head returns salt ‖ header box. The bits that are kept afterwards are the window's.
func (f *finder) head() ([]byte, error) {
	for f.tally.y < f.l.height {
		head, from, err := f.read()
		if err != nil {
			return nil, err
		}
		f.collect(f.l, 0, head)
		if f.tally.head == 0 {
			out := f.bits.bytes
			f.bits = bitset{}
			f.collect(f.l, from, f.l.perRow())
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: the image is too small", ErrNoPayload)
}

// box returns the payload box of some bytes, after head.
func (f *finder) box(size int, rate uint8, place key) ([]byte, error) {
	need := windowNeed(int64(size), rate)
	for f.tally.y < f.l.height && (f.bits.n < need || rate == 0) {
		_, from, err := f.read()
		if err != nil {
			return nil, err
		}
		f.collect(f.l, from, f.l.perRow())
	}
	if f.bits.n < need {
		return nil, &FormatError{Kind: "payload", Reason: "found, but damaged: the image does not hold its length"}
	}
	return f.gather(size, place), nil
}

// gather puts the bits of the window back in order.
func (f *finder) gather(size int, place key) []byte {
	box, bits := make([]byte, size), f.bits.bytes
	p := newPermutation(uint64(f.bits.n), place)
	for i := range box {
		high, low := p.four(uint64(i)*8), p.four(uint64(i)*8+4)
		box[i] = nibble(bits, &high)<<4 | nibble(bits, &low)
	}
	return box
}

// nibble joins four bits.
func nibble(bits []byte, at *[4]uint64) byte {
	return bit(bits, int64(at[0]))<<3&8 | bit(bits, int64(at[1]))<<2&4 | bit(bits, int64(at[2]))<<1&2 | bit(bits, int64(at[3]))&1
}

// classic returns the first n bytes of the classic format.
func (f *finder) classic(n int) ([]byte, error) {
	for f.bits.n < int64(n)*8 && f.tally.y < f.l.height {
		if _, _, err := f.read(); err != nil {
			return nil, err
		}
		f.collect(f.l.all(), 0, f.l.perRow())
	}
	if f.bits.n < int64(n)*8 {
		return nil, fmt.Errorf("%w of format classic: the image is too small", ErrNoPayload)
	}
	return f.bits.bytes[:n], nil
}
