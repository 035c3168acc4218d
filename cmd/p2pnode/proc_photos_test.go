//go:build unix

package main

import (
	"fmt"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// photos returns pictures to work on: those of the directory that the environment names, else two that are painted here.
func (l *lab) photos() []string {
	l.t.Helper()
	dir := os.Getenv(photosEnv)
	if dir == "" {
		return []string{l.paint("small.png", 1200, 900), l.paint("large.jpg", 2800, 2000)}
	}
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() > 100_000 && (filepath.Ext(path) == ".jpg" || filepath.Ext(path) == ".png") {
			found = append(found, path)
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		l.t.Fatalf("no photos in %s: %v", dir, err)
	}
	slices.Sort(found)
	return found
}

// paint makes a picture of a size, JPEG or PNG by its name.
func (l *lab) paint(name string, width, height int) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	f, err := os.Create(path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	if filepath.Ext(name) == ".jpg" {
		err = jpeg.Encode(f, landscape(width, height), nil)
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(f, landscape(width, height))
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return path
}

func TestProcessHidesAndFinds(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	for i, photo := range l.photos()[:2] {
		r := l.hide(t.Context(), all, photo, fmt.Sprintf("text %d: ¿vuelve?", i))
		t.Logf("%s: %s of leader %s, epoch %d, %.2f s, %d bytes", filepath.Base(photo), r.Server, r.Leader, r.Epoch, r.Seconds, r.Size)
	}
}
