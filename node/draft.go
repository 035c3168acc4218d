package node

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	fewBytes = 4 << 10              // less than this waits for more
	moreSoon = 2 * time.Millisecond // so long
)

// draft is a file that one goroutine writes from its beginning to its end, and others read meanwhile.
type draft struct {
	from io.ReaderAt

	mu     sync.Mutex
	size   int64         // bytes that are there; guarded by mu
	ended  error         // io.EOF: it is whole; other: why it is void; nil while it grows. Guarded by mu
	change chan struct{} // closed when size or ended has changed, and then replaced; guarded by mu
}

func newDraft(from io.ReaderAt) *draft { return &draft{from: from, change: make(chan struct{})} }

// grow says that n more bytes are there.
func (d *draft) grow(n int) { d.turn(int64(n), nil) }

// end says that no more will come: io.EOF, or why what is there is void. The first end counts.
func (d *draft) end(why error) { d.turn(0, why) }

func (d *draft) turn(n int64, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended != nil {
		return
	}
	d.size += n
	d.ended = why
	close(d.change)
	d.change = make(chan struct{})
}

func (d *draft) state() (size int64, change <-chan struct{}, ended error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size, d.change, d.ended
}

// follower reads a draft from its beginning. One goroutine uses it.
type follower struct {
	d   *draft
	ctx context.Context
	at  int64
}

// follow returns a reader whose Read waits for what is not there yet, until ctx ends.
func (d *draft) follow(ctx context.Context) *follower { return &follower{d: d, ctx: ctx} }

// Read returns the next bytes. A few of them wait a moment for more, so that what is written in crumbs is not carried so.
func (f *follower) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	size, ended, err := f.await(1, nil)
	if want := int64(min(len(p), fewBytes)); err == nil && ended == nil && size-f.at < want {
		soon := time.NewTimer(moreSoon)
		size, ended, err = f.await(want, soon.C)
		soon.Stop()
	}
	switch {
	case err != nil:
		return 0, err
	case ended != nil && (ended != io.EOF || f.at == size):
		return 0, ended
	}
	n, err := f.d.from.ReadAt(p[:min(int64(len(p)), size-f.at)], f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// await waits until n bytes can be read, the draft has ended or late is due.
func (f *follower) await(n int64, late <-chan time.Time) (size int64, ended, err error) {
	for {
		size, change, ended := f.d.state()
		if ended != nil || size-f.at >= n {
			return size, ended, nil
		}
		select {
		case <-change:
		case <-late:
			return size, nil, nil
		case <-f.ctx.Done():
			return size, nil, context.Cause(f.ctx)
		}
	}
}

// drain reads to the end.
func drain(r io.Reader) error {
	b := chunkBuffers.Get().(*[chunkSize]byte)
	defer chunkBuffers.Put(b)
	for {
		if _, err := r.Read(b[:]); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}
