package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"

	"p2pnode/stego"
	"p2pnode/wire"
)

// audit checks a result while it comes, from its first byte on in their order: when the last is here little is left to do.
// One goroutine takes bytes; two read what is there of them.
type audit struct {
	draft *draft    // of the output file
	sum   hash.Hash // of what is there

	reading sync.WaitGroup
	payload error // of the reading for the payload; owned by reading
	picture error // of the reading for the picture; owned by reading
}

// beginAudit starts to check a result of which nothing is here yet.
func (e *errand) beginAudit() {
	e.forgo()
	a := &audit{draft: newDraft(e.job.Output), sum: sha256.New()}
	a.reading.Go(func() { a.payload = e.extract(a.read()) })
	a.reading.Go(func() { a.picture = e.recognize(a) })
	e.audit = a
}

// forgo ends an audit that is of no more use: the result is begun anew, or its bytes come in no order.
func (e *errand) forgo() {
	if e.audit == nil {
		return
	}
	e.audit.draft.end(errVoid)
	e.audit.reading.Wait()
	e.audit = nil
}

// take notes bytes that were added to the file.
func (a *audit) take(b []byte) {
	if a != nil {
		a.sum.Write(b)
		a.draft.grow(len(b))
	}
}

// read returns the result from its beginning, as it comes.
func (a *audit) read() io.Reader { return a.draft.follow(context.Background()) }

// at reports whether an audit has taken so many bytes.
func (a *audit) at(n int64) bool {
	if a == nil {
		return false
	}
	size, _, _ := a.draft.state()
	return size == n
}

// passed says that nothing more comes, and reports whether payload and picture are what they must be. If not, another look
// at the whole file tells more.
func (a *audit) passed() bool {
	if a == nil {
		return false
	}
	a.draft.end(io.EOF)
	a.reading.Wait()
	return a.payload == nil && a.picture == nil
}

func (a *audit) digest() (d wire.Digest) {
	a.sum.Sum(d[:0])
	return d
}

// limits bounds what images of this job may cost here.
func (e *errand) limits() stego.Limits {
	l := e.job.Extract.Limits
	if l.MaxPixels == 0 {
		l.MaxPixels = e.job.MaxPixels
	}
	return l
}

// recognize reads a result as it comes and compares it with what hiding makes of the image. Where rows of the image can be
// passed through it is compared byte for byte, and then the rows that were made anew are decoded, by other code than made
// them; elsewhere all pixels are.
func (e *errand) recognize(a *audit) error {
	info, err := stego.Probe(e.carrier(0), e.limits())
	if err != nil {
		return err
	}
	rows, m := 0, e.job.Embedding
	if info.Splices(m.Format) {
		report, err := stego.Matches(e.carrier(0), a.read(), m, stego.EmbedOptions{Limits: e.limits(), StripMetadata: e.job.Strip})
		if err != nil {
			return err
		}
		rows = report.Decoded
	}
	return stego.Verify(e.carrier(0), a.read(), m, e.limits(), rows)
}

// extract gets the payload out of a result and compares it.
func (e *errand) extract(result io.Reader) error {
	o := e.job.Extract
	o.Format, o.Limits = e.job.Embedding.Format, e.limits()
	got, _, err := stego.Extract(result, o)
	if err != nil {
		return err
	}
	if want := e.job.Payload; got.Kind != want.Kind || got.Name != want.Name || !bytes.Equal(got.Data, want.Data) {
		return errors.New("another payload came out")
	}
	return nil
}

// compare gets the payload out of the result, and the result's pixels from image and payload, unless that was done while it
// came.
func (e *errand) compare() error {
	if e.audit.passed() {
		return nil
	}
	if err := e.extract(e.result()); err != nil {
		return err
	}
	return stego.Verify(e.carrier(0), e.result(), e.job.Embedding, e.limits(), 0)
}
