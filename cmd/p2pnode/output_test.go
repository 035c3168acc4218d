package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"p2pnode/stego"
	"p2pnode/wire"
)

// TestOneOfManyWins: of many that finish at once one gets the name; the others say so and leave nothing.
func TestOneOfManyWins(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "photo.stego.png")
	var p program
	errs := make([]error, 16)
	outs := make([]*output, len(errs))
	for i := range outs {
		o, err := p.createOutput(path, false)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(o.file, i)
		outs[i] = o
	}
	var all sync.WaitGroup
	for i, o := range outs {
		all.Go(func() { errs[i] = o.commit() })
	}
	all.Wait()
	winner := -1
	for i, err := range errs {
		f, refused := errors.AsType[*failure](err)
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Fatalf("%d and %d both won", winner, i)
		case !refused || f.Code != wire.CodeExists:
			t.Errorf("loser %d: got %v, want EXISTS", i, err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != fmt.Sprint(winner) {
		t.Errorf("file holds %q (%v), want %d", got, err, winner)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files remain, want 1", len(entries))
	}
}

func TestForceReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.png")
	if err := os.WriteFile(path, []byte("old and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	var p program
	if _, err := p.createOutput(path, false); err == nil {
		t.Fatal("createOutput over a file succeeds without force")
	}
	o, err := p.createOutput(path, true)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(o.file, "new")
	if got, _ := os.ReadFile(path); string(got) != "old and longer" {
		t.Errorf("before commit the file holds %q", got)
	}
	if err := o.commit(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "new" {
		t.Errorf("after commit the file holds %q", got)
	}
}

func TestScratchRunsOnceNewestFirst(t *testing.T) {
	var s scratch
	var got []int
	s.add(func() { got = append(got, 1) })
	now := s.add(func() { got = append(got, 2) })
	s.add(func() { got = append(got, 3) })
	now()
	now()
	s.clear()
	s.clear()
	if fmt.Sprint(got) != "[2 3 1]" {
		t.Errorf("ran %v, want [2 3 1]", got)
	}
}

func TestMissingDirectoryIsNamed(t *testing.T) {
	var p program
	dir := filepath.Join(t.TempDir(), "no such")
	_, err := p.createOutput(filepath.Join(dir, "out.png"), false)
	f := p.explain(err)
	if f.Code != wire.CodeNotFound || !strings.Contains(f.What, dir) || strings.Contains(f.What, ".part") || !strings.HasPrefix(f.Next, "mkdir -p ") {
		t.Errorf("createOutput in a missing directory: %v, %q, next %q", f.Code, f.What, f.Next)
	}
}

// TestEndlessInputIsRefused: /dev/zero is no image, and must not fill the disk.
func TestEndlessInputIsRefused(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var p program
	if i, err := p.spool("just enough", strings.NewReader("0123456789"), 10); err != nil || i.size != 10 {
		t.Errorf("spool of 10 bytes of 10: %v", err)
	}
	_, err := p.spool("endless", strings.NewReader("0123456789x"), 10)
	if f := p.explain(err); f.Code != wire.CodeUnsupported || !strings.Contains(f.What, "more than 10 bytes") {
		t.Errorf("spool of 11 bytes of 10: %v", err)
	}
	p.scratch.clear()
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestPayloadNamesStayInTheirDirectory: the name comes from whoever hid the payload.
func TestPayloadNamesStayInTheirDirectory(t *testing.T) {
	for name, want := range map[string]string{
		"a.bin": "a.bin", "../../etc/passwd": "passwd", "/etc/shadow": "shadow", "..": "payload.bin", ".": "payload.bin", "": "payload.bin", "a/": "a",
	} {
		if got := payloadName(stego.Payload{Kind: stego.File, Name: name}); got != want {
			t.Errorf("payloadName(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzPayloadName(f *testing.F) {
	f.Add("../x")
	f.Add("a\x00b")
	f.Fuzz(func(t *testing.T, name string) {
		got := payloadName(stego.Payload{Kind: stego.File, Name: name})
		if got == "" || got == "." || got == ".." || filepath.Base(got) != got {
			t.Fatalf("payloadName(%q) = %q is no plain name", name, got)
		}
	})
}
