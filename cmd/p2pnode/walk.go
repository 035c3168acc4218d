package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pictureKinds are how the names of image files end.
var pictureKinds = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

// sighted is an image file found below a directory.
type sighted struct {
	name     string // relative to the directory
	away     bool   // it is a link that leads out of the directory, or nowhere; the rest is not known
	size     int64
	modified time.Time
}

// walkPictures calls found for every image file below a directory, in the order of names: regular files, and links to such that
// stay inside. Directories that links lead to, names that begin with a dot, and the directory skip are left out. What cannot be
// read goes to trouble; where that returns nil, the walk goes on without it.
func walkPictures(dir, skip string, found func(sighted) error, trouble func(error) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return trouble(err)
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		name := filepath.FromSlash(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != ".":
			return nil // gone meanwhile
		case err != nil:
			return trouble(named(dir, err))
		case path == ".":
			return nil
		case d.IsDir() && (name == skip || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), ".") || !slices.Contains(pictureKinds, strings.ToLower(filepath.Ext(name))):
			return nil
		}
		return look(root, name, d, found)
	})
}

// look tells of one file, if it is a regular one.
func look(root *os.Root, name string, d fs.DirEntry, found func(sighted) error) error {
	info, err := root.Stat(name)
	switch {
	case err != nil && d.Type()&fs.ModeSymlink != 0:
		return found(sighted{name: name, away: true})
	case err != nil || !info.Mode().IsRegular():
		return nil // gone meanwhile, or no file
	}
	return found(sighted{name: name, size: info.Size(), modified: info.ModTime()})
}

// whereBelow says where other lies below dir, once links are followed: "." for dir itself. Neither need exist.
func whereBelow(dir, other string) (name string, inside bool, err error) {
	outer, err := realPath(dir)
	if err != nil {
		return "", false, err
	}
	inner, err := realPath(other)
	if err != nil {
		return "", false, err
	}
	name, err = filepath.Rel(outer, inner)
	return name, err == nil && filepath.IsLocal(name), nil
}

// realPath is an absolute path in which no link is left. Its end need not exist.
func realPath(path string) (string, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for {
		found, err := filepath.EvalSymlinks(whole)
		if err == nil {
			return filepath.Join(found, rest), nil
		}
		if parent := filepath.Dir(whole); !errors.Is(err, fs.ErrNotExist) || parent == whole {
			return "", err
		}
		rest, whole = filepath.Join(filepath.Base(whole), rest), filepath.Dir(whole)
	}
}
