package node

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// rangeSize is how an image or a result is cut when several connections carry it: ranges begin at its multiples.
const rangeSize = 16 << 10

// errRange means that a range is not one of the image's.
var errRange = errors.New("node: not a range of this image")

// mosaic puts an image together from ranges that come in any order (PROTOCOL.md §9.4), and is read in order meanwhile.
// Several goroutines put, one reads.
type mosaic struct {
	spool *Spool
	size  int64
	heard instant // when the last range came

	mu     sync.Mutex
	have   []bool        // by range; guarded by mu
	whole  int64         // bytes from the first on without a gap; guarded by mu
	broken error         // why no more ranges are let in; guarded by mu
	limit  time.Time     // until when a Read waits; guarded by mu
	change chan struct{} // closed when whole, broken or limit has changed, and then replaced; guarded by mu

	read int64 // owned by the reader
}

func newMosaic(spool *Spool, size int64) *mosaic {
	return &mosaic{
		spool: spool, size: size, have: make([]bool, (size+rangeSize-1)/rangeSize), change: make(chan struct{}),
	}
}

// wants reports whether a range is still missing: an error if there is no such range, or none is taken any more.
func (m *mosaic) wants(offset, length uint64) (bool, error) {
	if offset >= uint64(m.size) || offset%rangeSize != 0 || length != min(rangeSize, uint64(m.size)-offset) {
		return false, errRange
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.have[offset/rangeSize], m.broken
}

// put stores a range that wants has accepted. One that has come meanwhile is not stored twice.
func (m *mosaic) put(p []byte, offset int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if m.have[offset/rangeSize] {
		return nil
	}
	if _, err := m.spool.WriteAt(p, offset); err != nil {
		m.shut(err)
		return err
	}
	m.have[offset/rangeSize] = true
	for i := m.whole / rangeSize; m.whole < m.size && m.have[i]; i++ {
		m.whole = min(m.whole+rangeSize, m.size)
	}
	m.heard.note(time.Now())
	m.stir()
	return nil
}

// close lets no more ranges in. The spool may be closed after it.
func (m *mosaic) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut(io.ErrClosedPipe)
}

// shut ends the image's coming for a reason. The caller holds mu.
func (m *mosaic) shut(why error) {
	if m.broken == nil {
		m.broken = why
	}
	m.stir()
}

// stir wakes the reader. The caller holds mu.
func (m *mosaic) stir() {
	close(m.change)
	m.change = make(chan struct{})
}

// SetReadDeadline sets until when Read waits; zero: for ever.
func (m *mosaic) SetReadDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = t
	m.stir()
	return nil
}

// Read returns the image's next bytes, as soon as they are there.
func (m *mosaic) Read(p []byte) (int, error) {
	for {
		whole, limit, change, broken := m.state()
		switch {
		case m.read < whole:
			n, err := m.spool.ReadAt(p[:min(int64(len(p)), whole-m.read)], m.read)
			m.read += int64(n)
			return n, err
		case m.read == m.size:
			return 0, io.EOF
		case broken != nil:
			return 0, broken
		}
		if !awaitUntil(change, limit) {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (m *mosaic) state() (whole int64, limit time.Time, change <-chan struct{}, broken error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.whole, m.limit, m.change, m.broken
}

// awaitUntil waits for a channel to close, and reports false if the time came first.
func awaitUntil(c <-chan struct{}, limit time.Time) bool {
	if limit.IsZero() {
		<-c
		return true
	}
	timer := time.NewTimer(time.Until(limit))
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
