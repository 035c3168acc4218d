package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"p2pnode/wire"
)

const (
	resultSuffix = ".png"
	partSuffix   = ".part" // a result being written; one found at start is what a crash left
)

// Results are finished images as files, named by their digest, and uploads on their way. A result appears under its name
// whole and on disk, or not at all. It is safe for several goroutines; no two processes may open one directory.
type Results struct {
	root  folder // <dir>/results
	spool folder // <dir>/spool
	space space
	names sync.Mutex          // held while a name comes or goes, so that its bytes are counted once
	kept  map[wire.Digest]int // results that Keep has put aside, how often; guarded by names
}

// OpenResults opens the results in a node's directory, which take at most max bytes, and removes what is unfinished.
func OpenResults(dir string, max int64) (*Results, error) {
	root, err := madeFolder(filepath.Join(dir, "results"))
	if err != nil {
		return nil, err
	}
	spool, err := madeFolder(filepath.Join(dir, "spool"))
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	r, err := newResults(root, spool, max)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// newResults takes over two folders as an earlier process left them.
func newResults(root, spool folder, max int64) (*Results, error) {
	r := &Results{root: root, spool: spool, space: space{use: Usage{Max: max}}, kept: map[wire.Digest]int{}}
	if err := each(spool, func(i fs.FileInfo) error { return spool.Remove(i.Name()) }); err != nil {
		return r, fmt.Errorf("clear uploads: %w", err)
	}
	if err := each(root, r.adopt); err != nil {
		return r, fmt.Errorf("read results: %w", err)
	}
	return r, nil
}

// madeFolder opens a directory, which is made if needed.
func madeFolder(dir string) (folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	root, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	if err := errors.Join(syncNames(root), syncDir(filepath.Dir(dir))); err != nil {
		return nil, errors.Join(fmt.Errorf("open results: %w", err), root.Close())
	}
	return root, nil
}

// adopt counts a finished result found at start and removes an unfinished one. It leaves files alone that are not ours.
func (r *Results) adopt(i fs.FileInfo) error {
	if strings.HasSuffix(i.Name(), partSuffix) {
		return r.root.Remove(i.Name())
	}
	if _, ok := digestOf(i.Name()); ok {
		r.space.count(1, i.Size())
	}
	return nil
}

func nameOf(d wire.Digest) string { return d.String() + resultSuffix }

func digestOf(name string) (d wire.Digest, ok bool) {
	digits, ok := strings.CutSuffix(name, resultSuffix)
	p, err := hex.DecodeString(digits)
	if !ok || err != nil || d.UnmarshalBinary(p) != nil || d.String() != digits {
		return wire.Digest{}, false
	}
	return d, true
}

// Open opens a finished result and returns its size: fs.ErrNotExist if there is none. It can be read to its end although
// it is removed meanwhile. The caller closes it.
func (r *Results) Open(d wire.Digest) (file, int64, error) {
	f, err := r.root.OpenFile(nameOf(d), os.O_RDONLY, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("open result: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open result: %w", err), f.Close())
	}
	return f, info.Size(), nil
}

// Remove deletes a finished result, unless it is put aside. One that is not there is no error.
func (r *Results) Remove(d wire.Digest) error {
	r.names.Lock()
	defer r.names.Unlock()
	if r.kept[d] > 0 {
		return nil
	}
	info, err := r.root.Lstat(nameOf(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = r.root.Remove(nameOf(d))
	}
	if err != nil {
		return fmt.Errorf("remove result: %w", err)
	}
	r.space.count(-1, -info.Size())
	return nil
}

// tidy does a chore of the janitor.
func (r *Results) tidy(c chore) error {
	if !c.letGo {
		return r.Remove(c.result)
	}
	r.names.Lock()
	defer r.names.Unlock()
	if r.kept[c.result]--; r.kept[c.result] == 0 {
		delete(r.kept, c.result)
	}
	return nil
}

// Sweep removes finished results that nothing refers to, as a crash between a result and its record leaves them, and
// returns how many. It is for the start, before jobs are taken.
func (r *Results) Sweep(wanted func(wire.Digest) bool) (removed int, err error) {
	err = each(r.root, func(i fs.FileInfo) error {
		d, ok := digestOf(i.Name())
		if !ok || wanted(d) {
			return nil
		}
		removed++
		return r.Remove(d)
	})
	return removed, err
}

// Usage returns what images take of the disk.
func (r *Results) Usage() Usage { return r.space.usage() }

// Reserve promises n bytes to a job until release is called, or refuses with ErrNoSpace. What is then written is counted
// apart: release when the result is committed or given up.
func (r *Results) Reserve(n int64) (release func(), err error) {
	if err := r.space.reserve(n); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { r.space.shrink(&r.space.use.Reserved, n) }), nil
}

// Close releases the directory.
func (r *Results) Close() error { return errors.Join(r.root.Close(), r.spool.Close()) }
