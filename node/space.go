package node

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
)

var (
	// ErrNoSpace means that the disk is full, or the node's share of it: another server may have room.
	ErrNoSpace = errors.New("node: no space left for images")
	// ErrTooLong means that an upload is longer than it was announced.
	ErrTooLong = errors.New("node: image is longer than announced")
)

// Usage is what images take of the disk, in bytes.
type Usage struct {
	Max      int64
	Results  int64 // finished, and being written
	Spooled  int64 // uploads
	Reserved int64 // promised to jobs not yet begun
	Files    int   // finished results
}

// space accounts for the bytes of one node's images. It is safe for several goroutines.
type space struct {
	mu  sync.Mutex
	use Usage // guarded by mu
}

// grow takes n bytes for results or uploads, if there are so many.
func (s *space) grow(of *int64, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.use.Results+s.use.Spooled+n > s.use.Max {
		return fmt.Errorf("%w: %d of %d bytes are taken", ErrNoSpace, s.use.Results+s.use.Spooled, s.use.Max)
	}
	*of += n
	return nil
}

// reserve promises n bytes, if they are neither taken nor promised.
func (s *space) reserve(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if taken := s.use.Results + s.use.Spooled + s.use.Reserved; taken+n > s.use.Max {
		return fmt.Errorf("%w: %d of %d bytes are taken or promised", ErrNoSpace, taken, s.use.Max)
	}
	s.use.Reserved += n
	return nil
}

func (s *space) shrink(of *int64, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*of -= n
}

// count notes that results were added or removed.
func (s *space) count(files int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.use.Files += files
	s.use.Results += bytes
}

func (s *space) usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.use
}

// diskError marks the system's two ways of saying that a disk is full.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
