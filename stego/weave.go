package stego

import "slices"

// rows is an image on its way, row by row.
type rows interface {
	// next fills dst, which is exactly one row long.
	next(dst []byte) error
	// finish is called once, after the last row: it checks what follows them.
	finish() error
}

// weaver is a stream of rows that carries a v1 embedding. It numbers the usable samples from the image's first on.
type weaver struct {
	src   rows
	l     layout
	e     *Embedding
	signs *signs

	known  bool       // another reading of the carrier has told what follows
	seen   int        // rows that were read
	usable int64      // samples in them
	ahead  []byte     // those of them that were not given away yet
	lowest bitset     // the lowest bits of head and window, as far as they were read
	end    int64      // of the window, once it is known
	box    *codewords // nil until the window is known

	y       int     // rows that were given away
	at      int64   // the sample that comes next
	head    int64   // the head's bit that comes next
	place   int64   // the window's place that comes next
	due     []int64 // the samples that change, of those before
	changed int64
}

func newWeaver(src rows, l layout, e *Embedding) *weaver {
	return &weaver{src: src, l: l, e: e, signs: newSigns(e.Change)}
}

func (w *weaver) next(dst []byte) error {
	if err := w.pull(dst); err != nil {
		return err
	}
	if w.box == nil && w.usable > headBits {
		if err := w.plan(); err != nil {
			return err
		}
	}
	behind := w.at + int64(w.l.usable(dst))
	if err := w.decide(behind); err != nil {
		return err
	}
	if len(w.due) > 0 && w.due[0] < behind {
		w.weave(dst, behind)
	}
	w.at = behind
	w.y++
	return nil
}

// pull takes the next row: one that was read ahead, else from the source.
func (w *weaver) pull(dst []byte) error {
	if len(w.ahead) == 0 {
		return w.read(dst)
	}
	w.ahead = w.ahead[copy(dst, w.ahead):]
	return nil
}

// read takes a row from the source.
func (w *weaver) read(row []byte) error {
	if err := w.src.next(row); err != nil || w.known {
		return err
	}
	if w.end == 0 || w.lowest.n < w.end {
		w.l.collect(&w.lowest, row)
	}
	w.usable += int64(w.l.usable(row))
	w.seen++
	return nil
}

// readAhead takes a row before its turn.
func (w *weaver) readAhead() error {
	n := len(w.ahead)
	w.ahead = append(w.ahead, make([]byte, w.l.row())...)
	return w.read(w.ahead[n:])
}

// plan finds the window's size, whose first sample was just read, and divides it.
func (w *weaver) plan() error {
	need := headBits + w.e.need()
	for w.unforeseen() {
		if err := w.readAhead(); err != nil {
			return err
		}
	}
	w.end = w.usable
	for y := w.seen; y < w.l.height && (w.end < need || w.e.Rate == 0); y++ {
		w.end += int64(w.l.perRow())
	}
	if w.end < need {
		return w.short(w.end - headBits)
	}
	w.lowest.bytes = slices.Grow(w.lowest.bytes, int((w.end-w.lowest.n)/8)+2)
	w.box = newCodewords(w.end-headBits, len(w.e.Sealed)-headSize, w.e.Place)
	return nil
}

// short is the error of an image whose window has only so many usable samples.
func (w *weaver) short(window int64) error {
	rate := max(1, int64(w.e.Rate))
	return &CapacityError{Need: int64(len(w.e.Sealed) - headSize - tagSize), Have: max(0, window/(8*rate)-tagSize)}
}

// done reports whether the rows that went by have all of the window, which is what a reader decodes.
func (w *weaver) done() bool { return w.box != nil && w.at >= w.end }

// decide finds out which samples change in the codewords that begin before one.
func (w *weaver) decide(end int64) error {
	for ; w.head < min(headBits, end); w.head++ {
		if err := w.choose(plainCode, w.head, plainCode.chunk(w.e.Sealed, w.head)); err != nil {
			return err
		}
	}
	for ; w.box != nil && w.place < w.box.count; w.place++ {
		chunk, at := w.box.at(w.place)
		if at += headBits; at >= end {
			return nil
		}
		if err := w.choose(w.box, at, w.box.chunk(w.e.Sealed[headSize:], chunk)); err != nil {
			return err
		}
	}
	return nil
}

// choose finds out which sample of a codeword changes.
func (w *weaver) choose(c *codewords, at int64, want uint) error {
	for w.lowest.n < at+c.samples() {
		if w.known { // what was found out before is of other rows
			return errChanged
		}
		if err := w.readAhead(); err != nil {
			return err
		}
	}
	if change := c.syndrome(w.lowest.bytes, at) ^ want; change != 0 {
		w.due = append(w.due, at+int64(change)-1)
	}
	return nil
}

// weave changes those samples of a row, which ends before one, that are due.
func (w *weaver) weave(row []byte, behind int64) {
	base, size, late := int64(w.y)*int64(w.l.perRow()), w.l.sample(), 0
	change := func(at, index int) {
		w.l.nudge(row, at, w.signs.up(base+int64(index)))
		w.changed++
		late++
	}
	n := w.at
	if w.l.model.Alpha() {
		w.l.walk(row, func(at, index int) bool {
			if w.due[late] == n {
				change(at, index)
			}
			n++
			return late < len(w.due)
		})
	}
	for late < len(w.due) && w.due[late] < behind { // of samples all of which are usable
		index := int(w.due[late] - n)
		change(index*size+size-1, index)
	}
	w.due = append(w.due[:0], w.due[late:]...)
}

func (w *weaver) finish() error {
	if w.box == nil {
		return w.short(0)
	}
	return w.src.finish()
}

// replacer is a stream of rows that carries a classic embedding.
type replacer struct {
	src     rows
	l       layout
	sealed  []byte
	at      int64
	changed int64
}

func (r *replacer) next(dst []byte) error {
	if err := r.src.next(dst); err != nil {
		return err
	}
	r.l.all().walk(dst, func(at, _ int) bool {
		if r.at >= int64(len(r.sealed))*8 {
			return false
		}
		if v := bit(r.sealed, r.at); dst[at]&1 != v {
			dst[at] ^= 1
			r.changed++
		}
		r.at++
		return true
	})
	return nil
}

func (r *replacer) done() bool { return r.at >= int64(len(r.sealed))*8 }

func (r *replacer) finish() error { return r.src.finish() }

// widener is a stream of rows in which gray has become red, green and blue.
type widener struct {
	src  rows
	from layout
	row  []byte
}

func (w *widener) next(dst []byte) error {
	if w.row == nil {
		w.row = make([]byte, w.from.row())
	}
	if err := w.src.next(w.row); err != nil {
		return err
	}
	size, step, at := w.from.sample(), w.from.pixel(), 0
	for p := 0; p < len(w.row); p += step {
		for range 3 {
			at += copy(dst[at:], w.row[p:p+size])
		}
		at += copy(dst[at:], w.row[p+size:p+step])
	}
	return nil
}

func (w *widener) finish() error { return w.src.finish() }
