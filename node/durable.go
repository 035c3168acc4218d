package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// createFile writes a file of mode 0600 that is there whole or not at all, and on disk when createFile returns. A file of
// that name is never replaced: fs.ErrExist.
func createFile(path string, content []byte) error {
	return installFile(path, content, func(tmp string) error {
		err := os.Link(tmp, path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		if _, err := os.Lstat(path); err == nil { // a file system without links
			return fs.ErrExist
		}
		return os.Rename(tmp, path)
	})
}

// replaceFile is createFile for a file that may be there and is then replaced.
func replaceFile(path string, content []byte) error {
	return installFile(path, content, func(tmp string) error { return os.Rename(tmp, path) })
}

func installFile(path string, content []byte, install func(tmp string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := install(f.Name()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
