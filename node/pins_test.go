package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func pinOf(t *testing.T, seed byte, label string) Pin {
	id := identityOf(t, seed)
	return Pin{Cluster: id.Cluster, Label: label, Authority: id.Authority, First: time.Date(2026, 5, 1, 12, 0, int(seed), 0, time.UTC)}
}

func openPins(t *testing.T, path string) *Pins {
	t.Helper()
	p, err := OpenPins(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPinsAreRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "known_clusters")
	p := openPins(t, path)
	if len(p.Known()) != 0 {
		t.Fatalf("Known() of no file = %v", p.Known())
	}
	want := []Pin{pinOf(t, 1, "home"), pinOf(t, 2, "odd \"name\"\n# with é")}
	for _, pin := range append(want, want[0]) { // a second time changes nothing
		if err := p.Pin(pin); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.Known(); !reflect.DeepEqual(got, want) {
		t.Errorf("Known() = %v, want %v", got, want)
	}
	if got := openPins(t, path).Known(); !reflect.DeepEqual(got, want) {
		t.Errorf("Known() of the file = %v, want %v", got, want)
	}
}

func TestPinsKeepWhatPeopleWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	text := "# mine\n\n" + strings.TrimSuffix(pinOf(t, 1, "home").line(), "\n") // no line end
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openPins(t, path).Pin(pinOf(t, 2, "lab")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := text + "\n" + pinOf(t, 2, "lab").line(); err != nil || string(got) != want {
		t.Errorf("the file is %q, want %q", got, want)
	}
}

func TestPinsOfAnotherKeyAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	forged := pinOf(t, 1, "home")
	forged.Authority = pinOf(t, 2, "").Authority
	if err := openPins(t, path).Pin(forged); err == nil {
		t.Error("Pin of a cluster with another's key: no error")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it was written")
	}
}

func TestPinsErrorsNameTheLine(t *testing.T) {
	good := pinOf(t, 1, "home").line()
	forged := pinOf(t, 1, "home")
	forged.Authority = pinOf(t, 2, "").Authority
	f := strings.SplitN(good, " ", 4)
	for _, c := range []struct{ line, want string }{
		{"hello", "want: cluster id, public key, date"},
		{"xyz " + f[1] + " " + f[2] + " " + f[3], "cluster id is not"},
		{f[0] + " xyz " + f[2] + " " + f[3], "public key is not hexadecimal"},
		{f[0] + " " + f[1][:10] + " " + f[2] + " " + f[3], "public key of 5 bytes"},
		{f[0] + " " + f[1] + " yesterday " + f[3], "date is not"},
		{f[0] + " " + f[1] + " " + f[2] + " home", "not in double quotes"},
		{forged.line(), "the public key is not that of cluster"},
	} {
		path := filepath.Join(t.TempDir(), "known")
		if err := os.WriteFile(path, []byte("# first\n"+good+c.line), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenPins(path)
		var pe *PinError
		if !errors.As(err, &pe) || pe.Line != 3 || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path+":3") {
			t.Errorf("OpenPins of %q: %v, want line 3 and %q", c.line, err, c.want)
		}
	}
}

func TestPinsOfTwoProcessesAreAllKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	const writers = 8
	var group sync.WaitGroup
	errs := make(chan error, writers)
	for i := range byte(writers) {
		pin, p := pinOf(t, i+1, fmt.Sprint(i)), openPins(t, path) // each opened before any has written
		group.Go(func() { errs <- p.Pin(pin) })
	}
	group.Wait()
	for range writers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if got := openPins(t, path).Known(); len(got) != writers {
		t.Errorf("%d clusters in the file, want %d", len(got), writers)
	}
}
