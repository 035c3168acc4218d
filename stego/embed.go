package stego

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// EmbedOptions says how to embed.
type EmbedOptions struct {
	Limits Limits
	// StripMetadata drops what does not change how pixels look: EXIF, text, time.
	StripMetadata bool
	// Undigested: the Report has no SHA256, for those who make their own.
	Undigested bool
	// Cores is how many cores the pixels of an image that is made anew may be deflated on. If zero, 1 is used,
	// and no goroutine is started. The output is the same.
	Cores int
	// Passing is called, if not nil, when nothing is left to do but to pass the rest of a file through.
	Passing func()

	ahead int // in the place of mostAhead, for tests; zero: that
}

// Report says what Embed did.
type Report struct {
	Info     Info     // Info is of the carrier and the output's type, measured.
	Capacity int64    // Capacity is the most content bytes the carrier holds, at rate 1; 0 where not all of the alpha that it hangs on was read.
	Hidden   int64    // Hidden is the content bytes hidden, after compression.
	Size     int64    // Size is the output's bytes.
	SHA256   [32]byte // SHA256 is the output's.
	Changed  int64    // Changed counts the samples that differ from the carrier's.
	Decoded  int      // Decoded is how many rows were made anew: all, or fewer where the rest of the file was passed through.
}

// Embed writes the carrier as PNG with a payload in it. It streams: where it
// returns an error, w may hold a useless beginning. The same carrier, embedding
// and options give the same bytes. A PNG with alpha may have to be read twice, and then nothing is written before it was once: r must be an
// io.Seeker, or the error is ErrSeek.
func Embed(w io.Writer, r io.Reader, e *Embedding, o EmbedOptions) (Report, error) {
	if err := e.check(); err != nil {
		return Report{}, err
	}
	again := readings(r)
	c, err := open(r, o.Limits)
	if err != nil {
		return Report{}, err
	}
	defer c.free()
	out := newDigestWriter(w, o)
	return again.twice(c, e, o.Limits, func(c *carrier, known *weaver) (Report, error) {
		if c.info.Splices(e.Format) {
			return c.splice(out, e, o, known)
		}
		return c.rewrite(out, e, o, known)
	})
}

// rewrite embeds by making all pixel data anew. known is what a survey found, or nil.
func (c *carrier) rewrite(out *digestWriter, e *Embedding, o EmbedOptions, known *weaver) (Report, error) {
	hidden, err := c.hide(e)
	if err == nil {
		err = c.foresee(hidden.weaver, known, o.ahead)
	}
	if err == nil {
		err = c.encode(out, hidden.rows, hidden.l, o)
	}
	if err != nil {
		return Report{}, err
	}
	rep := hidden.report(c.info, e, c.info.Height)
	out.complete(&rep)
	return rep, nil
}

// hidden is a carrier's rows on which an embedding is being woven.
type hidden struct {
	rows    rows
	l       layout
	changed *int64
	weaver  *weaver     // of v1
	done    func() bool // done: no row after those read so far changes
}

// hide returns the carrier's rows with the embedding in them, or says that it cannot fit.
func (c *carrier) hide(e *Embedding) (hidden, error) {
	if e.Format == Classic {
		return c.replace(e)
	}
	w := newWeaver(c.rows, c.info.layout(), e)
	if c.info.Measured && c.info.Window < e.need() {
		return hidden{}, w.short(c.info.Window)
	}
	return hidden{rows: w, l: w.l, changed: &w.changed, weaver: w, done: w.done}, nil
}

// replace is hide for the classic format.
func (c *carrier) replace(e *Embedding) (hidden, error) {
	need, have := int64(len(e.Sealed)-classicHead), c.info.Capacity(Classic).Bytes
	if need > have {
		return hidden{}, &CapacityError{Need: need, Have: have}
	}
	src, l := c.colored()
	r := &replacer{src: src, l: l, sealed: e.Sealed}
	return hidden{rows: r, l: l, changed: &r.changed, done: r.done}, nil
}

// colored returns the carrier's rows in colour, as classic writes and reads them.
func (c *carrier) colored() (rows, layout) {
	from := c.info.layout()
	if from.model.colored() == from.model {
		return c.rows, from
	}
	l := from
	l.model = from.model.colored()
	return &widener{src: c.rows, from: from}, l
}

// encode writes rows of a carrier, and its metadata around them, as PNG.
func (c *carrier) encode(out io.Writer, from rows, l layout, o EmbedOptions) error {
	keep := c.info.retention(l, o.StripMetadata)
	p := newPNGWriter(out, l)
	p.header()
	p.chunks(c.meta.before, keep)
	if err := p.rows(from, o.Cores); err != nil {
		return err
	}
	if p.err != nil {
		return fmt.Errorf("write image: %w", p.err)
	}
	if err := from.finish(); err != nil {
		return err
	}
	p.chunks(c.meta.after, keep)
	p.end()
	if p.err != nil {
		return fmt.Errorf("write image: %w", p.err)
	}
	return nil
}

// report completes what is known after so many rows were made anew.
func (h hidden) report(info Info, e *Embedding, rows int) Report {
	overhead := classicHead
	if w := h.weaver; w != nil {
		overhead = headSize + tagSize
		if w.seen == info.Height {
			info.Usable, info.Window, info.Measured = w.usable, windowOf(w.usable), true
		}
	}
	info.Model = h.l.model
	rep := Report{Info: info, Hidden: int64(len(e.Sealed) - overhead), Changed: *h.changed, Decoded: rows}
	rep.Capacity = info.Capacity(e.Format).Bytes
	return rep
}

// digestWriter counts and hashes what it passes on.
type digestWriter struct {
	w io.Writer
	h hash.Hash // nil: does not hash
	n int64
}

func newDigestWriter(w io.Writer, o EmbedOptions) *digestWriter {
	if o.Undigested {
		return &digestWriter{w: w}
	}
	return &digestWriter{w: w, h: sha256.New()}
}

func (d *digestWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if d.h != nil {
		d.h.Write(p[:n])
	}
	d.n += int64(n)
	return n, err
}

// complete tells a report what was written.
func (d *digestWriter) complete(rep *Report) {
	rep.Size = d.n
	if d.h != nil {
		d.h.Sum(rep.SHA256[:0])
	}
}
