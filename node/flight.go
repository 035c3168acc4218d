package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"p2pnode/wire"
)

// flights holds the jobs under way here, so that each is worked on once however often it is sent.
type flights struct {
	mu    sync.Mutex
	byJob map[wire.JobID]*flight // guarded by mu
}

// flight is one job under way. Of the streams that carry it one has the turn: it uploads and works; the others wait for
// what comes of it, or for the turn when its upload fails.
type flight struct {
	job     wire.JobID
	content wire.Digest // of all that shapes the result, the image included

	turn   chan struct{} // holds one entry while a stream has the turn
	done   chan struct{} // closed when the work has ended
	result *Mine         // set before done is closed; nil: failed
	failed *refusal      // set before done is closed

	streams int // guarded by flights.mu
	upload  atomic.Pointer[upload]
	mosaic  atomic.Pointer[mosaic] // while the image comes in ranges

	ctx    context.Context // ends when the job is cancelled
	cancel context.CancelFunc
}

const stalledAfter = 2 * time.Second // without a byte, an upload gives way to another stream of its job

// join adds a stream to the flight of a job, which begins with its first; ok is false when the job is under way with
// other content.
func (fs *flights) join(job wire.JobID, content wire.Digest) (f *flight, ok bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f = fs.byJob[job]
	if f == nil {
		f = &flight{job: job, content: content, turn: make(chan struct{}, 1), done: make(chan struct{})}
		f.ctx, f.cancel = context.WithCancel(context.Background())
		fs.byJob[job] = f
	}
	if f.content != content {
		return nil, false
	}
	f.streams++
	return f, true
}

// leave takes a stream away. The flight ends with its last.
func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.streams--; f.streams > 0 {
		return
	}
	f.cancel()
	if fs.byJob[f.job] == f {
		delete(fs.byJob, f.job)
	}
}

// land ends the work: streams that wait get its outcome, those that come later ask the desk.
func (fs *flights) land(f *flight, m *Mine, failed *refusal) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.byJob[f.job] == f {
		delete(fs.byJob, f.job)
	}
	f.result, f.failed = m, failed
	close(f.done)
}

// gathering returns where ranges of a job's image are awaited, or nil.
func (fs *flights) gathering(job wire.JobID) *mosaic {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.byJob[job]; f != nil {
		return f.mosaic.Load()
	}
	return nil
}

// cancel ends the work on a job.
func (fs *flights) cancel(job wire.JobID) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.byJob[job]; f != nil {
		f.cancel()
	}
}

// take waits for the turn, and reports false when the work ended without it, or ctx did.
func (f *flight) take(ctx context.Context) (mine bool) {
	tick := time.NewTicker(stalledAfter / 4)
	defer tick.Stop()
	for {
		select {
		case f.turn <- struct{}{}:
			return true
		case <-f.done:
			return false
		case <-ctx.Done():
			return false
		case now := <-tick.C:
			if u := f.upload.Load(); u != nil && u.stalled(now) {
				u.cut(errSuperseded)
			}
		}
	}
}

// pass gives the turn to another stream.
func (f *flight) pass() { <-f.turn }
