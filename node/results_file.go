package node

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"

	"p2pnode/wire"
)

// ResultFile is a result being written. It takes its name, its digest, when it is committed. One goroutine uses it.
type ResultFile struct {
	results *Results
	file    file
	name    string // of the unfinished file; empty once committed or aborted
	hash    hash.Hash
	size    int64
	failed  error // first error of Write: such a file is never committed
	keep    bool  // Commit puts the result aside
}

// Create begins a result. The caller ends it with Commit or Abort.
func (r *Results) Create() (*ResultFile, error) {
	name := rand.Text() + partSuffix
	f, err := r.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create result: %w", diskError(err))
	}
	return &ResultFile{results: r, file: f, name: name, hash: sha256.New()}, nil
}

// Write appends to the result: ErrNoSpace when the disk, or the node's share of it, is full.
func (f *ResultFile) Write(p []byte) (int, error) {
	if f.failed != nil {
		return 0, f.failed
	}
	s := &f.results.space
	if f.failed = s.grow(&s.use.Results, int64(len(p))); f.failed != nil {
		return 0, f.failed
	}
	n, err := f.file.Write(p)
	f.hash.Write(p[:n])
	f.size += int64(n)
	if err != nil {
		s.shrink(&s.use.Results, int64(len(p)-n))
		f.failed = fmt.Errorf("write result: %w", diskError(err))
	}
	return n, f.failed
}

// ReadAt reads what was written so far, for checks before the commit.
func (f *ResultFile) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Size returns the bytes written so far.
func (f *ResultFile) Size() int64 { return f.size }

// Keep has Commit put the result aside: it cannot be removed before a chore lets go of it. Until its job's record names a
// result, nothing else says that it is wanted; and the same bytes may be on their way out as an older job's.
func (f *ResultFile) Keep() { f.keep = true }

// Commit makes the result durable under its name and returns its digest and size. After an error the result is gone.
func (f *ResultFile) Commit() (wire.Digest, int64, error) {
	if f.name == "" {
		return wire.Digest{}, 0, errors.New("node: result is ended already")
	}
	defer f.Abort()
	if f.failed != nil {
		return wire.Digest{}, 0, f.failed
	}
	if err := f.file.Sync(); err != nil {
		return wire.Digest{}, 0, fmt.Errorf("sync result: %w", diskError(err))
	}
	d := wire.Digest(f.hash.Sum(nil))
	if err := f.install(d); err != nil {
		return wire.Digest{}, 0, fmt.Errorf("install result: %w", diskError(err))
	}
	return d, f.size, nil
}

// install gives the file its name. Where the same result is there already, it takes its place.
func (f *ResultFile) install(d wire.Digest) error {
	r, name := f.results, nameOf(d)
	r.names.Lock()
	defer r.names.Unlock()
	old, err := r.root.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.root.Rename(f.name, name); err != nil {
		return err
	}
	f.name = ""
	if old != nil {
		r.space.count(-1, -old.Size())
	}
	r.space.count(1, 0) // its bytes were counted as they were written
	if err := syncNames(r.root); err != nil {
		return err
	}
	if f.keep {
		r.kept[d]++
	}
	return nil
}

// Abort drops a result that is not committed. It may be called after Commit, and twice.
func (f *ResultFile) Abort() {
	f.file.Close()
	if f.name == "" {
		return
	}
	s := &f.results.space
	s.shrink(&s.use.Results, f.size)
	f.results.root.Remove(f.name) // one that stays is removed at the next start
	f.name = ""
}

// reopen opens the file once more, to be read while it is written and after it has its name. The caller closes it.
func (f *ResultFile) reopen() (file, error) {
	return f.results.root.OpenFile(f.name, os.O_RDONLY, 0)
}
