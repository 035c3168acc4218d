package stego

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// splice changes rows of a PNG's pixel data without making the rest anew. It decodes rows until the embedding is complete
// and takes each one's own filter off and on again; then it decodes 32 KiB more, as far as a match may look back. The
// tokens of all that are written anew with the bytes that changed, and what follows is the file's own, bit for bit.
//
// Behind the changed bytes nothing needs to be decoded, so the work is that of the rows that carry the payload,
// whatever the size of the image.
type splice struct {
	l     layout
	line  int   // bytes of a row with its filter type
	total int64 // bytes of all rows
	feed  idatReader
	z     inflater
	begun bool // the header of the zlib stream is read

	// Positions count from the beginning of z.raw and made, which is byte base of the pixel data.
	base    int64
	made    []byte // what z.raw becomes, as far as that is known
	next    int    // the row that is read next
	written int    // tokens were written up to here
	used    int    // of z.toks that are written, and not dropped yet
	last    int    // behind the last byte that changed

	rows         int    // that were woven
	cur, prior   []byte // rows as they were
	woven, above []byte // rows as they become
	rows4        []byte // that the four are in
	touched      bool   // above differs from what it was

	rec   recoder
	adler adlerShift
	sum   uint32 // Adler-32 of what has been dropped from z.raw
	ahead []byte // what follows, as far as it was taken from the open chunk
	out   func(pixels []byte)
}

// batch is how many bytes of rows are written at a time; fewer where they come in more than manyBlocks blocks.
const (
	batch      = 64 << 10
	manyBlocks = 4 << 10
)

// splices are those whose buffers wait to be used again.
var splices = sync.Pool{New: func() any { return new(splice) }}

// newSplice begins to read pixel data, whose first IDAT chunk is open. What becomes of it is given to out. Whoever is done
// with it calls free.
func newSplice(l layout, c *chunkReader, out func([]byte)) *splice {
	s := splices.Get().(*splice)
	z := &s.z
	*s = splice{
		l: l, line: l.row() + 1, feed: idatReader{c: c}, sum: 1, out: out,
		made: s.made[:0], rows4: s.rows4, rec: recoder{w: bitWriter{out: grown(s.rec.w.out[:0], batch)}, toks: s.rec.toks[:0], parts: s.rec.parts[:0], waits: s.rec.waits[:0]},
		z: inflater{in: z.in[:0], raw: z.raw[:0], toks: z.toks[:0], ends: z.ends[:0], blocks: z.blocks[:0], own: z.own, skims: out == nil},
	}
	s.total = int64(s.line) * int64(l.height)
	s.adler.n = s.total
	s.z.more = func() ([]byte, error) { return s.feed.take(16 << 10) }
	s.z.raw, s.made = grown(s.z.raw, batch+2*maxWindow), grown(s.made, batch+2*maxWindow)
	s.divide(l.row())
	return s
}

// divide makes room for four rows.
func (s *splice) divide(n int) {
	s.rows4 = grown(s.rows4, 4*n)[:4*n]
	for i, row := range []*[]byte{&s.cur, &s.prior, &s.woven, &s.above} {
		*row = s.rows4[i*n : (i+1)*n]
	}
	clear(s.prior)
	clear(s.above)
}

// free leaves the buffers to others, unless they are large.
func (s *splice) free() {
	if cap(s.z.raw)+cap(s.made)+cap(s.rows4)+cap(s.rec.w.out) < 2<<20 {
		splices.Put(s)
	}
}

// source is a splice as the rows that its image had.
type source struct{ *splice }

// next reads a row.
func (s source) next(dst []byte) error { return s.read(dst) }

func (s source) finish() error { return nil }

// read decodes a row and takes its filter off.
func (s *splice) read(dst []byte) error {
	end := s.next + s.line
	if err := s.run(end); err != nil {
		return err
	}
	line := s.z.raw[s.next:end]
	copy(s.cur, line[1:])
	if !unfilter(simpler(line[0], s.base+int64(s.next) == 0), s.cur, s.prior, s.l.pixel()) {
		return s.feed.fail(fmt.Sprintf("unknown filter type %d", line[0]))
	}
	copy(dst, s.cur)
	s.cur, s.prior = s.prior, s.cur
	s.next = end
	if s.out == nil {
		s.skim()
	}
	return nil
}

// simpler returns the filter that does the same to a row: in the first, Paeth's predictor is the pixel on the left, for those above are 0.
func simpler(filter byte, first bool) byte {
	if first && filter == paethFilter {
		return leftFilter
	}
	return filter
}

// skim drops what was read, where nothing is going to be written.
func (s *splice) skim() {
	n := s.next - maxWindow
	if n < 4*batch {
		return
	}
	z := &s.z
	z.raw = append(z.raw[:0], z.raw[n:]...)
	s.base += int64(n)
	s.next -= n
}

// run decodes until so many bytes of z.raw are there.
func (s *splice) run(end int) error {
	if !s.begun {
		head, err := s.z.header()
		if err != nil {
			return s.corrupt(err)
		}
		s.rec.w.out, s.begun = append(s.rec.w.out, head[:]...), true
	}
	if err := s.corrupt(s.z.run(end)); err != nil {
		return err
	}
	switch size := s.base + int64(len(s.z.raw)); {
	case size > s.total:
		return s.feed.fail("more pixel data than the image needs")
	case len(s.z.raw) < end:
		return s.corrupt(io.EOF)
	}
	return nil
}

// corrupt names what is wrong with the pixel data.
func (s *splice) corrupt(err error) error {
	reason := ""
	switch e := err.(type) {
	case nil:
		return nil
	case deflateError:
		reason = "pixel data is corrupt: " + e.Error()
	default:
		if err != io.EOF {
			return err
		}
		reason = "pixel data ends too early"
	}
	return s.feed.fail(reason)
}

// weave makes all rows that change, and writes what comes of them. ended reports whether that was all of the pixel data,
// its checksum included: else the rest of the file follows.
func (s *splice) weave(h hidden) (ended bool, err error) {
	for s.rows < s.l.height && (s.touched || !h.done()) {
		if err := s.weaveRow(h); err != nil {
			return false, err
		}
		if len(s.made)-s.written >= batch || len(s.z.blocks) >= manyBlocks {
			s.write()
		}
	}
	if err := h.rows.finish(); err != nil {
		return false, err
	}
	s.write()
	return s.runOut()
}

// weaveRow makes one row: with its own filter, from the row above as it becomes.
func (s *splice) weaveRow(h hidden) error {
	before := *h.changed
	if err := h.rows.next(s.woven); err != nil {
		return err
	}
	changed, at := *h.changed != before, len(s.made)
	old := s.z.raw[at : at+s.line]
	if changed || s.touched {
		s.made = appendFiltered(s.made, simpler(old[0], s.rows == 0), s.woven, s.above, s.l.pixel())
		s.made[at] = old[0]
		s.adler.change(s.base+int64(at), old, s.made[at:])
		s.last = at + s.line - unchanged(old, s.made[at:])
	} else {
		s.made = append(s.made, old...)
	}
	s.touched = changed
	s.woven, s.above = s.above, s.woven
	s.rows++
	return nil
}

// unchanged returns how many bytes at the ends of two rows are the same.
func unchanged(a, b []byte) (n int) {
	for n < len(a) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// runOut decodes as far as matches may look back to a byte that changed, and writes that.
func (s *splice) runOut() (ended bool, err error) {
	end := max(len(s.made), s.last+maxWindow)
	if s.base+int64(max(end, len(s.z.raw))) >= s.total { // rows that were read ahead may be the last
		return true, s.finish()
	}
	if err := s.run(end); err != nil {
		return false, err
	}
	s.made = append(s.made, s.z.raw[len(s.made):]...)
	s.write()
	s.reopen()
	return false, nil
}

// finish decodes and writes all of the pixel data, and its checksum.
func (s *splice) finish() error {
	end := int(s.total - s.base)
	if err := s.run(end); err != nil {
		return err
	}
	s.made = append(s.made, s.z.raw[len(s.made):]...)
	if err := s.corrupt(s.z.toEnd(end)); err != nil {
		return err
	}
	if len(s.z.raw) > end {
		return s.feed.fail("more pixel data than the image needs")
	}
	s.write()
	sum, err := s.checksum()
	if err != nil {
		return err
	}
	s.rec.close(s.made)
	s.rec.end()
	s.rec.w.out = binary.BigEndian.AppendUint32(s.rec.w.out, s.adler.apply(sum))
	s.flush()
	return nil
}

// checksum reads and checks the Adler-32 of the pixel data, behind which there must be no more.
func (s *splice) checksum() (uint32, error) {
	s.z.drop(s.z.n % 8)
	v, err := s.z.take(32)
	if err != nil {
		return 0, s.corrupt(err)
	}
	sum := swapped(uint32(v))
	if s.sum = adlerUpdate(s.sum, s.z.raw); s.sum != sum {
		return 0, s.corrupt(errAdler)
	}
	if s.z.n > 0 {
		return 0, s.feed.fail("data after the end of the pixel data")
	}
	if err = s.z.pull(); err == nil {
		return 0, s.feed.fail("data after the end of the pixel data")
	} else if err != io.EOF {
		return 0, err
	}
	return sum, nil
}

// write writes the tokens whose bytes are all made, and drops what is needed no longer.
func (s *splice) write() {
	z, used, whole := &s.z, s.used, 0
	for i, b := range z.blocks {
		end := len(z.toks)
		if i+1 < len(z.blocks) {
			end = z.blocks[i+1].tok
		}
		n, size := fitting(z.toks[used:end], len(s.made)-s.written)
		if n > 0 {
			s.rec.write(b, z, used, used+n, b.ended && used+n == end, s.made[:s.written+size], s.written, s.last)
			s.written += size
		}
		if used += n; used < end || !b.ended {
			break
		}
		if s.rec.open == b {
			s.rec.close(s.made)
		}
		whole++
	}
	if s.rec.size > 0 {
		s.rec.close(s.made)
	}
	if s.used = used; used < len(z.toks)-used { // moving the rest is not paid for
		if z.blocks = z.blocks[whole:]; used > 0 {
			z.from = z.ends[used-1]
		}
	} else {
		z.forget(used, whole)
		s.used = 0
	}
	if len(s.rec.w.out) >= batch {
		s.flush()
	}
	s.shrink()
}

// fitting returns how many tokens make at most so many bytes, and how many they make.
func fitting(toks []token, most int) (n, size int) {
	for n < len(toks) && size+toks[n].size() <= most {
		size += toks[n].size()
		n++
	}
	return n, size
}

// forget drops tokens, and blocks that are written.
func (z *inflater) forget(toks, blocks int) {
	if toks > 0 {
		z.from = z.ends[toks-1]
	}
	z.toks = append(z.toks[:0], z.toks[toks:]...)
	z.ends = append(z.ends[:0], z.ends[toks:]...)
	z.blocks = append(z.blocks[:0], z.blocks[blocks:]...)
	for _, b := range z.blocks {
		b.tok = max(0, b.tok-toks)
	}
}

// shrink drops bytes that no match looks back to any more, once they are many.
func (s *splice) shrink() {
	n := s.written - maxWindow
	if n < 4*batch || n < len(s.z.raw)/2 { // what is dropped pays for moving the rest
		return
	}
	s.sum = adlerUpdate(s.sum, s.z.raw[:n])
	s.z.raw = append(s.z.raw[:0], s.z.raw[n:]...)
	s.made = append(s.made[:0], s.made[n:]...)
	s.base += int64(n)
	s.next -= n
	s.written -= n
	s.last = max(0, s.last-n)
}

// reopen joins what was written to what follows, so that the two meet in a whole byte, and keeps what the inflater has
// taken from the open chunk beyond that. It has taken nothing from a chunk of which it used nothing.
func (s *splice) reopen() {
	rest, used := s.z.rest()
	var b *block
	if s.z.state == inCodes || s.z.state == inStored {
		b = s.z.blocks[len(s.z.blocks)-1]
	}
	s.rec.reopen(b, used, s.z.left, s.made)
	w := &s.rec.w
	if used > 0 {
		mask := byte(1<<used - 1)
		w.out = append(w.out, byte(w.acc)&mask|rest[0]&^mask)
		w.acc, w.n, rest = 0, 0, rest[1:]
	}
	s.ahead = rest
}

// flush gives away what was written.
func (s *splice) flush() {
	s.out(s.rec.w.out)
	s.rec.w.out, s.rec.began = s.rec.w.out[:0], -1
}
