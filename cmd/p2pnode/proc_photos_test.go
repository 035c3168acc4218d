//go:build unix

package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// photos returns pictures to work on: those of the directory that the environment names, else two that are painted here.
func (l *lab) photos() []string {
	l.t.Helper()
	dir := os.Getenv(photosEnv)
	if dir == "" {
		return []string{l.paint("small.png", 1200, 900), l.paint("large.jpg", 2400, 1600)}
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

// painted are the pictures made so far, by name and size: painting takes longer than hiding.
var painted sync.Map

// paint makes a picture of a size, JPEG or PNG by its name.
func (l *lab) paint(name string, width, height int) string {
	l.t.Helper()
	key := fmt.Sprintf("%s %d %d", filepath.Ext(name), width, height)
	content, ok := painted.Load(key)
	if !ok {
		content = l.picture(filepath.Ext(name), landscape(width, height))
		painted.Store(key, content)
	}
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, content.([]byte), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// picture encodes an image as a file of a type.
func (l *lab) picture(kind string, m image.Image) []byte {
	l.t.Helper()
	var b bytes.Buffer
	var err error
	if kind == ".jpg" {
		err = jpeg.Encode(&b, m, nil)
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return b.Bytes()
}

func TestProcessHidesAndFinds(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	for i, photo := range l.photos()[:2] {
		r := l.hide(t.Context(), all, photo, fmt.Sprintf("text %d: ¿vuelve?", i))
		t.Logf("%s: %s of leader %s, epoch %d, %.2f s, %d bytes", filepath.Base(photo), r.Server, r.Leader, r.Epoch, r.Seconds, r.Size)
	}
}
