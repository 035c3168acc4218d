package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"p2pnode/wire"
)

// output is a file that appears whole or not at all, and never in the place of
// another one unless that was asked for.
type output struct {
	file    *os.File // temporary, beside the place it will have
	path    string
	force   bool
	discard func() // removes the temporary file; after commit it does nothing
}

// createOutput begins a file. Where something stands in its place already, it fails at once.
func (p *program) createOutput(path string, force bool) (*output, error) {
	if err := placeFree(path, force); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	f, err := createTemporary(dir, filepath.Base(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failf(wire.CodeNotFound, "there is no directory %s for %s", dir, filepath.Base(path)).next("mkdir -p " + shellWord(dir))
	}
	if err != nil {
		return nil, err
	}
	o := &output{file: f, path: path, force: force}
	o.discard = p.scratch.add(func() {
		f.Close()
		os.Remove(f.Name())
	})
	return o, nil
}

// placeFree says whether a file may be put at path.
func placeFree(path string, force bool) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil && !force { // a dangling link
			return existsError(path)
		}
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return usagef("%s is a directory", path).next("-o " + path + "/")
	case !info.Mode().IsRegular():
		return usagef("%s is not a regular file", path).next("-o - to write to stdout")
	case !force:
		return existsError(path)
	}
	return nil
}

func existsError(path string) error {
	return failf(wire.CodeExists, "%s exists and is not overwritten", path).
		next("add --force to replace it, or -o ELSEWHERE")
}

// createTemporary makes a new hidden file in dir, with the mode a result shall have.
func createTemporary(dir, name string) (*os.File, error) {
	var tag [8]byte
	rand.Read(tag[:])
	name = fmt.Sprintf(".%.100s.%s.part", name, hex.EncodeToString(tag[:]))
	return os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

// commit makes the file durable and gives it its name.
func (o *output) commit() error {
	defer o.discard()
	if err := o.file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	if err := o.file.Close(); err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	if err := o.publish(); err != nil {
		return err
	}
	syncDirectory(filepath.Dir(o.path))
	return nil
}

// publish moves the file to its place. Without force that is a link, which the
// system refuses where a file came to stand there meanwhile; a file system without
// links gets the name claimed by an empty file first.
func (o *output) publish() error {
	if o.force {
		return os.Rename(o.file.Name(), o.path)
	}
	err := os.Link(o.file.Name(), o.path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return existsError(o.path)
	}
	claim, err := os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return existsError(o.path)
	}
	if err != nil {
		return err
	}
	claim.Close()
	return os.Rename(o.file.Name(), o.path)
}

// syncDirectory makes a new name durable. Some file systems cannot; the file itself is safe then too.
func syncDirectory(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// copyTo writes the whole file to w, for `-o -`, once it is known to be right.
func (o *output) copyTo(w io.Writer) error {
	defer o.discard()
	if _, err := o.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, o.file)
	return err
}

// isDirectory reports whether an -o value means a directory: it is one, or ends like one.
func isDirectory(o string) bool {
	if strings.HasSuffix(o, "/") || strings.HasSuffix(o, string(filepath.Separator)) {
		return true
	}
	info, err := os.Stat(o)
	return err == nil && info.IsDir()
}

// resultPath is where an image's result goes: photo.stego.png beside it, or as -o says.
func resultPath(input, o string) (string, error) {
	name := filepath.Base(input)
	name = strings.TrimSuffix(name, filepath.Ext(name)) + ".stego.png"
	switch {
	case o == "" && input == "-":
		return "", usagef("an image from stdin needs -o OUT or -o -")
	case o == "":
		return filepath.Join(filepath.Dir(input), name), nil
	case isDirectory(o):
		return filepath.Join(o, name), nil
	}
	switch ext := strings.ToLower(filepath.Ext(o)); ext {
	case ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff":
		return "", usagef("the result is a PNG, %s would say otherwise", o).
			next("-o " + strings.TrimSuffix(o, filepath.Ext(o)) + ".png")
	}
	return o, nil
}
