package node

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// crashWorld is a node's store and results on disks that can crash, and what the node has been told is durable.
type crashWorld struct {
	t    testing.TB
	rand *rand.Rand // decides what the node does
	dice *rand.Rand // decides what crashes leave
	name string     // how to replay it

	dir     string
	store   *Store
	blocks  *blockFile
	results *Results
	root    *crashDisk
	spool   *crashDisk
	told    crashImage  // acknowledged by the store
	doing   *crashImage // what the commit under way will make of it; nil: none is

	crashes int // states made at every operation
	again   int // one in so many of them goes on working and crashes again; 0: none
	states  *int
	jobs    uint8
	ops     int
	fault   func(op string) error
}

// newCrashWorld is a node that starts for the first time.
func newCrashWorld(t testing.TB, dir, name string, seed uint64, states *int) *crashWorld {
	w := &crashWorld{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), dice: rand.New(rand.NewPCG(seed, 2)), name: name, dir: dir,
		root: &crashDisk{}, spool: &crashDisk{}, states: states,
	}
	w.boot()
	return w
}

// boot opens what is there, as Node.New does, and watches it.
func (w *crashWorld) boot() {
	store, snap, err := OpenStore(w.dir, IDOf("alpha"))
	if err != nil {
		w.failf("the store does not open: %v", err)
	}
	w.store, w.told, w.doing = store, imageOf(snap), nil
	w.blocks = followBlocks(w.t, store.db)
	w.blocks.look, w.root.look, w.spool.look = w.look, w.look, w.look
	w.blocks.fault, w.root.fault, w.spool.fault = w.fails, w.fails, w.fails
	if w.results, err = newResults(w.root, w.spool, 1<<20); err == nil {
		_, err = w.results.Sweep(w.told.wanted)
	}
	switch {
	case err != nil && w.fault == nil:
		w.failf("the results do not open: %v", err)
	case err != nil: // the node does not start; somebody sees to the disk
		w.fault = nil
		w.close()
		w.boot()
	}
}

func (w *crashWorld) fails(op string) error {
	w.ops++
	if w.fault == nil {
		return nil
	}
	return w.fault(op)
}

func (w *crashWorld) close() {
	if err := w.store.Close(); err != nil {
		w.failf("%v", err)
	}
}

// failf ends the test, and keeps what was found on the disks: bbolt lays pages out in the order of Go's maps, so a seed
// alone need not bring the same file back.
func (w *crashWorld) failf(format string, args ...any) {
	w.t.Helper()
	kept, err := os.MkdirTemp("", "p2pnode-crash-")
	if err == nil {
		err = os.CopyFS(kept, os.DirFS(w.dir))
	}
	w.t.Fatalf("%s (after operation %d; %s; store kept in %s, %v)", fmt.Sprintf(format, args...), w.ops, w.name, kept, err)
}

// look makes the states in which a crash at this moment can leave the disks, and holds each to what must hold.
func (w *crashWorld) look(op string) {
	for range w.crashes {
		*w.states++
		after := w.crash(op)
		after.verify(w.told, w.doing)
		if w.again > 0 && w.dice.IntN(w.again) == 0 {
			after.goOn()
		}
		after.close()
	}
}

// crash is the node as it starts again on disks that have lost something.
func (w *crashWorld) crash(op string) *crashWorld {
	dir := filepath.Join(w.dir, "again")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.blocks.crash(w.t, w.dice, filepath.Join(dir, storeFile))
	after := &crashWorld{
		t: w.t, rand: w.dice, dice: w.dice, dir: dir, states: w.states, jobs: w.jobs,
		name: fmt.Sprintf("crash at operation %d, %s; %s", w.ops, op, w.name),
		root: w.root.crash(w.dice), spool: w.spool.crash(w.dice),
	}
	after.served()
	after.boot()
	return after
}

// served: no file with the name of a result differs from its name, wanted or not.
func (w *crashWorld) served() {
	for _, s := range w.root.slots {
		if d, ok := digestOf(s.name); ok && s.file() != nil && sha256.Sum256(s.file().data) != d {
			w.failf("result %v is torn: %d bytes", d, len(s.file().data))
		}
	}
}

// verify: the store holds what it was told to keep, or that and all of the commit under way; every result it names is
// there; nothing else is left, and the bytes are counted.
func (w *crashWorld) verify(told crashImage, doing *crashImage) {
	if !reflect.DeepEqual(w.told, told) && (doing == nil || !reflect.DeepEqual(w.told, *doing)) {
		w.failf("the store holds\n%+v\nit was told to keep\n%+v\nand was about to keep\n%+v", w.told, told, doing)
	}
	if w.told.promised < told.promised {
		w.failf("the promise fell from %d to %d", told.promised, w.told.promised)
	}
	w.complete()
	w.tidy()
}

// complete: every result that the store names can be served.
func (w *crashWorld) complete() {
	for _, m := range w.told.mine {
		f, size, err := w.results.Open(m.Result)
		if err != nil {
			w.failf("result of job %v is lost: %v", m.Job, err)
		}
		content, err := io.ReadAll(f)
		if err != nil || size != m.Size || sha256.Sum256(content) != m.Result {
			w.failf("result of job %v: %d bytes, %v, want %d", m.Job, size, err, m.Size)
		}
	}
}

// tidy: after the sweep there are the results the store names, no others, and their bytes are what is counted.
func (w *crashWorld) tidy() {
	for _, s := range w.root.slots {
		if d, ok := digestOf(s.name); s.file() != nil && (!ok || !w.told.wanted(d)) {
			w.failf("%s is left over", s.name)
		}
	}
	if i := slices.IndexFunc(w.spool.slots, func(s *crashSlot) bool { return s.file() != nil }); i >= 0 {
		w.failf("upload %s is left over", w.spool.slots[i].name)
	}
	w.counted()
}

// goOn works on after a crash, and crashes again at every operation.
func (w *crashWorld) goOn() {
	w.crashes = 1
	for range 3 {
		w.step()
	}
	w.crashes = 0
	w.restart()
}
