package node

import (
	"io"
	"sync"
	"time"

	"p2pnode/wire"
)

const (
	writeTimeout = time.Minute     // for one chunk
	ackPatience  = 5 * time.Minute // for a client that verifies a large image
	stopPatience = 3 * time.Second
	seenEvery    = 5 * time.Second
	chunkSize    = 64 << 10
)

var chunkBuffers = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// parcel is a result on its way to a client.
type parcel struct {
	job   wire.JobID
	mine  Mine
	fresh bool        // made on this stream: the client was answered before its upload, and has nothing of it yet
	have  uint64      // bytes the client has
	of    wire.Digest // of the result they are of; zero: the client does not know
	took  Timing
	since time.Time // when its first byte left, if it has been on its way since it was made
}

// deliver sends a result from where the client has it, then its trailer, and waits for the acknowledgement.
func (w *worker) deliver(p parcel) {
	w.listen(p.job)
	file, size, err := w.t.results.Open(p.mine.Result)
	if err != nil {
		w.lost(p, err)
		return
	}
	defer file.Close()
	p.since = time.Now()
	offset := int64(0)
	if !p.fresh {
		offset = resumeAt(p, size)
		err = w.say(wire.TaskResponse{
			Accepted: true, Stored: true, Offset: uint64(offset), Result: p.mine.Result, Size: uint64(size),
		})
	}
	if err != nil || w.stream(p.job, io.NewSectionReader(file, offset, size-offset)) != nil {
		w.s.CancelWrite(abandoned)
		return
	}
	w.trailer(p, size)
}

// trailer ends a result and waits for the acknowledgement.
func (w *worker) trailer(p parcel, size int64) {
	err := w.say(wire.TaskTrailer{
		Size: uint64(size), Result: p.mine.Result, Capacity: p.mine.Capacity, Server: w.t.self, Name: w.t.cfg.Name,
		Queued: uint64(p.took.Queued.Microseconds()), Worked: uint64(p.took.Worked.Microseconds()),
	})
	if err != nil {
		return
	}
	if m := w.t.cfg.Metrics; m != nil {
		m.Delivered(time.Since(p.since), size)
	}
	w.awaitAck(p.job, p.mine.Result)
}

// resumeAt is where the client's copy of a result ends, if it is one: where the client does not know of which result its
// bytes are, only the digest of the whole will tell, which it compares.
func resumeAt(p parcel, size int64) int64 {
	if p.have > uint64(size) || !p.of.IsZero() && p.of != p.mine.Result {
		return 0
	}
	return int64(p.have)
}

// lost answers when a result's file cannot be read.
func (w *worker) lost(p parcel, err error) {
	w.t.cfg.Log.Error("result not readable", "result", p.mine.Result, "error", err)
	r := refusal{code: wire.CodeIO, detail: "the result cannot be read", retry: time.Second}
	if p.fresh {
		w.fail(r)
		return
	}
	w.refuse(r)
}

// stream sends bytes in chunks to their end, each within its time.
func (w *worker) stream(job wire.JobID, r io.Reader) error {
	if err := w.pump(job, r); err != nil {
		return err
	}
	return w.endChunks()
}

// endChunks says that no more chunks follow.
func (w *worker) endChunks() error {
	w.s.SetWriteDeadline(time.Now().Add(answerTimeout))
	return wire.NewChunkWriter(w.s).Close()
}

// pump sends what r has in chunks, each within its time.
func (w *worker) pump(job wire.JobID, r io.Reader) error {
	b := chunkBuffers.Get().(*[chunkSize]byte)
	defer chunkBuffers.Put(b)
	for out, told := wire.NewChunkWriter(w.s), time.Now(); ; {
		n, err := r.Read(b[:])
		w.s.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, e := out.Write(b[:n]); e != nil {
			return e
		}
		if time.Since(told) > seenEvery {
			told = time.Now()
			w.t.desk.seen(job)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// awaitAck waits until the client has verified and stored the result, and answers by closing the stream. A server that
// stops waits less.
func (w *worker) awaitAck(job wire.JobID, result wire.Digest) {
	patience := time.NewTimer(ackPatience)
	defer patience.Stop()
	stopping := w.t.soft.Done()
	for {
		select {
		case f := <-w.said:
			if a, ok := f.(wire.TaskAck); ok && a.Job == job && a.Result == result {
				w.acked(job, result)
			}
			return
		case <-w.s.Context().Done():
			return
		case <-stopping:
			stopping = nil
			patience.Reset(stopPatience)
		case <-patience.C:
			return
		}
	}
}

func (w *worker) acked(job wire.JobID, result wire.Digest) {
	if err := w.t.desk.ack(w.ctx, job, result); err != nil {
		w.t.cfg.Log.Debug("acknowledgement not recorded", "job", job, "error", err)
		w.s.CancelWrite(abandoned)
	}
}
