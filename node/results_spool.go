package node

import (
	"crypto/rand"
	"fmt"
	"os"
)

// Spool is a temporary file for one upload. It has no name while it is open where the system allows it, so that a crash
// leaves nothing; a name that stays is removed at the next start. One goroutine writes it; any may read what is written.
type Spool struct {
	results *Results
	file    file
	name    string // empty: has none
	max     int64
	size    int64
	closed  bool
}

// Spool begins an upload of at most max bytes. The caller closes it.
func (r *Results) Spool(max int64) (*Spool, error) {
	name := rand.Text()
	f, err := r.spool.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create upload: %w", diskError(err))
	}
	if r.spool.Remove(name) == nil {
		name = ""
	}
	return &Spool{results: r, file: f, name: name, max: max}, nil
}

// Write appends to the upload: ErrTooLong past its bound, ErrNoSpace when the disk, or the node's share of it, is full.
func (s *Spool) Write(p []byte) (int, error) { return s.WriteAt(p, s.size) }

// WriteAt writes bytes of the upload that were not written before, at their place.
func (s *Spool) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > s.max || s.size+int64(len(p)) > s.max {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLong, s.max)
	}
	sp := &s.results.space
	if err := sp.grow(&sp.use.Spooled, int64(len(p))); err != nil {
		return 0, err
	}
	n, err := s.file.WriteAt(p, off)
	s.size += int64(n)
	if err != nil {
		sp.shrink(&sp.use.Spooled, int64(len(p)-n))
		return n, fmt.Errorf("write upload: %w", diskError(err))
	}
	return n, nil
}

// ReadAt reads what was written so far.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) { return s.file.ReadAt(p, off) }

// Size returns the bytes written so far.
func (s *Spool) Size() int64 { return s.size }

// Close drops the upload. It may be called twice.
func (s *Spool) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	sp := &s.results.space
	sp.shrink(&sp.use.Spooled, s.size)
	err := s.file.Close()
	if s.name != "" {
		s.results.spool.Remove(s.name)
	}
	return err
}
