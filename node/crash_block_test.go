package node

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unsafe"

	"go.etcd.io/bbolt"
)

// blockFile follows what bbolt does to its file: every write, at the one function through which bbolt writes, and the
// fsyncs between them. From that it makes the files that a crash may leave.
//
// bbolt maps its file and needs a real one, so it can stand on no disk of ours. Its commit is: grow the file and sync, write
// the changed pages, sync, write one of two meta pages, sync. The syncs themselves cannot be seen from outside; they are
// taken from bbolt's source and hold as long as its NoSync and NoGrowSync are off, which is asked at every step: a store
// opened with one of them loses what it must lose.
//
// Covered: any subset of the 512-byte sectors and any prefix of the pages of what was not yet synced, old and new file
// sizes (Store.reserve's too), a write that fails half-way. Not covered: sectors torn inside, a failing fsync or truncate,
// and the commits made while a store is opened for the first time (install covers that file's way to its name).
type blockFile struct {
	db      *bbolt.DB
	path    string
	kept    []byte // as synced, without the zeros at its end; nil: not yet read
	size    int64
	pending []blockWrite
	fault   func(op string) error
	look    func(op string)
}

type blockWrite struct {
	at   int
	data []byte
}

// followBlocks puts itself between bbolt and its file.
func followBlocks(t testing.TB, db *bbolt.DB) *blockFile {
	t.Helper()
	b := &blockFile{db: db, path: db.Path()}
	ops := reflect.ValueOf(db).Elem().FieldByName("ops")
	write := (*func([]byte, int64) (int, error))(unsafe.Pointer(ops.FieldByName("writeAt").UnsafeAddr()))
	real := *write
	*write = func(p []byte, off int64) (int, error) { return b.write(t, p, off, real) }
	return b
}

// read takes over the file as it is, the first time that it is asked for.
func (b *blockFile) read(t testing.TB) {
	if b.kept != nil {
		return
	}
	p, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	b.kept, b.size = bytes.TrimRight(p, "\x00"), int64(len(p))
}

func (b *blockFile) write(t testing.TB, p []byte, off int64, real func([]byte, int64) (int, error)) (int, error) {
	b.read(t)
	b.grown(t)
	if off < 2*int64(os.Getpagesize()) {
		b.synced() // the pages; now comes the meta page that names them
	}
	err := b.fails()
	if err != nil {
		p = p[:len(p)/2/sectorSize*sectorSize]
	}
	b.pending = append(b.pending, blockWrite{int(off), bytes.Clone(p)})
	n, e := real(p, off)
	b.see("store write")
	if err == nil {
		err = e
	}
	return n, err
}

func (b *blockFile) fails() error {
	if b.fault == nil {
		return nil
	}
	return b.fault("store write")
}

func (b *blockFile) see(op string) {
	if b.look != nil {
		b.look(op)
	}
}

// grown notes that the file has a new size.
func (b *blockFile) grown(t testing.TB) {
	info, err := os.Stat(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() <= b.size {
		return
	}
	b.see("store grow")
	if !b.db.NoGrowSync {
		b.size = info.Size()
	}
	b.see("store grow")
}

// synced notes an fsync.
func (b *blockFile) synced() {
	if b.db.NoSync {
		return
	}
	for _, w := range b.pending {
		b.kept = w.apply(b.kept, func(int) bool { return true })
	}
	b.pending = nil
}

// apply writes those sectors that are kept.
func (w blockWrite) apply(p []byte, keep func(sector int) bool) []byte {
	for at := 0; at < len(w.data); at += sectorSize {
		if !keep(at / sectorSize) {
			continue
		}
		end := min(at+sectorSize, len(w.data))
		if short := w.at + end - len(p); short > 0 {
			p = append(p, make([]byte, short)...)
		}
		copy(p[w.at+at:], w.data[at:end])
	}
	return p
}

// crash writes a file that may be found after a crash.
func (b *blockFile) crash(t testing.TB, r *rand.Rand, path string) {
	b.read(t)
	p := b.torn(r)
	err := os.WriteFile(path, p, 0o600)
	if err == nil && int64(len(p)) < b.size {
		err = os.Truncate(path, b.size)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (b *blockFile) torn(r *rand.Rand) []byte {
	p := bytes.Clone(b.kept)
	if r.IntN(3) == 0 { // pages in their order, the last of them torn
		whole := r.IntN(len(b.pending) + 1)
		for i, w := range b.pending[:min(whole+1, len(b.pending))] {
			p = w.apply(p, func(int) bool { return i < whole || r.IntN(2) == 0 })
		}
		return p
	}
	luck := lucks[r.IntN(len(lucks))]
	for _, w := range b.pending {
		p = w.apply(p, func(int) bool { return r.Float64() < luck })
	}
	return p
}

func TestBlockFileIsWhatIsOnDisk(t *testing.T) {
	dir := memoryDir(t)
	s, _ := openStore(t, dir)
	defer closeStore(t, s)
	b := followBlocks(t, s.db)
	writes := 0
	b.look = func(string) { writes++ }
	for i := range 20 {
		commit(t, s, Batch{Epoch: &Vote{Epoch: uint64(i)}, Mine: []Mine{aMine(uint8(i))}})
		b.synced()
	}
	got, err := os.ReadFile(filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatal(err)
	}
	if writes < 60 || !bytes.Equal(bytes.TrimRight(got, "\x00"), bytes.TrimRight(b.kept, "\x00")) {
		t.Errorf("after 20 commits, %d writes seen, the file followed differs from the one on disk", writes)
	}
	if s.db.NoSync || s.db.NoGrowSync || s.db.NoFreelistSync {
		t.Error("the store is opened without its fsyncs")
	}
}
