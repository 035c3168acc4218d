package node

import (
	"errors"
	"io"
	"time"

	"p2pnode/wire"
)

const rangeTimeout = 30 * time.Second // for one range to arrive

// source is where an upload comes from: a QUIC stream, or the gather of many.
type source interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// intake is how the image of a job comes in.
type intake struct {
	from source
	copy io.Writer // what is read goes here too
	end  func()
}

// open makes ready to receive an image: from this stream into the spool, or, if the client wants to split it, in ranges.
func (w *worker) open(f *flight, spool *Spool, q wire.TaskRequest) intake {
	if !q.Split {
		return intake{from: w.s, copy: spool, end: func() {}}
	}
	g := newMosaic(spool, int64(q.Size))
	f.mosaic.Store(g)
	return intake{from: g, copy: io.Discard, end: func() {
		f.mosaic.CompareAndSwap(g, nil)
		g.close()
	}}
}

// gathering returns what a range belongs to.
func (w *worker) gathering(q wire.TaskRange) (*mosaic, bool, *refusal) {
	if !w.t.cfg.OpenClients && !w.proven(q.Proof) {
		return nil, false, &unauthorized
	}
	g := w.t.flights.gathering(jobIDOf(q.Secret))
	if g == nil {
		return nil, false, &refusal{code: wire.CodeNotFound, detail: "no image of this job is awaited here in ranges", retry: time.Second / 4}
	}
	wanted, err := g.wants(q.Offset, q.Length)
	if err != nil {
		return nil, false, rangeRefusal(err)
	}
	return g, wanted, nil
}

// taskRange takes one range of an image. One that is here already need not come again.
func (w *worker) taskRange(q wire.TaskRange) {
	g, wanted, r := w.gathering(q)
	if r != nil {
		w.refuse(*r)
		return
	}
	if wanted {
		buf := make([]byte, q.Length) // at most rangeSize: wants has checked it
		w.s.SetReadDeadline(time.Now().Add(rangeTimeout))
		if _, err := io.ReadFull(w.s, buf); err != nil {
			w.s.CancelWrite(abandoned)
			return
		}
		if err := g.put(buf, int64(q.Offset)); err != nil {
			w.refuse(*rangeRefusal(err))
			return
		}
	}
	w.say(wire.TaskResponse{Accepted: true, Offset: q.Offset})
}

// rangeRefusal says why a range is not taken.
func rangeRefusal(err error) *refusal {
	switch {
	case errors.Is(err, errRange):
		return &refusal{code: wire.CodeUsage, detail: err.Error()}
	case errors.Is(err, io.ErrClosedPipe):
		return &refusal{code: wire.CodeBusy, detail: "this image is not awaited any more", retry: time.Second / 4}
	}
	return refusalOf(err)
}

// part sends one range of a result, without trailer: the client has the rest from elsewhere.
func (w *worker) part(p parcel, length uint64) {
	file, size, err := w.t.results.Open(p.mine.Result)
	if err != nil {
		w.lost(p, err)
		return
	}
	defer file.Close()
	if p.have > uint64(size) || !p.of.IsZero() && p.of != p.mine.Result {
		w.refuse(refusal{code: wire.CodeConflict, detail: "the result here is another one, or shorter"})
		return
	}
	w.t.desk.seen(p.job)
	err = w.say(wire.TaskResponse{Accepted: true, Stored: true, Offset: p.have, Result: p.mine.Result, Size: uint64(size),
		Lossy: byChance(w.conn.ConnectionStats())})
	from := int64(p.have)
	if err != nil || w.stream(p.job, io.NewSectionReader(file, from, int64(min(length, uint64(size-from))))) != nil {
		w.s.CancelWrite(abandoned)
	}
}
