package stego

import (
	"bytes"
	"fmt"
)

// splice embeds by decoding only the rows that change; the rest of the file passes through as it arrives. It reads what
// follows the changed rows only to check CRCs. known is what a survey found, or nil.
func (c *carrier) splice(out *digestWriter, e *Embedding, o EmbedOptions, known *weaver) (Report, error) {
	j := c.joint(&pngWriter{w: out}, e, o, known)
	rep, err := j.run(&ending{pass: j.w.write}, (*ending).follow)
	if err != nil {
		return Report{}, err
	}
	out.complete(&rep)
	return rep, nil
}

// skimmed has the carrier's rows read by an inflater that goes no further than it must, where it can. Whoever is done with them calls free.
func (c *carrier) skimmed(f Format) (free func()) {
	if !c.info.Splices(f) {
		return func() {}
	}
	s := newSplice(c.info.layout(), &c.rows.(*pngReader).c, nil)
	c.rows = source{s}
	return s.free
}

// joint is a PNG file in which a splice replaces the beginning of the pixel data.
type joint struct {
	c *carrier
	p *pngReader
	w *pngWriter
	e *Embedding
	o EmbedOptions

	known *weaver // nil: nobody has looked at the carrier before
}

func (c *carrier) joint(w *pngWriter, e *Embedding, o EmbedOptions, known *weaver) *joint {
	return &joint{c: c, p: c.rows.(*pngReader), w: w, e: e, o: o, known: known}
}

// run writes the whole file. follow passes the rest of the pixel data to a ending and leaves the chunk behind it open.
func (j *joint) run(t *ending, follow func(*ending, *chunkReader, []byte) error) (Report, error) {
	s := newSplice(j.c.info.layout(), &j.p.c, func(data []byte) { j.w.chunk("IDAT", data) })
	defer s.free()
	j.c.rows = source{s}
	h, err := j.c.hide(j.e)
	if err != nil {
		return Report{}, err
	}
	if err := j.c.foresee(h.weaver, j.known, j.o.ahead); err != nil {
		return Report{}, err
	}
	keep := j.c.info.retention(h.l, j.o.StripMetadata)
	j.w.l = h.l
	j.w.header()
	j.w.chunks(j.c.meta.before, keep)
	ended, err := s.weave(h)
	if err == nil && !ended {
		if j.o.Passing != nil {
			j.o.Passing()
		}
		t.own(t.lasting(s.rec.w.out))
		if err = follow(t, &j.p.c, s.ahead); err == nil {
			err = t.finish(s.adler)
		}
	}
	if err == nil && j.w.err == nil {
		err = j.p.rest()
	}
	if err != nil {
		return Report{}, err
	}
	j.w.chunks(j.c.meta.after, keep)
	j.w.end()
	if j.w.err != nil {
		return Report{}, fmt.Errorf("write image: %w", j.w.err)
	}
	return h.report(j.c.info, j.e, s.decoded()), nil
}

// decoded returns how many rows must be decoded to have seen all that was made anew, and how it goes on.
func (s *splice) decoded() int {
	return min(s.l.height, int((s.base+int64(len(s.z.raw)))/int64(s.line))+2)
}

// EmbedBytes is Embed for a file in memory. It returns the output in pieces, most of which are parts of file: what an embedding does not
// change is neither copied nor looked at, nor is its CRC checked, and the report has no SHA256.
func EmbedBytes(file []byte, e *Embedding, o EmbedOptions) ([][]byte, Report, error) {
	if err := e.check(); err != nil {
		return nil, Report{}, err
	}
	c, err := open(bytes.NewReader(file), o.Limits)
	if err != nil {
		return nil, Report{}, err
	}
	defer c.free()
	if !c.info.Splices(e.Format) {
		var b bytes.Buffer
		rep, err := Embed(&b, bytes.NewReader(file), e, o)
		return [][]byte{b.Bytes()}, rep, err
	}
	out, again := &pieces{}, readings(bytes.NewReader(file))
	rep, err := again.twice(c, e, o.Limits, func(c *carrier, known *weaver) (Report, error) { return c.spliceBytes(out, file, e, o, known) })
	rep.Size = out.size
	return out.list, rep, err
}

// spliceBytes is splice for a file in memory.
func (c *carrier) spliceBytes(out *pieces, file []byte, e *Embedding, o EmbedOptions, known *weaver) (Report, error) {
	j := c.joint(&pngWriter{w: out}, e, o, known)
	return j.run(&ending{pass: out.pass, stable: true}, func(t *ending, r *chunkReader, ahead []byte) error {
		at, err := t.jump(file, r, ahead)
		if err != nil {
			return err
		}
		c.from.Reset(bytes.NewReader(file[at:]))
		*r = chunkReader{r: c.from, at: at}
		return r.open()
	})
}

// pieces is an output as a list of slices.
type pieces struct {
	list [][]byte
	size int64
}

// Write appends a copy of p.
func (s *pieces) Write(p []byte) (int, error) {
	s.pass(append(make([]byte, 0, len(p)), p...))
	return len(p), nil
}

// pass appends p itself, to the last piece if it is what follows it in memory.
func (s *pieces) pass(p []byte) {
	s.size += int64(len(p))
	if last := len(s.list) - 1; last >= 0 && len(p) > 0 {
		if b := s.list[last]; len(b) < cap(b) && &b[:len(b)+1][len(b)] == &p[0] {
			s.list[last] = b[:len(b)+len(p)]
			return
		}
	}
	s.list = append(s.list, p)
}
