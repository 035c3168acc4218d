package stego

// rows is an image on its way, row by row.
type rows interface {
	// next fills dst, which is exactly one row long.
	next(dst []byte) error
	// finish is called once, after the last row: it checks what follows them.
	finish() error
}

// weaver is a stream of rows that carries a v1 embedding.
type weaver struct {
	src     rows
	l       layout
	e       *Embedding
	tally   tally
	signs   *signs
	planned bool
	marks   marks
	at      int64    // next usable sample of the window
	ahead   [][]byte // rows read to find the window's end
	changed int64
}

func newWeaver(src rows, l layout, e *Embedding) *weaver {
	return &weaver{src: src, l: l, e: e, tally: newTally(l), signs: newSigns(e.Change)}
}

func (w *weaver) next(dst []byte) error {
	if err := w.pull(dst); err != nil {
		return err
	}
	y := w.tally.y
	head, from := w.tally.add(w.l.usable(dst))
	if !w.planned && w.tally.window > 0 {
		if err := w.plan(); err != nil {
			return err
		}
	}
	w.weave(dst, y, head, from)
	return nil
}

// pull takes the next row: one that was read ahead, else from the source.
func (w *weaver) pull(dst []byte) error {
	if len(w.ahead) == 0 {
		return w.src.next(dst)
	}
	copy(dst, w.ahead[0])
	w.ahead[0] = nil
	w.ahead = w.ahead[1:]
	return nil
}

// plan finds the window's size, whose first row was just tallied, and places the payload in it.
func (w *weaver) plan() error {
	need, size := w.e.need(), w.tally.window
	for y := w.tally.y; y < w.l.height && (size < need || w.e.Rate == 0); y++ {
		more := w.l.perRow()
		if w.l.model.Alpha() {
			row := make([]byte, w.l.row())
			if err := w.src.next(row); err != nil {
				return err
			}
			w.ahead = append(w.ahead, row)
			more = w.l.usable(row)
		}
		size += int64(more)
	}
	if size < need {
		return w.short(size)
	}
	w.marks, w.planned = newMarks(size, w.e.Sealed[headSize:], w.e.Place), true
	return nil
}

// short is the error of an image whose window has only so many usable samples.
func (w *weaver) short(window int64) error {
	rate := max(1, int64(w.e.Rate))
	return &CapacityError{Need: int64(len(w.e.Sealed) - headSize - tagSize), Have: max(0, window/(8*rate)-tagSize)}
}

// done reports whether all of the payload is in the rows that went by.
func (w *weaver) done() bool { return w.planned && w.at >= w.marks.n }

// weave changes row y, of whose usable samples the first carry the head and
// those from a number on belong to the window.
func (w *weaver) weave(row []byte, y, head, from int) {
	if head == 0 && w.at >= w.marks.n {
		return
	}
	base, done, n := int64(y)*int64(w.l.perRow()), headBits-int64(w.tally.head)-int64(head), 0
	if head == 0 && !w.l.model.Alpha() {
		w.weaveOpaque(row, base, from)
		return
	}
	w.l.walk(row, func(at, index int) bool {
		carries, value := false, byte(0)
		switch {
		case n < head:
			carries, value = true, bit(w.e.Sealed, done+int64(n))
		case n >= from && w.at < w.marks.n:
			carries, value = w.marks.at(w.at)
			w.at++
		default: // what follows the head in its row, or the window in its last, carries nothing
			return false
		}
		if carries && row[at]&1 != value {
			w.l.nudge(row, at, w.signs.up(base+int64(index)))
			w.changed++
		}
		n++
		return true
	})
}

// weaveOpaque is weave for a row of the window all of whose samples are usable: it looks only at those that carry a bit.
func (w *weaver) weaveOpaque(row []byte, base int64, from int) {
	size := w.l.sample()
	n := min(int64(w.l.perRow()-from), w.marks.n-w.at)
	for i := w.marks.next(w.at, w.at+n); i < w.at+n; i = w.marks.next(i+1, w.at+n) {
		index := int(i-w.at) + from
		at := index*size + size - 1
		if _, value := w.marks.at(i); row[at]&1 != value {
			w.l.nudge(row, at, w.signs.up(base+int64(index)))
			w.changed++
		}
	}
	w.at += n
}

func (w *weaver) finish() error {
	if !w.planned {
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
