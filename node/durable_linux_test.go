package node

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"p2pnode/wire"
)

// smallDisk mounts a file system of some pages of memory.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("p2pnode-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a small tmpfs needs root and CAP_SYS_ADMIN: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestResultsOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, "256k")
	r := openResults(t, dir, 1<<30)
	d := keep(t, r, bytes.Repeat([]byte("a"), 100_000))
	for _, open := range []func() (io.Writer, func()){
		func() (io.Writer, func()) {
			f, err := r.Create()
			if err != nil {
				t.Fatal(err)
			}
			return f, f.Abort
		},
		func() (io.Writer, func()) {
			s, err := r.Spool(1 << 30)
			if err != nil {
				t.Fatal(err)
			}
			return s, func() { s.Close() }
		},
	} {
		w, end := open()
		var err error
		for range 100 {
			if _, err = w.Write(make([]byte, 10_000)); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("writing to a full disk: %v, want ErrNoSpace", err)
		}
		end()
		if got := r.Usage(); got.Results != 100_000 || got.Spooled != 0 {
			t.Errorf("after giving up: Usage() = %+v", got)
		}
	}
	if got := held(t, r, d); len(got) != 100_000 {
		t.Errorf("the result there before has %d bytes", len(got))
	}
	keep(t, r, make([]byte, 100_000)) // the room has come back
}

func TestStoreOnAFullDiskKeepsWhatItSaidItKept(t *testing.T) {
	dir := smallDisk(t, "512k")
	s, _ := openStore(t, dir)
	var stored int
	var err error
	for err == nil && stored < 10_000 {
		r := aRecord(1, wire.Done)
		binary.BigEndian.PutUint32(r.Job[4:], uint32(stored))
		r.Client = strings.Repeat("x", maxClient)
		if err = s.Commit([]Batch{{Records: []wire.Record{r}}}); err == nil {
			stored++
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Commit number %d: %v, want ENOSPC", stored, err)
	}
	s, snap := reopen(t, s)
	defer closeStore(t, s)
	if len(snap.Records) != stored {
		t.Errorf("%d records after reopening on the full disk, %d were acknowledged", len(snap.Records), stored)
	}
}

// crashEnv names the directory in which TestStoreAndResultsSurviveKill's child works.
const crashEnv = "P2PNODE_TEST_CRASH_DIR"

func TestMainOfCrashingChild(t *testing.T) {
	dir := os.Getenv(crashEnv)
	if dir == "" {
		t.Skip("only as the child of TestStoreAndResultsSurviveKill")
	}
	store, _ := openStore(t, dir)
	results := openResults(t, dir, 1<<30)
	in := make(chan Batch, 16)
	go store.Run(in, func(n uint64, err error) { fmt.Printf("stored %d %v\n", n, err) })
	for i := uint32(0); ; i++ { // until killed
		f, err := results.Create()
		if err != nil {
			t.Fatal(err)
		}
		f.Write(crashContent(i))
		d, n, err := f.Commit()
		if err != nil {
			t.Fatal(err)
		}
		m := aMine(1)
		binary.BigEndian.PutUint32(m.Job[4:], i)
		m.Result, m.Size = d, n
		in <- Batch{Mine: []Mine{m}, Epoch: &Vote{Epoch: uint64(i + 1)}}
	}
}

func crashContent(i uint32) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint32(nil, i), 5000)
}

func TestStoreAndResultsSurviveKill(t *testing.T) {
	for round := range 3 {
		dir := filepath.Join(t.TempDir(), "node")
		told := killAfter(t, dir, 20*(round+1))
		store, snap := openStore(t, dir)
		if snap.Promised < told || len(snap.Mine) != int(snap.Promised) {
			t.Errorf("round %d: %d batches told as stored; found epoch %d, %d results", round, told, snap.Promised, len(snap.Mine))
		}
		results := openResults(t, dir, 1<<30)
		for job, m := range snap.Mine {
			want := crashContent(binary.BigEndian.Uint32(job[4:]))
			if got := held(t, results, m.Result); got != string(want) || sha256.Sum256(want) != m.Result {
				t.Errorf("round %d: result of job %v has %d bytes, want %d", round, job, len(got), len(want))
			}
		}
		closeStore(t, store)
	}
}

// killAfter runs the child until it has told at least n stored batches, kills it, and returns how many it told.
func killAfter(t *testing.T, dir string, n int) (told uint64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestMainOfCrashingChild$")
	child.Env = append(os.Environ(), crashEnv+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 3 || f[0] != "stored" || f[2] != "<nil>" {
			t.Errorf("the child says %q", lines.Text())
			break
		}
		if told, err = strconv.ParseUint(f[1], 10, 64); err != nil {
			t.Error(err)
		}
		if told >= uint64(n) {
			child.Process.Kill()
		}
	}
	child.Process.Kill()
	child.Wait()
	return told
}
