package node

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// folder is a directory whose files are to survive a crash: an os.Root, or the disk in memory that tests crash. Names
// never leave it.
type folder interface {
	entries
	io.Closer
	OpenFile(name string, flag int, perm fs.FileMode) (file, error)
	Lstat(name string) (fs.FileInfo, error)
}

// entries are what come and go in a folder: for good only after syncNames.
type entries interface {
	Rename(from, to string) error
	Link(from, to string) error // fs.ErrExist where to is there
	Remove(name string) error
}

// file is an open file of a folder, or the folder itself under the name ".".
type file interface {
	io.ReadWriteCloser
	io.ReaderAt
	io.WriterAt
	Sync() error
	Stat() (fs.FileInfo, error)
	Readdir(n int) ([]fs.FileInfo, error)
}

// rooted is a folder of the operating system.
type rooted struct{ *os.Root }

// OpenFile opens a file as os.Root does.
func (r rooted) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := r.Root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not a nil *os.File in an interface
	}
	return f, nil
}

// openFolder opens a directory.
func openFolder(dir string) (folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return rooted{root}, nil
}

// each calls f for every regular file of a folder.
func each(dir folder, f func(fs.FileInfo) error) error {
	d, err := dir.OpenFile(".", os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	infos, err := d.Readdir(-1)
	if err != nil {
		return err
	}
	for _, i := range infos {
		if !i.Mode().IsRegular() {
			continue
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// syncNames makes the names in a folder durable.
func syncNames(dir folder) error {
	d, err := dir.OpenFile(".", os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
