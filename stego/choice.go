package stego

import (
	"bytes"
	"math/bits"
	"sync"
)

const (
	sampleSize = 32 << 10 // bytes of a band that are looked at to choose
	pieceSize  = 4 << 10  // at most so many of a row: several rows show how they repeat
)

// choice is how a band is filtered and deflated.
type choice struct {
	filter   byte
	matching bool
}

// sample is a piece of a band: some rows, or a part of one, and the row above.
type sample struct {
	cur, prior [][]byte
	step       int
}

// sample takes rows in the middle of the band, of long ones a piece in the middle.
func (b *band) sample() sample {
	row, s := b.l.row(), sample{step: b.l.pixel()}
	size := min(row, pieceSize/s.step*s.step)
	from := (row - size) / 2 / s.step * s.step
	n := min(b.n, sampleSize/size)
	for y := (b.n - n) / 2; len(s.cur) < n; y++ {
		prior, cur := b.rows[y*row:(y+1)*row], b.rows[(y+1)*row:(y+2)*row]
		s.cur, s.prior = append(s.cur, cur[from:from+size]), append(s.prior, prior[from:from+size])
	}
	return s
}

// filtered appends the sample with a filter on it.
func (s sample) filtered(dst []byte, filter byte) []byte {
	for i, cur := range s.cur {
		dst = appendFiltered(dst, filter, cur, s.prior[i], s.step)
	}
	return dst
}

// trial is what choose needs room for.
type trial struct {
	s     sample
	lines []byte
	count [256]int32
	bits  [256]uint8 // of each value's code
	tree  tree
	heads heads
	out   bytes.Buffer
}

var trials = sync.Pool{New: func() any { return new(trial) }}

// choose finds the filter of whose bytes Huffman codes make least. Matching costs
// five times more, so it must save a tenth, and is tried only where an estimate
// promises half of that with one of the two filters that it commonly likes best:
// on photographs hardly ever.
func choose(s sample) choice {
	t := trials.Get().(*trial)
	t.s = s
	defer t.release()
	best, least := t.best([]byte{paethFilter, averageFilter, upFilter, leftFilter, noFilter}, t.coded)
	out := choice{filter: best}
	if _, bits := t.best([]byte{upFilter, noFilter}, t.matched); bits > least-least/20 {
		return out
	}
	least -= least / 10
	for _, f := range []byte{best, upFilter, noFilter} {
		if bits := t.tried(f); bits < least {
			out, least = choice{f, true}, bits
		}
	}
	return out
}

// release lets others use t, and lets go of the band.
func (t *trial) release() {
	t.s = sample{}
	trials.Put(t)
}

// best returns the filter that costs least, and what it costs.
func (t *trial) best(of []byte, cost func(filter byte) int64) (best byte, least int64) {
	least = 1 << 62
	for _, f := range of {
		if bits := cost(f); bits < least {
			best, least = f, bits
		}
	}
	return best, least
}

// coded returns how many bits Huffman codes would make of the sample.
func (t *trial) coded(filter byte) int64 {
	t.filter(filter)
	t.count = histogram(t.lines)
	t.tree.lengths(&t.count, &t.bits)
	sum := int64(0)
	for v, n := range t.count {
		sum += int64(n) * int64(t.bits[v])
	}
	return sum
}

// matched returns about how many bits matching would make of it.
func (t *trial) matched(filter byte) int64 {
	return t.coded(filter) - t.heads.saving(t.lines, &t.bits)
}

// tried returns how many bits matching does make of it.
func (t *trial) tried(filter byte) int64 {
	t.filter(filter)
	t.out.Reset()
	deflate(&t.out, t.lines, nil, true)
	return int64(t.out.Len()) * 8
}

func (t *trial) filter(f byte) { t.lines = t.s.filtered(t.lines[:0], f) }

// histogram counts bytes.
func histogram(lines []byte) (sum [256]int32) {
	var count [4][256]int32
	i := 0
	for ; i <= len(lines)-4; i += 4 { // four tables, or equal bytes would wait for each other
		b := lines[i : i+4 : len(lines)]
		count[0][b[0]]++
		count[1][b[1]]++
		count[2][b[2]]++
		count[3][b[3]]++
	}
	for ; i < len(lines); i++ {
		count[0][lines[i]]++
	}
	for v := range sum {
		sum[v] = count[0][v] + count[1][v] + count[2][v] + count[3][v]
	}
	return sum
}

// heads says where some four bytes were seen last, by a hash of them.
type heads [1 << 12]uint16

// saving returns about how many bits matching would save of what Huffman codes
// make of some bytes, fewer than 65536.
func (h *heads) saving(lines []byte, bit *[256]uint8) int64 {
	const least, cost = 4, 3 // bytes of the shortest match; bits that any takes, and more the further it looks back
	clear(h[:])
	saved := int64(0)
	for i := 0; i <= len(lines)-8; {
		w := uint32(word(lines, i))
		slot := &h[w*0x9e3779b1>>20]
		from := int(*slot)
		*slot = uint16(i)
		if from >= i || uint32(word(lines, from)) != w {
			i++
			continue
		}
		gain := -int64(cost + bits.Len(uint(i-from)))
		n := 0
		for ; i+n < len(lines) && lines[from+n] == lines[i+n]; n++ {
			gain += int64(bit[lines[i+n]])
		}
		saved += max(0, gain)
		i += n
	}
	return saved
}
