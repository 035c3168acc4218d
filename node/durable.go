package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// createFile writes a file of mode 0600 that is there whole or not at all, and on disk when createFile returns. A file of
// that name is never replaced: fs.ErrExist.
func createFile(path string, content []byte) error { return putFile(path, content, addName) }

// replaceFile is createFile for a file that may be there and is then replaced.
func replaceFile(path string, content []byte) error { return putFile(path, content, folder.Rename) }

// naming gives a finished file its name.
type naming func(dir folder, from, to string) error

func putFile(path string, content []byte, name naming) error {
	dir, err := openFolder(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := install(dir, filepath.Base(path), content, name); err != nil {
		return fmt.Errorf("in %s: %w", filepath.Dir(path), err)
	}
	return nil
}

// install writes a file under another name, makes it durable, and then gives it its own.
func install(dir folder, name string, content []byte, give naming) error {
	tmp := "." + name + "." + rand.Text() + ".tmp"
	f, err := dir.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer dir.Remove(tmp)
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := give(dir, tmp, name); err != nil {
		return err
	}
	return syncNames(dir)
}

// addName never takes a name that is taken.
func addName(dir folder, from, to string) error {
	err := dir.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := dir.Lstat(to); err == nil { // a file system without links
		return fs.ErrExist
	}
	return dir.Rename(from, to)
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := openFolder(path)
	if err != nil {
		return err
	}
	if err := errors.Join(syncNames(dir), dir.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", path, err)
	}
	return nil
}
