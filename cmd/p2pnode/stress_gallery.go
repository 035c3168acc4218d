package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"p2pnode/stego"
)

const (
	galleryMax  = 10_000 // pictures of a directory
	paintedMax  = 3      // photos made where no directory is given
	paintWidth  = 1600   // of them: at this size a photo weighs 0.5 MB
	paintHeight = 1200
)

// gallery is the pictures that requests are about. They are read from disk at every request.
type gallery struct {
	list []exhibit
	made bool // here, not somebody's files
}

// exhibit is one picture, measured once.
type exhibit struct {
	path string
	size int64
	info stego.Info
}

// openGallery finds and measures the pictures: one that cannot carry a text is better found now.
func (s *stress) openGallery(ctx context.Context) (gallery, error) {
	dir := s.c.String("images")
	if dir == "" {
		return s.paintGallery(ctx)
	}
	paths, err := picturesIn(dir)
	if err != nil {
		return gallery{}, err
	}
	return s.measure(ctx, gallery{}, paths)
}

// picturesIn lists the PNG and JPEG files below a directory.
func picturesIn(dir string) (paths []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if !slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		if len(paths) == galleryMax {
			return usagef("--images %s: more than %d pictures", dir, galleryMax)
		}
		paths = append(paths, path)
		return nil
	})
	if err == nil && len(paths) == 0 {
		err = usagef("--images %s: no PNG or JPEG file is there", dir)
	}
	return paths, err
}

// paintGallery makes photos, all at once.
func (s *stress) paintGallery(ctx context.Context) (gallery, error) {
	paths, failed := make([]string, paintedMax), make([]error, paintedMax)
	var painting sync.WaitGroup
	for i := range paths {
		paths[i] = filepath.Join(s.dir, fmt.Sprintf("photo-%d.jpg", i+1))
		painting.Go(func() { _, failed[i] = paintPhoto(paths[i], paintWidth+16*i, paintHeight) })
	}
	painting.Wait()
	for _, err := range failed {
		if err != nil {
			return gallery{}, err
		}
	}
	return s.measure(ctx, gallery{made: true}, paths)
}

// measure looks at every picture once.
func (s *stress) measure(ctx context.Context, g gallery, paths []string) (gallery, error) {
	for _, path := range paths {
		if ctx.Err() != nil {
			return g, ctx.Err()
		}
		picture, err := s.p.openPicture(path)
		if err != nil {
			return g, err
		}
		info, err := stego.Measure(picture.reader(), limits(s.c))
		picture.close()
		if err != nil {
			return g, named(path, err)
		}
		g.list = append(g.list, exhibit{path, picture.size, info})
	}
	return g, nil
}
