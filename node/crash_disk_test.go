package node

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"syscall"
	"testing"
	"time"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// crashDisk is a folder in memory that forgets in a crash what it was not told to keep:
//   - of a file, any subset of the sectors written since its last Sync is lost; what is lost beyond the old end of the
//     file reads as zeros or as anything; its size is any that it had since then;
//   - of the names, each by itself, any change since the last Sync of the folder is lost: a rename can leave both names,
//     either, or (a new file) none. A rename over a name never leaves that name empty;
//   - after a Sync that failed, what it should have kept is never kept, as Linux drops such pages.
//
// It does not tear sectors, nor does it lose what was synced.
type crashDisk struct {
	slots []*crashSlot                // in the order in which names were first seen, for seeds to replay
	fault func(op string) (err error) // asked before every operation; nil: no faults
	look  func(op string)             // called after every operation; nil: nobody looks
}

// crashSlot is a name. The last of its files is the present one, the first the durable one; nil: no file.
type crashSlot struct {
	name  string
	files []*crashInode
	lost  bool // a Sync failed: only a new change can become durable
}

type crashInode struct {
	data  []byte // as it is read now
	kept  []byte // as it was last synced
	sizes []int  // its sizes since
	lost  bool
}

var _ folder = (*crashDisk)(nil)

func (d *crashDisk) slot(name string) *crashSlot {
	i := slices.IndexFunc(d.slots, func(s *crashSlot) bool { return s.name == name })
	if i < 0 {
		i = len(d.slots)
		d.slots = append(d.slots, &crashSlot{name: name, files: []*crashInode{nil}})
	}
	return d.slots[i]
}

func (s *crashSlot) file() *crashInode { return s.files[len(s.files)-1] }

func (s *crashSlot) set(f *crashInode) { s.files, s.lost = append(s.files, f), false }

// do carries out one operation, unless it is to fail.
func (d *crashDisk) do(op, name string, f func() error) error {
	err := d.fails(op)
	if err == nil {
		err = f()
	}
	if d.look != nil {
		d.look(op)
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

func (d *crashDisk) fails(op string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(op)
}

// OpenFile knows the flags that Results uses.
func (d *crashDisk) OpenFile(name string, flag int, _ fs.FileMode) (f file, err error) {
	err = d.do("open", name, func() error {
		if name == "." {
			f = &crashFile{disk: d, name: name}
			return nil
		}
		s := d.slot(name)
		switch {
		case flag&os.O_CREATE != 0 && s.file() != nil:
			return fs.ErrExist
		case flag&os.O_CREATE != 0:
			s.set(&crashInode{sizes: []int{0}})
		case s.file() == nil:
			return fs.ErrNotExist
		}
		f = &crashFile{disk: d, name: name, node: s.file()}
		return nil
	})
	return f, err
}

func (d *crashDisk) Lstat(name string) (info fs.FileInfo, err error) {
	err = d.do("lstat", name, func() error {
		f := d.slot(name).file()
		if f == nil {
			return fs.ErrNotExist
		}
		info = crashInfo{name, int64(len(f.data))}
		return nil
	})
	return info, err
}

func (d *crashDisk) Rename(from, to string) error {
	return d.do("rename", from, func() error {
		f := d.slot(from).file()
		if f == nil {
			return fs.ErrNotExist
		}
		d.slot(to).set(f)
		d.slot(from).set(nil)
		return nil
	})
}

func (d *crashDisk) Link(from, to string) error {
	return d.do("link", from, func() error {
		switch {
		case d.slot(from).file() == nil:
			return fs.ErrNotExist
		case d.slot(to).file() != nil:
			return fs.ErrExist
		}
		d.slot(to).set(d.slot(from).file())
		return nil
	})
}

func (d *crashDisk) Remove(name string) error {
	return d.do("remove", name, func() error {
		if d.slot(name).file() == nil {
			return fs.ErrNotExist
		}
		d.slot(name).set(nil)
		return nil
	})
}

func (d *crashDisk) Close() error { return nil }

// sync makes the names durable.
func (d *crashDisk) sync() {
	for _, s := range d.slots {
		if !s.lost {
			s.files = s.files[len(s.files)-1:]
		}
	}
}

// unsynced marks what a failed sync has lost.
func (d *crashDisk) unsynced() {
	for _, s := range d.slots {
		s.lost = len(s.files) > 1
	}
}

// crash returns what a computer that starts again may find.
func (d *crashDisk) crash(r *rand.Rand) *crashDisk {
	luck := lucks[r.IntN(len(lucks))]
	found, after := map[*crashInode]*crashInode{nil: nil}, &crashDisk{}
	for _, s := range d.slots {
		f := s.files[0]
		if n := len(s.files); n > 1 && r.Float64() < luck {
			f = s.files[1+r.IntN(n-1)]
			if r.Float64() < luck {
				f = s.file()
			}
		}
		if _, ok := found[f]; !ok {
			found[f] = f.crash(r, luck)
		}
		if found[f] != nil {
			after.slots = append(after.slots, &crashSlot{name: s.name, files: []*crashInode{found[f]}})
		}
	}
	return after
}

// lucks are chances that a change that was not synced is kept.
var lucks = []float64{0, 0.1, 0.5, 0.9, 1}

func (f *crashInode) crash(r *rand.Rand, luck float64) *crashInode {
	size := f.sizes[r.IntN(len(f.sizes))]
	if r.Float64() < luck {
		size = len(f.data)
	}
	p := make([]byte, max(size, len(f.data)))
	copy(p, f.kept)
	for at := 0; at < len(p); at += sectorSize {
		end := min(at+sectorSize, len(p))
		switch {
		case r.Float64() < luck:
			copy(p[at:end], f.data[min(at, len(f.data)):min(end, len(f.data))])
		case at >= len(f.kept) && r.IntN(2) == 0:
			junk(r, p[at:end])
		}
	}
	return &crashInode{data: p[:size], kept: bytes.Clone(p[:size]), sizes: []int{size}}
}

func junk(r *rand.Rand, p []byte) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
}

// crashFile is an open file, or the folder itself.
type crashFile struct {
	disk *crashDisk
	name string
	node *crashInode // nil: the folder
	pos  int64
}

func (f *crashFile) Write(p []byte) (n int, err error) {
	n, err = f.WriteAt(p, f.pos)
	f.pos += int64(n)
	return n, err
}

// WriteAt that fails has written half.
func (f *crashFile) WriteAt(p []byte, off int64) (n int, err error) {
	if err = f.disk.fails("write"); err != nil {
		p = p[:len(p)/2]
	}
	if end := int(off) + len(p); end > len(f.node.data) {
		f.node.data = append(f.node.data, make([]byte, end-len(f.node.data))...)
	}
	copy(f.node.data[off:], p)
	f.node.sizes = append(f.node.sizes, len(f.node.data))
	if f.disk.look != nil {
		f.disk.look("write")
	}
	return len(p), err
}

func (f *crashFile) Sync() error {
	err := f.disk.do("sync", f.name, func() error { return nil })
	switch {
	case f.node == nil && err == nil:
		f.disk.sync()
	case f.node == nil:
		f.disk.unsynced()
	case err != nil:
		f.node.lost = true
	case !f.node.lost:
		f.node.kept, f.node.sizes = bytes.Clone(f.node.data), []int{len(f.node.data)}
	}
	return err
}

func (f *crashFile) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(f.node.data).ReadAt(p, off)
}

func (f *crashFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *crashFile) Stat() (fs.FileInfo, error) {
	if f.node == nil {
		return nil, syscall.EISDIR
	}
	return crashInfo{f.name, int64(len(f.node.data))}, nil
}

func (f *crashFile) Readdir(int) (infos []fs.FileInfo, err error) {
	err = f.disk.do("readdir", f.name, func() error {
		for _, s := range f.disk.slots {
			if s.file() != nil {
				infos = append(infos, crashInfo{s.name, int64(len(s.file().data))})
			}
		}
		return nil
	})
	return infos, err
}

func (f *crashFile) Close() error { return nil }

// crashInfo describes a regular file.
type crashInfo struct {
	name string
	size int64
}

func (i crashInfo) Name() string     { return path.Base(i.name) }
func (i crashInfo) Size() int64      { return i.size }
func (crashInfo) Mode() fs.FileMode  { return 0o600 }
func (crashInfo) ModTime() time.Time { return time.Time{} }
func (crashInfo) IsDir() bool        { return false }
func (crashInfo) Sys() any           { return nil }

// The disk must lose what it may lose, or the tests on it show nothing.
func TestCrashDiskForgets(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(500) {
		d := &crashDisk{}
		f, err := d.OpenFile("a", os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(bytes.Repeat([]byte("x"), 2*sectorSize))
		for _, synced := range []bool{false, true} {
			if synced {
				f.Sync()
				if err := syncNames(d); err != nil {
					t.Fatal(err)
				}
				d.Rename("a", "b")
			}
			after := d.crash(rand.New(rand.NewPCG(seed, 0)))
			what := map[bool]string{false: "written", true: "renamed"}[synced]
			for _, s := range after.slots {
				what += " " + s.name
				if !bytes.Equal(s.file().data, f.(*crashFile).node.data) {
					what += " torn"
				}
			}
			seen[what] = true
		}
	}
	for _, want := range []string{"written", "written a", "written a torn", "renamed a", "renamed b", "renamed a b", "renamed"} {
		if !seen[want] {
			t.Errorf("500 crashes never left %q", want)
		}
		delete(seen, want)
	}
	for what := range seen {
		t.Errorf("a crash left %q", what)
	}
}
