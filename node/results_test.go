package node

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"p2pnode/wire"
)

func openResults(t *testing.T, dir string, max int64) *Results {
	t.Helper()
	r, err := OpenResults(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// keep writes and commits a result.
func keep(t *testing.T, r *Results, content []byte) wire.Digest {
	t.Helper()
	f, err := r.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	d, n, err := f.Commit()
	if err != nil || n != int64(len(content)) || d != wire.Digest(sha256.Sum256(content)) {
		t.Fatalf("Commit() = %v, %d, %v", d, n, err)
	}
	return d
}

// held reads a result; empty: there is none.
func held(t *testing.T, r *Results, d wire.Digest) string {
	t.Helper()
	f, n, err := r.Open(d)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil || int64(len(content)) != n {
		t.Fatalf("read %d of %d bytes: %v", len(content), n, err)
	}
	return string(content)
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestResultsAreFilesNamedByDigest(t *testing.T) {
	dir := t.TempDir()
	r := openResults(t, dir, 1000)
	d := keep(t, r, []byte("picture"))
	if got := names(t, filepath.Join(dir, "results")); len(got) != 1 || got[0] != d.String()+".png" {
		t.Errorf("files %v, want %v.png", got, d)
	}
	if got := held(t, r, d); got != "picture" {
		t.Errorf("held %q", got)
	}
	if got, want := r.Usage(), (Usage{Max: 1000, Results: 7, Files: 1}); got != want {
		t.Errorf("Usage() = %+v, want %+v", got, want)
	}
	for range 2 { // a second time is no error
		if err := r.Remove(d); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := r.Usage(), (Usage{Max: 1000}); got != want || held(t, r, d) != "" {
		t.Errorf("after Remove: Usage() = %+v, want %+v", got, want)
	}
}

func TestResultsUnfinishedAreNeverServed(t *testing.T) {
	dir := t.TempDir()
	r := openResults(t, dir, 1000)
	d := wire.Digest(sha256.Sum256([]byte("picture")))
	f, err := r.Create()
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("picture"))
	if held(t, r, d) != "" {
		t.Error("served before Commit")
	}
	f.Abort()
	f.Abort()
	if left := names(t, filepath.Join(dir, "results")); len(left) > 0 || r.Usage().Results != 0 {
		t.Errorf("after Abort: files %v, usage %+v", left, r.Usage())
	}
	if _, _, err := f.Commit(); err == nil {
		t.Error("Commit after Abort: no error")
	}
}

// What a crash leaves: a file half written, an upload, and a result whose record was never stored.
func TestResultsAfterACrash(t *testing.T) {
	dir := t.TempDir()
	first := openResults(t, dir, 1000)
	wanted, orphan := keep(t, first, []byte("wanted")), keep(t, first, []byte("orphan"))
	half, err := first.Create()
	if err != nil {
		t.Fatal(err)
	}
	half.Write([]byte("hal"))
	for _, name := range []string{"results/notes.txt", "results/" + strings.Repeat("A", 64) + ".png", "spool/upload"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	r := openResults(t, dir, 1000) // the process starts again; nothing of the first was closed
	if got, want := r.Usage(), (Usage{Max: 1000, Results: 12, Files: 2}); got != want {
		t.Errorf("Usage() = %+v, want %+v", got, want)
	}
	if n, err := r.Sweep(func(d wire.Digest) bool { return d == wanted }); n != 1 || err != nil {
		t.Errorf("Sweep() = %d, %v, want 1", n, err)
	}
	if held(t, r, wanted) != "wanted" || held(t, r, orphan) != "" || r.Usage().Results != 6 {
		t.Errorf("after Sweep: wanted %q, orphan %q, usage %+v", held(t, r, wanted), held(t, r, orphan), r.Usage())
	}
	if got := names(t, filepath.Join(dir, "results")); len(got) != 3 { // the files that are not ours stay
		t.Errorf("results: %v", got)
	}
	if got := names(t, filepath.Join(dir, "spool")); len(got) != 0 {
		t.Errorf("spool: %v, want nothing", got)
	}
}

func TestResultsSameTwiceCountsOnce(t *testing.T) {
	r := openResults(t, t.TempDir(), 1000)
	d := keep(t, r, []byte("same"))
	reading, _, err := r.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	keep(t, r, []byte("same"))
	if got, want := r.Usage(), (Usage{Max: 1000, Results: 4, Files: 1}); got != want {
		t.Errorf("Usage() = %+v, want %+v", got, want)
	}
	if err := r.Remove(d); err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(reading); string(content) != "same" || err != nil {
		t.Errorf("a reader got %q, %v after the result was replaced and removed", content, err)
	}
}

func TestResultsQuota(t *testing.T) {
	r := openResults(t, t.TempDir(), 10)
	d := keep(t, r, []byte("123456"))
	f, err := r.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("7890")); err != nil {
		t.Errorf("Write up to the bound: %v", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Write past the bound: %v, want ErrNoSpace", err)
	}
	if _, _, err := f.Commit(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Commit of what could not be written: %v, want ErrNoSpace", err)
	}
	if got := r.Usage().Results; got != 6 {
		t.Errorf("%d bytes taken after that, want 6", got)
	}
	if err := r.Remove(d); err != nil {
		t.Fatal(err)
	}
	keep(t, r, []byte("1234567890"))
}

func TestResultsReserve(t *testing.T) {
	r := openResults(t, t.TempDir(), 10)
	keep(t, r, []byte("123"))
	release, err := r.Reserve(5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reserve(3); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Reserve of more than is left: %v, want ErrNoSpace", err)
	}
	if got, want := r.Usage(), (Usage{Max: 10, Results: 3, Reserved: 5, Files: 1}); got != want {
		t.Errorf("Usage() = %+v, want %+v", got, want)
	}
	release()
	release()
	if _, err := r.Reserve(7); err != nil {
		t.Errorf("Reserve after release: %v", err)
	}
}

func TestResultsSpool(t *testing.T) {
	dir := t.TempDir()
	r := openResults(t, dir, 10)
	s, err := r.Spool(6)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"abc", "def"} {
		if n, err := s.Write([]byte(p)); n != 3 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if _, err := s.Write([]byte("g")); !errors.Is(err, ErrTooLong) {
		t.Errorf("Write past the announced size: %v, want ErrTooLong", err)
	}
	if content, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size())); string(content) != "abcdef" || err != nil {
		t.Errorf("read back %q, %v", content, err)
	}
	other, err := r.Spool(100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Write(make([]byte, 5)); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Write past the node's share: %v, want ErrNoSpace", err)
	}
	if got := r.Usage().Spooled; got != 6 {
		t.Errorf("%d bytes spooled, want 6", got)
	}
	if err := errors.Join(s.Close(), s.Close(), other.Close()); err != nil {
		t.Error(err)
	}
	if left := names(t, filepath.Join(dir, "spool")); len(left) > 0 || r.Usage().Spooled != 0 {
		t.Errorf("after Close: files %v, usage %+v", left, r.Usage())
	}
}

func TestResultsOfSeveralAtOnce(t *testing.T) {
	r := openResults(t, t.TempDir(), 1<<20)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			content := bytes.Repeat([]byte{byte(i / 2)}, 1000) // two of each
			for range 5 {
				f, err := r.Create()
				if err != nil {
					t.Error(err)
					return
				}
				f.Write(content)
				d, _, err := f.Commit()
				if err != nil {
					t.Error(err)
				}
				if err := r.Remove(d); err != nil {
					t.Error(err)
				}
			}
			f, err := r.Create()
			if err != nil {
				t.Error(err)
				return
			}
			f.Write(content)
			if _, _, err := f.Commit(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	files, bytes := 0, int64(0)
	each(r.root, func(i fs.FileInfo) error { files++; bytes += i.Size(); return nil })
	if got := r.Usage(); got.Files != files || got.Results != bytes || files > 4 {
		t.Errorf("Usage() = %+v, the directory holds %d files, %d bytes", got, files, bytes)
	}
}

func TestResultsNamesNeverLeaveTheDirectory(t *testing.T) {
	for _, name := range []string{"../x.png", "x.png", strings.Repeat("a", 63) + ".png", strings.Repeat("A", 64) + ".png", strings.Repeat("a", 64)} {
		if _, ok := digestOf(name); ok {
			t.Errorf("digestOf(%q) accepts it", name)
		}
	}
	d := wire.Digest{0xab}
	if got, ok := digestOf(nameOf(d)); !ok || got != d {
		t.Errorf("digestOf(nameOf(%v)) = %v, %v", d, got, ok)
	}
}
