//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestLinksLeadOutOfNoDirectory: neither is a file read through a link that leads out of a directory, nor one written, nor does
// a pipe keep anybody waiting.
func TestLinksLeadOutOfNoDirectory(t *testing.T) {
	dir := plant(t, "in/sub/a.png", "in/away -> ../secret", "in/b.png -> ../secret/s.png", "in/c.png -> sub/a.png", "out/away -> ../secret", "secret/s.png")
	at := func(name string) string { return filepath.Join(dir, name) }
	var p program
	for name, want := range map[string]bool{"in/sub/a.png": true, "in/c.png": true, "in/b.png": false, "in/away/s.png": false, "secret/s.png": false} {
		f, err := p.openBelow(at("in"), at(name))
		if (err == nil) != want {
			t.Errorf("openBelow(in, %s): %v", name, err)
		}
		if err == nil {
			f.close()
		}
	}
	if err := syscall.Mkfifo(at("in/pipe.png"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.openBelow(at("in"), at("in/pipe.png")); err == nil {
		t.Error("a pipe is taken for an image")
	}
	for name, want := range map[string]bool{"out/new/sub/x.png": true, "out/away/x.png": false, "out/../secret/x.png": false} {
		o, err := p.createBelow(at("out"), at(name), true)
		if err == nil {
			err = o.commit()
		}
		if (err == nil) != want {
			t.Errorf("createBelow(out, %s): %v", name, err)
		}
	}
	if left, err := os.ReadDir(at("secret")); err != nil || len(left) != 1 {
		t.Errorf("secret holds %v, %v", left, err)
	}
	if left, err := os.ReadDir(at("out/new/sub")); err != nil || len(left) != 1 {
		t.Errorf("out/new/sub holds %v, %v, want one file", left, err)
	}
}

// TestDirectorySwappedMeanwhileGetsNoResult: the directory of a result is moved out of OUTDIR while it is made, and a link put in
// its place.
func TestDirectorySwappedMeanwhileGetsNoResult(t *testing.T) {
	dir := plant(t, "out/")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, force := range []bool{true, false} {
		var p program
		o, err := p.createBelow(at("out"), at("out/sub/x.png"), force)
		if err != nil {
			t.Fatal(err)
		}
		moved := at(filepath.Base(t.TempDir()))
		if err := os.Rename(at("out/sub"), moved); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(moved, at("out/sub")); err != nil {
			t.Fatal(err)
		}
		if err := o.commit(); err == nil {
			t.Errorf("force %v: commit through a link that leads out succeeds", force)
		}
		if _, err := os.Stat(filepath.Join(moved, "x.png")); err == nil {
			t.Errorf("force %v: the result is outside", force)
		}
		os.Remove(at("out/sub"))
	}
}
