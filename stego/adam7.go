package stego

// pass is one of the seven reduced images of an interlaced PNG.
type pass struct{ x, y, dx, dy int }

var passes = [7]pass{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}

// size returns the pixels of a pass across and down.
func (p pass) size(h ihdr) (width, height int) {
	across := func(n int64, from, step int) int { return max(0, (int(n)-from+step-1)/step) }
	return across(h.width, p.x, p.dx), across(h.height, p.y, p.dy)
}

// adam7 puts the rows of an interlaced PNG together. It keeps the lines of all
// passes, each allocated when it arrives, never on the header's word.
type adam7 struct {
	lines *lineReader
	h     ihdr
	y     int
	kept  [7][][]byte
	ready bool
}

func (a *adam7) read(dst []byte) error {
	if !a.ready {
		for i := range passes {
			if err := a.readPass(i); err != nil {
				return err
			}
		}
		a.ready = true
	}
	clear(dst)
	for i, p := range passes {
		if (a.y-p.y)%p.dy == 0 && a.y >= p.y && len(a.kept[i]) > 0 {
			a.place(dst, a.kept[i][0], p)
			a.kept[i][0] = nil // it is needed no more
			a.kept[i] = a.kept[i][1:]
		}
	}
	a.y++
	return nil
}

// readPass reads all lines of one pass.
func (a *adam7) readPass(i int) error {
	width, height := passes[i].size(a.h)
	if width == 0 || height == 0 {
		return nil
	}
	bytes := a.h.rowBytes(int64(width))
	a.lines.resize(bytes, a.h.bits())
	for range height {
		line := make([]byte, bytes)
		if err := a.lines.read(line); err != nil {
			return err
		}
		a.kept[i] = append(a.kept[i], line)
	}
	return nil
}

// place puts a line's pixels where they belong in a row.
func (a *adam7) place(dst, line []byte, p pass) {
	bits := a.h.bits()
	if bits >= 8 {
		size := bits / 8
		for at := p.x * size; len(line) >= size && at < len(dst); at += p.dx * size {
			copy(dst[at:at+size], line)
			line = line[size:]
		}
		return
	}
	for x, n := p.x, 0; x < int(a.h.width); x, n = x+p.dx, n+1 {
		v := small(line, n, bits)
		dst[x*bits/8] |= v << (8 - bits - x*bits%8)
	}
}

// small returns sample n of a line whose samples are less than 8 bits.
func small(line []byte, n, bits int) byte {
	return line[n*bits/8] >> (8 - bits - n*bits%8) & (1<<bits - 1)
}
