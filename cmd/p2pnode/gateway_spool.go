package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"p2pnode/wire"
)

// spooled is a file of a request on its way. Nobody else knows it, and it goes with the request.
type spooled struct {
	file *os.File
	size int64
	held int64 // bytes of the gateway's disk that are promised to it
	g    *gateway
}

const (
	spoolSuffix = ".part"
	spoolStep   = 1 << 20 // bytes promised at once
)

// clearSpool makes the directory of files on their way, and removes those that a crash left.
func clearSpool(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the gateway's directory: %w", err)
	}
	left, err := os.ReadDir(dir)
	for _, f := range left {
		if strings.HasSuffix(f.Name(), spoolSuffix) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
		}
	}
	return err
}

// create makes an empty file that goes when the visitor leaves.
func (v *visitor) create() (*spooled, error) {
	f, err := os.CreateTemp(v.g.dir, "*"+spoolSuffix)
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	s := &spooled{file: f, g: v.g}
	v.undo = append(v.undo, s.drop)
	return s, nil
}

// drop removes the file and gives its place back.
func (s *spooled) drop() {
	s.file.Close()
	os.Remove(s.file.Name())
	s.g.disk.Release(s.held)
}

// spool keeps what comes, which may be so many bytes.
func (v *visitor) spool(from io.Reader, most int64, what string) (*spooled, error) {
	s, err := v.create()
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(s, io.LimitReader(from, most+1))
	if err == nil && s.size > most {
		err = tooLong(most)
	}
	if err != nil {
		return nil, fmt.Errorf("take the %s: %w", what, err)
	}
	return s, nil
}

// Write implements io.Writer.
func (s *spooled) Write(b []byte) (int, error) {
	if over := s.size + int64(len(b)) - s.held; over > 0 {
		if err := s.reserve(max(over, spoolStep)); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(b)
	s.size += int64(n)
	if err != nil {
		err = diskError(err)
	}
	return n, err
}

// reserve promises n bytes more.
func (s *spooled) reserve(n int64) error {
	if !s.g.disk.TryAcquire(n) {
		return failf(wire.CodeBusy, "pictures on their way take all of the %d bytes there are for them", int64(gatewayDisk))
	}
	s.held += n
	return nil
}

// diskError keeps paths of this server to itself.
func diskError(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return failf(wire.CodeIO, "this server's disk: %w", err)
}

// reader reads the file from its beginning.
func (s *spooled) reader() io.Reader { return io.NewSectionReader(s.file, 0, s.size) }
