//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestOddUsers gives the command what no documentation asks for: every answer has to be a result or a clear word.
func TestOddUsers(t *testing.T) {
	on := newLAN(t, "n1")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	home := on.host("n1").prefix()
	photo, err := os.ReadFile(c.photos()[0])
	if err != nil {
		t.Fatal(err)
	}
	place := func(name string) string {
		path := filepath.Join(c.dir, name)
		if err := os.WriteFile(path, photo, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := place("plain.png")
	elsewhere, link := filepath.Join(c.dir, "elsewhere.png"), filepath.Join(c.dir, "link.png")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.dir, "directory.png"), 0o700); err != nil {
		t.Fatal(err)
	}
	long := place("long.txt")
	if err := os.WriteFile(long, make([]byte, 70<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, odd := range []struct {
		name string
		args []string
		exit int
		says string
	}{
		{"a line break in the name", []string{place("two\nlines.png")}, 0, "lines.stego.png"},
		{"a dash in front", []string{"--", place("-x.png")}, 0, "-x.stego.png"},
		{"a directory for an image", []string{filepath.Join(c.dir, "directory.png")}, 2, "directory"},
		{"a device for an image", []string{"/dev/null"}, 5, "empty"},
		{"an output that dangles", []string{"-o", link, plain}, 1, "exists"},
		{"a device for an output", []string{"-o", "/dev/full", plain}, 2, "regular file"},
		{"a directory that is not there", []string{"-o", filepath.Join(c.dir, "no", "x.png"), plain}, 1, "mkdir -p"},
		{"the input for an output", []string{"-o", plain, plain}, 1, "exists"},
		{"two images, one output", []string{"-o", filepath.Join(c.dir, "one.png"), plain, link}, 2, "-o DIR/"},
		{"no image", nil, 2, "IMAGE"},
	} {
		args := append([]string{"encrypt", "--text", "odd", "--timeout", "20s", "--server", c.procs[0].control}, odd.args...)
		wantExit(t, odd.name, c.run(t.Context(), home, args...), odd.exit, odd.says)
	}
	wantExit(t, "a text of 70 MB", c.run(t.Context(), home, "encrypt", "--text-file", long, plain), 2, "longer than")
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("an output was written through a link")
	}
	if now, err := os.ReadFile(plain); err != nil || string(now) != string(photo) {
		t.Errorf("an input was changed, %v", err)
	}
	port := c.procs[0].control
	wantExit(t, "a port that is taken", c.run(t.Context(), home, "serve", "--dir", filepath.Join(c.dir, "x"), "--name", "x", "--listen", port), 2, "in use", "--listen")
	wantExit(t, "a directory that is taken", c.run(t.Context(), home, "serve", "--dir", c.procs[0].store(), "--name", "n1", "--http", "off"), 2, "in use", "--dir")
}
