package node

import (
	"errors"
	"fmt"

	"p2pnode/wire"
)

// errVoid ends a draft of which nothing will come.
var errVoid = errors.New("node: no result will come of this")

// outflow is a result on its way to the client while it is made. A client that takes it slowly, or not at all, holds up
// nobody: what it has not taken is in the file.
type outflow struct {
	draft *draft
	ended chan struct{}
	err   error // of the stream; set before ended is closed
}

// flow sends a result as it is written, until left has been called.
func (w *worker) flow(job wire.JobID, f *ResultFile, d *draft) (*outflow, error) {
	from, err := f.reopen()
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	d.from = from
	o := &outflow{draft: d, ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		defer from.Close()
		if err := w.pump(job, d.follow(w.s.Context())); !errors.Is(err, errVoid) {
			o.err = err
		}
	}()
	return o, nil
}

// left waits until everything has left, or what there is of a result that failed need not. It reports whether the stream is
// fit to say more.
func (o *outflow) left() bool {
	if o == nil {
		return true
	}
	o.draft.end(errVoid)
	<-o.ended
	return o.err == nil
}

// seal ends a result that has left as it was made. It is stored and recorded by now.
func (w *worker) seal(p parcel) {
	if w.endChunks() != nil {
		w.s.CancelWrite(abandoned)
		return
	}
	w.trailer(p, p.mine.Size)
}
