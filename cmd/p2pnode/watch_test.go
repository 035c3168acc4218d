package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2pnode/wire"
)

// lookouts is a lookout at a time of its own: second by second.
type lookouts struct {
	*lookout
	t     *testing.T
	now   time.Time
	files map[string]int64 // name → size
}

func newLookouts(t *testing.T) *lookouts {
	return &lookouts{newLookout(2 * time.Second), t, time.Unix(1e9, 0), map[string]int64{}}
}

// look lets a second pass, and checks what is ready then: names, and "name=other" for those that meet.
func (l *lookouts) look(want string) {
	l.t.Helper()
	l.now = l.now.Add(time.Second)
	var found []sighted
	for _, name := range []string{"a.jpg", "a.png", "b.png"} {
		if size, there := l.files[name]; there {
			found = append(found, sighted{name: name, size: size, modified: time.Unix(size, 0)})
		}
	}
	ready, met := l.see(l.now, found)
	for _, m := range met {
		ready = append(ready, m.name+"="+m.first)
	}
	if got := strings.Join(ready, " "); got != want {
		l.t.Errorf("at second %d: ready %q, want %q", l.now.Unix()-1e9, got, want)
	}
}

// arrive puts a file there, and waits until it is ready.
func (l *lookouts) arrive(name string, size int64) {
	l.t.Helper()
	l.files[name] = size
	l.look("")
	l.look("")
	l.look(name)
}

// ended settles a file, and checks whether that is news.
func (l *lookouts) ended(name, status string, code wire.Code, want bool) {
	l.t.Helper()
	if got := l.settle(l.now, name, status, code); got != want {
		l.t.Errorf("%s %s %v: news %v, want %v", name, status, code, got, want)
	}
}

func TestFileIsTakenWhenItStaysAsItIs(t *testing.T) {
	l := newLookouts(t)
	l.files["a.png"] = 1
	l.look("")
	l.files["a.png"] = 2 // it grows
	l.look("")
	l.look("")
	l.look("a.png")
	l.look("") // worked on
	l.ended("a.png", statusDone, wire.CodeOK, true)
	l.look("")
	l.look("")
	if n := l.failing(); n != 0 {
		t.Errorf("%d fail", n)
	}
}

func TestBadImageIsToldOnceAndAgainWhenItChanges(t *testing.T) {
	l := newLookouts(t)
	l.arrive("a.png", 1)
	l.ended("a.png", statusFailed, wire.CodeBadImage, true)
	for range 100 {
		l.look("")
	}
	l.arrive("a.png", 2)
	l.ended("a.png", statusFailed, wire.CodeBadImage, true)
	if n := l.failing(); n != 1 {
		t.Errorf("%d fail, want 1", n)
	}
	delete(l.files, "a.png")
	l.look("")
	if n := l.failing(); n != 0 {
		t.Errorf("%d fail after the file has gone", n)
	}
}

func TestClusterInTheWayIsTriedAgainEverLater(t *testing.T) {
	l := newLookouts(t)
	l.arrive("a.png", 1)
	l.ended("a.png", statusFailed, wire.CodeNoCluster, true)
	l.look("a.png")
	l.ended("a.png", statusFailed, wire.CodeNoCluster, false)
	l.look("")
	l.look("a.png")
	l.ended("a.png", statusFailed, wire.CodeTimeout, true) // another reason
	l.ended("a.png", statusFailed, wire.CodeTimeout, false)
	for range 20 {
		l.ended("a.png", statusFailed, wire.CodeTimeout, false)
	}
	for range int(retryMax/time.Second) - 1 {
		l.look("")
	}
	l.look("a.png")
	l.ended("a.png", statusDone, wire.CodeOK, true)
	l.look("")
	if n := l.failing(); n != 0 {
		t.Errorf("%d fail after all was done", n)
	}
}

func TestFileThatChangesMeanwhileIsTakenAgain(t *testing.T) {
	l := newLookouts(t)
	l.arrive("a.png", 1)
	l.files["a.png"] = 2
	l.look("")
	l.look("")
	l.look("")
	l.ended("a.png", statusFailed, wire.CodeBadImage, true)
	l.look("a.png")
	delete(l.files, "a.png") // gone while it is worked on
	l.look("")
	l.ended("a.png", statusDone, wire.CodeOK, true)
	l.look("")
	l.arrive("a.png", 2)
}

func TestTwoFilesOfOneResultMeet(t *testing.T) {
	l := newLookouts(t)
	l.files["a.png"], l.files["b.png"] = 1, 1
	l.look("")
	l.look("")
	l.look("a.png b.png")
	l.ended("a.png", statusDone, wire.CodeOK, true)
	l.files["a.jpg"] = 1
	l.look("")
	l.look("")
	l.look("a.jpg=a.png")
	l.look("")
	delete(l.files, "a.png")
	l.look("")
	l.arrive("a.jpg", 2)
	if got := fmt.Sprint(l.claims); got != "map[a.stego.png:a.jpg b.stego.png:b.png]" {
		t.Errorf("claims are %s", got)
	}
}

func TestWatchKeepsItsDirectoriesApart(t *testing.T) {
	dir := plant(t, "in/sub/", "out/", "link -> in/sub", "file")
	at := func(name string) string { return filepath.Join(dir, name) }
	for out, want := range map[string]string{
		"in": "one directory", "in/sub": "lies in", "in/new/deep": "lies in", "link": "lies in", "link/new": "lies in", ".": "", "out": "", "new": "",
	} {
		err := apart(at("in"), at(out))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("apart(in, %s): got %v, want %q", out, err, want)
		}
	}
	for _, in := range []string{"file", "missing"} {
		if err := apart(at(in), at("out")); err == nil {
			t.Errorf("apart(%s, out) succeeds", in)
		}
	}
}
