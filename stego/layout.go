package stego

// layout is the shape of an image's rows as PNG stores them: samples of 8 or 16
// bits, big endian, alpha last.
type layout struct {
	width, height int
	model         Model
	depth         int
	whole         bool // whole: transparent pixels are visited too
}

// sample returns the bytes of one sample.
func (l layout) sample() int { return l.depth / 8 }

// pixel returns the bytes of one pixel.
func (l layout) pixel() int { return l.model.channels() * l.sample() }

// row returns the bytes of one row.
func (l layout) row() int { return l.width * l.pixel() }

// perRow returns the colour samples of one row.
func (l layout) perRow() int { return l.width * l.model.Colors() }

// usable counts the usable samples of a row: none of a pixel whose alpha is 0.
func (l layout) usable(row []byte) int {
	if !l.model.Alpha() {
		return l.perRow()
	}
	n, step := 0, l.pixel()
	for end := step; end <= len(row); end += step {
		if l.visible(row[:end]) {
			n++
		}
	}
	return n * l.model.Colors()
}

// visible reports whether the pixel that ends with b has an alpha other than 0.
func (l layout) visible(b []byte) bool {
	if l.depth == 16 {
		return b[len(b)-1]|b[len(b)-2] != 0
	}
	return b[len(b)-1] != 0
}

// walk calls visit with each usable sample of a row, in order, until it says
// false: at is the offset of the sample's low byte, index its number among the
// row's colour samples, usable or not.
func (l layout) walk(row []byte, visit func(at, index int) bool) {
	step, size, colors, alpha := l.pixel(), l.sample(), l.model.Colors(), l.model.Alpha() && !l.whole
	index := 0
	for begin := 0; begin+step <= len(row); begin += step {
		if alpha && !l.visible(row[:begin+step]) {
			index += colors
			continue
		}
		for at := begin + size - 1; at < begin+colors*size; at += size {
			if !visit(at, index) {
				return
			}
			index++
		}
	}
}

// collect appends the lowest bits of a row's usable samples.
func (l layout) collect(to *bitset, row []byte) {
	if !l.model.Alpha() {
		to.pushLowest(row, l.sample(), l.perRow())
		return
	}
	l.walk(row, func(at, _ int) bool {
		to.push(row[at] & 1)
		return true
	})
}

// nudge changes the sample whose low byte is at by one, up or down; 0 and the
// greatest value go inward.
func (l layout) nudge(row []byte, at int, up bool) {
	if l.depth == 8 {
		row[at] = byte(step(int(row[at]), 0xff, up))
		return
	}
	v := step(int(row[at-1])<<8|int(row[at]), 0xffff, up)
	row[at-1], row[at] = byte(v>>8), byte(v)
}

// step returns v ± 1, within 0 and most.
func step(v, most int, up bool) int {
	if v == 0 || (up && v != most) {
		return v + 1
	}
	return v - 1
}

// all returns the layout with which walk visits the colour samples of every
// pixel, transparent ones too, as classic counts them.
func (l layout) all() layout {
	l.whole = true
	return l
}
