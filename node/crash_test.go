package node

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"
)

var (
	crashStates = flag.Int("crash.states", 3000, "how many states that a crash can leave are tried at least")
	crashSeed   = flag.Uint64("crash.seed", 0, "the first seed of the crashes")
)

// memoryDir is a directory in memory where the system has one: what counts is what is written, not that it is kept.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "p2pnode-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// crashed runs f for one seed after another until enough states were tried.
func crashed(t *testing.T, f func(dir, name string, seed uint64, states *int)) {
	t.Helper()
	begun, states, seed := time.Now(), 0, *crashSeed
	for ; states < *crashStates; seed++ {
		dir := memoryDir(t)
		name := fmt.Sprintf("replay: go test ./node -run '^%s$' -crash.seed %d -crash.states 1", t.Name(), seed)
		f(dir, name, seed, &states)
		os.RemoveAll(dir)
	}
	took := time.Since(begun)
	t.Logf("%d crash states of %d seeds in %v: %.0f states/s", states, seed-*crashSeed, took.Round(time.Millisecond), float64(states)/took.Seconds())
}

// TestCrashAtEveryOperation crashes a node that works, after each of its operations on the disk and between the fsyncs of
// its store, in many ways, now and then a second time while it recovers.
func TestCrashAtEveryOperation(t *testing.T) {
	solitary(t)
	crashed(t, func(dir, name string, seed uint64, states *int) {
		w := newCrashWorld(t, dir, name, seed, states)
		w.crashes, w.again = 3, 40
		for range 25 {
			w.step()
		}
		w.close()
	})
}

// TestFaultAtEveryOperation lets every operation of a node's work fail in turn, once or from then on for a while, crashing
// meanwhile. What fails is refused or ends the process; what was acknowledged stays.
func TestFaultAtEveryOperation(t *testing.T) {
	solitary(t)
	crashed(t, func(dir, name string, seed uint64, states *int) {
		for at, done := int(seed%faultStride), false; !done; at += faultStride {
			sub := fmt.Sprintf("%s/%d", dir, at)
			w := newCrashWorld(t, sub, fmt.Sprintf("fault at operation %d, %s", at, name), seed, states)
			w.crashes = 1
			done = !w.faulty(at)
			w.close()
			os.RemoveAll(sub)
		}
	})
}

// faultStride is how many seeds share the operations among them.
const faultStride = 8

// faulty works while operation number at, and those soon after it, fail; it reports whether there was such an operation.
func (w *crashWorld) faulty(at int) bool {
	err, ends := error(syscall.EIO), at+1
	if w.rand.IntN(2) == 0 {
		err, ends = syscall.ENOSPC, at+1+w.rand.IntN(6)
	}
	from, reached := w.ops, false
	fault := func(string) error {
		if n := w.ops - from - 1; n < at || n >= ends {
			return nil
		}
		reached = true
		return err
	}
	for range 12 {
		if !reached {
			w.fault = fault
		}
		w.step()
	}
	w.fault = nil
	w.restart()
	return reached
}

// TestFileIsInstalledWholeOrNotAtAll: secrets, pins and new stores.
func TestFileIsInstalledWholeOrNotAtAll(t *testing.T) {
	old, content := make([]byte, 700), make([]byte, 5000)
	dice := rand.New(rand.NewPCG(*crashSeed, 3))
	junk(dice, old)
	junk(dice, content)
	for _, replaces := range []bool{false, true} {
		before, give := "", naming(addName)
		d := &crashDisk{}
		if replaces {
			before, give = string(old), folder.Rename
			if err := install(d, "f", old, give); err != nil {
				t.Fatal(err)
			}
		}
		found := map[string]int{}
		d.look = func(string) {
			for range 200 {
				found[d.crash(dice).read("f")]++
			}
		}
		if err := install(d, "f", content, give); err != nil {
			t.Fatal(err)
		}
		if found[before] == 0 || found[string(content)] == 0 || len(found) != 2 {
			t.Errorf("replaces %v: crashes left %d versions of the file, want the old and the new", replaces, len(found))
		}
		d.look = nil
		for range 200 {
			if d.crash(dice).read("f") != string(content) {
				t.Fatal("a file is lost after it was installed")
			}
		}
	}
}

// read returns a file's content; empty: there is none.
func (d *crashDisk) read(name string) string {
	if f := d.slot(name).file(); f != nil {
		return string(f.data)
	}
	return ""
}
