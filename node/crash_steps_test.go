package node

import (
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"p2pnode/wire"
)

// step is one thing that a node does.
func (w *crashWorld) step() {
	steps := []func(){w.make, w.make, w.make, w.promise, w.batch, w.acknowledge, w.remove, w.upload, w.abort, w.repeat, w.restart}
	steps[w.rand.IntN(len(steps))]()
	w.counted()
}

// counted: what is in use is what is there, whatever failed.
func (w *crashWorld) counted() {
	use := Usage{Max: 1 << 20}
	for _, s := range w.root.slots {
		if _, ok := digestOf(s.name); ok && s.file() != nil {
			use.Files++
			use.Results += int64(len(s.file().data))
		}
	}
	if got := w.results.Usage(); got != use {
		w.failf("Usage() = %+v, the folder holds %+v", got, use)
	}
}

// commit stores a batch. A store that fails ends the process.
func (w *crashWorld) commit(b ...Batch) bool {
	next := w.told
	for _, b := range b {
		next = next.with(b)
	}
	w.doing = &next
	if err := w.store.Commit(b); err != nil {
		if w.fault == nil {
			w.failf("%v", err)
		}
		w.die()
		return false
	}
	w.blocks.synced()
	w.told, w.doing = next, nil
	w.look("store commit")
	return true
}

// die is the end of a process that cannot store; the next one finds the one state or the other.
func (w *crashWorld) die() {
	w.fault = nil
	told, doing := w.told, w.doing
	w.close()
	w.blocks.crash(w.t, w.dice, filepath.Join(w.dir, storeFile))
	w.root, w.spool = w.root.crash(w.dice), w.spool.crash(w.dice)
	w.served()
	w.boot()
	w.verify(told, doing)
}

// restart ends the process in order and starts another.
func (w *crashWorld) restart() {
	told := w.told
	w.close()
	w.boot()
	w.fault = nil
	w.verify(told, nil)
}

func (w *crashWorld) content() []byte {
	w.jobs++
	p := make([]byte, 1+w.rand.IntN(6*sectorSize))
	junk(w.rand, p)
	return p
}

// write makes a result's file and reports whether it is there for good.
func (w *crashWorld) write(p []byte) (d wire.Digest, ok bool) {
	f, err := w.results.Create()
	if err != nil {
		return d, w.refused(err)
	}
	defer f.Abort()
	half := w.rand.IntN(len(p) + 1)
	for _, p := range [][]byte{p[:half], p[half:]} {
		if _, err := f.Write(p); err != nil {
			return d, w.refused(err)
		}
	}
	d, n, err := f.Commit()
	if err != nil {
		return d, w.refused(err)
	}
	if n != int64(len(p)) || d != sha256.Sum256(p) {
		w.failf("Commit() = %v, %d", d, n)
	}
	return d, true
}

// refused: only what is to fail fails, and a full disk is told as one.
func (w *crashWorld) refused(err error) bool {
	w.excused(err)
	if errors.Is(err, syscall.ENOSPC) && !errors.Is(err, ErrNoSpace) {
		w.failf("a full disk is told as: %v", err)
	}
	return false
}

func (w *crashWorld) excused(err error) {
	if err != nil && w.fault == nil {
		w.failf("%v", err)
	}
}

// keep stores a result and then its record, as worker and core do.
func (w *crashWorld) keep(job wire.JobID, p []byte) {
	d, ok := w.write(p)
	if !ok {
		return
	}
	r := aRecord(1, wire.Done)
	r.Job, r.Result = job, d
	w.commit(Batch{Records: []wire.Record{r}, Mine: []Mine{{Job: job, Result: d, Size: int64(len(p))}}})
}

func (w *crashWorld) make() {
	p := w.content()
	w.keep(jobOf(w.jobs), p)
}

// repeat makes a result that is there already, for another job.
func (w *crashWorld) repeat() {
	held := w.sorted()
	if len(held) == 0 {
		return
	}
	f, _, err := w.results.Open(held[0].Result)
	if err != nil {
		w.excused(err)
		return
	}
	p, _ := io.ReadAll(f)
	w.jobs++
	w.keep(jobOf(w.jobs), p)
}

func (w *crashWorld) abort() {
	f, err := w.results.Create()
	if err != nil {
		w.refused(err)
		return
	}
	f.Write(w.content())
	f.Abort()
}

func (w *crashWorld) upload() {
	s, err := w.results.Spool(1 << 16)
	if err != nil {
		w.refused(err)
		return
	}
	if _, err := s.Write(w.content()); err != nil {
		w.refused(err)
	}
	w.excused(s.Close())
}

func (w *crashWorld) promise() {
	w.commit(Batch{Epoch: &Vote{Epoch: w.told.promised + 1 + w.rand.Uint64N(3), For: nodeOf(uint8(w.rand.IntN(9)))}})
}

// batch stores a group, with enough records to touch several pages.
func (w *crashWorld) batch() {
	var group []Batch
	for range 1 + w.rand.IntN(3) {
		var b Batch
		for range 1 + w.rand.IntN(20) {
			r := aRecord(1, wire.Running)
			r.Job[3], r.Job[0] = byte(w.rand.Uint32()), 2
			r.Attempt, r.Client = 1+w.rand.Uint32N(9), strings.Repeat("c", w.rand.IntN(maxClient))
			b.Records = append(b.Records, r)
		}
		group = append(group, b)
	}
	w.commit(group...)
}

func (w *crashWorld) sorted() []Mine {
	return slices.SortedFunc(maps.Values(w.told.mine), func(a, b Mine) int { return a.Job.Compare(b.Job) })
}

func (w *crashWorld) acknowledge() {
	for _, m := range w.sorted() {
		r := w.told.records[m.Job]
		r.State = wire.Acked
		w.commit(Batch{Records: []wire.Record{r}})
		return
	}
}

// remove forgets a job, and its file once that is durable, as core.discard does.
func (w *crashWorld) remove() {
	held := w.sorted()
	if len(held) == 0 {
		return
	}
	m := held[0]
	if w.commit(Batch{Unmine: []wire.JobID{m.Job}, Forget: []wire.JobID{m.Job}}) && !w.told.wanted(m.Result) {
		w.excused(w.results.Remove(m.Result))
	}
}
