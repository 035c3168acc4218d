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
	file      *os.File // temporary, beside the place it will have
	path      string   // as people know it
	in        place
	temporary string // in it, as is name
	name      string
	force     bool
	discard   func() // removes the temporary file; after commit it does nothing
}

// place is where an output's names are: a directory that no link leads out of (an os.Root), or anywhere.
type place interface {
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Link(from, to string) error
	Rename(from, to string) error
	Remove(name string) error
}

// anywhere is the whole file system.
type anywhere struct{}

func (anywhere) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}
func (anywhere) Link(from, to string) error   { return os.Link(from, to) }
func (anywhere) Rename(from, to string) error { return os.Rename(from, to) }
func (anywhere) Remove(name string) error     { return os.Remove(name) }

// createOutput begins a file. Where something stands in its place already, it fails at once.
func (p *program) createOutput(path string, force bool) (*output, error) {
	if err := placeFree(path, force); err != nil {
		return nil, err
	}
	o := &output{path: path, in: anywhere{}, name: path, force: force}
	err := p.begin(o, func() {})
	if dir := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) {
		return nil, failf(wire.CodeNotFound, "there is no directory %s for %s", dir, filepath.Base(path)).next("mkdir -p " + shellWord(dir))
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// createBelow is createOutput for a path below a directory, which no link leads out of. Directories between them are made.
func (p *program) createBelow(dir, path string, force bool) (*output, error) {
	if err := placeFree(path, force); err != nil {
		return nil, err
	}
	root, name, err := below(dir, path)
	if err != nil {
		return nil, err
	}
	o := &output{path: path, in: root, name: name, force: force}
	if folder := filepath.Dir(name); folder != "." {
		err = root.MkdirAll(folder, 0o777)
	}
	if err == nil {
		err = p.begin(o, func() { root.Close() })
	}
	if err != nil {
		root.Close()
		return nil, named(path, err)
	}
	return o, nil
}

// begin makes an output's temporary file, which stays until discard; done is called after it.
func (p *program) begin(o *output, done func()) (err error) {
	if o.file, o.temporary, err = createTemporary(o.in, o.name); err != nil {
		return err
	}
	o.discard = p.scratch.add(func() {
		o.file.Close()
		o.in.Remove(o.temporary)
		done()
	})
	return nil
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

// createTemporary makes a new hidden file beside a name, with the mode a result shall have, and returns its own name.
func createTemporary(in place, beside string) (*os.File, string, error) {
	var tag [8]byte
	rand.Read(tag[:])
	name := fmt.Sprintf(".%.100s.%s.part", filepath.Base(beside), hex.EncodeToString(tag[:]))
	name = filepath.Join(filepath.Dir(beside), name)
	f, err := in.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	return f, name, err
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
		return o.in.Rename(o.temporary, o.name)
	}
	err := o.in.Link(o.temporary, o.name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return existsError(o.path)
	}
	claim, err := o.in.OpenFile(o.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return existsError(o.path)
	}
	if err != nil {
		return err
	}
	claim.Close()
	return o.in.Rename(o.temporary, o.name)
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
	name := stegoName(filepath.Base(input))
	switch {
	case o == "" && input == "-":
		return "", usagef("an image from stdin needs -o OUT or -o -")
	case o == "":
		return filepath.Join(filepath.Dir(input), name), nil
	case isDirectory(o):
		return filepath.Join(o, name), nil
	}
	return o, namesPNG(o)
}

// stegoName is what the result of an image is called unless somebody says otherwise.
func stegoName(image string) string {
	return strings.TrimSuffix(image, filepath.Ext(image)) + ".stego.png"
}

// namesPNG refuses a name for a result that says it were no PNG.
func namesPNG(o string) error {
	switch ext := strings.ToLower(filepath.Ext(o)); ext {
	case ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff":
		return usagef("the result is a PNG, %s would say otherwise", o).
			next("-o " + strings.TrimSuffix(o, filepath.Ext(o)) + ".png")
	}
	return nil
}
