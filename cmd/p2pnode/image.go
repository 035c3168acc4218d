package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"p2pnode/stego"
	"p2pnode/wire"
)

// picture is an input image that can be read several times.
type picture struct {
	name  string // as given
	file  *os.File
	size  int64
	close func()
}

// openPicture opens an image file. Stdin ("-") and pipes are copied to a temporary file first.
func (p *program) openPicture(name string) (*picture, error) {
	if name == "-" {
		return p.spool("stdin", p.stdin, spoolMax)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		return &picture{name: name, file: f, size: info.Size(), close: func() { f.Close() }}, nil
	}
	defer f.Close()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, usagef("%s is a directory, an image file is wanted", name)
	}
	return p.spool(name, f, spoolMax)
}

// below opens a directory, which no link leads out of, and says how a path is called in it. The caller closes it.
func below(dir, path string) (root *os.Root, name string, err error) {
	if name, err = filepath.Rel(dir, path); err == nil {
		root, err = os.OpenRoot(dir)
	}
	return root, name, err
}

// openBelow opens an image file below a directory, which no link leads out of. Only regular files are images there.
func (p *program) openBelow(dir, path string) (*picture, error) {
	root, name, err := below(dir, path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that has come to stand there is not waited for
	if err != nil {
		return nil, named(path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = failf(wire.CodeUnsupported, "%s is not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &picture{name: path, file: f, size: info.Size(), close: func() { f.Close() }}, nil
}

// spoolMax bounds what is read of a stream that need not end: more than servers take unless told otherwise.
const spoolMax = 1 << 30

// spool keeps an image that can be read only once in a temporary file, of at most so many bytes.
func (p *program) spool(name string, from io.Reader, most int64) (*picture, error) {
	f, err := os.CreateTemp("", "p2pnode-image-*")
	if err != nil {
		return nil, err
	}
	drop := p.scratch.add(func() {
		f.Close()
		os.Remove(f.Name())
	})
	n, err := io.Copy(f, io.LimitReader(from, most+1))
	switch {
	case err != nil:
		drop()
		return nil, fmt.Errorf("read image from %s: %w", name, err)
	case n > most:
		drop()
		return nil, failf(wire.CodeUnsupported, "%s: more than %d bytes came, and no end", name, most).next("give a file instead of a stream")
	}
	return &picture{name: name, file: f, size: n, close: drop}, nil
}

// reader reads the image from its beginning.
func (i *picture) reader() io.Reader { return io.NewSectionReader(i.file, 0, i.size) }

// limitFlag bounds what an image may cost.
func limitFlag() cli.Flag {
	return number("max-pixels", "refuse images of more pixels; 0: 100,000,000")
}

func limits(c *cli.Context) stego.Limits { return stego.Limits{MaxPixels: c.Int64("max-pixels")} }

// formatFlag and passphraseFlag say how something is hidden.
func formatFlag() cli.Flag {
	return withDefault("format", "v1, or classic: plain lowest bits as other tools write them", "v1")
}

func passphraseFlag() cli.Flag {
	return text("passphrase-file", "`FILE` with the passphrase that seals the payload; - is stdin")
}

func format(c *cli.Context) (stego.Format, error) {
	f, err := stego.ParseFormat(c.String("format"))
	if err != nil {
		return 0, usagef("--format %q: it is v1 or classic", c.String("format"))
	}
	return f, nil
}

// passphrase reads the passphrase, without the newline that editors put behind it.
func (p *program) passphrase(c *cli.Context) ([]byte, error) {
	path := c.String("passphrase-file")
	if path == "" {
		return nil, nil
	}
	phrase, err := p.readSmall(path, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	phrase = bytes.TrimSuffix(bytes.TrimSuffix(phrase, []byte("\n")), []byte("\r"))
	if len(phrase) == 0 {
		return nil, usagef("%s holds no passphrase", path)
	}
	return phrase, nil
}

// readSmall reads a whole file, or stdin, of bounded size.
func (p *program) readSmall(path string, most int64) ([]byte, error) {
	in := p.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(content)) > most {
		return nil, usagef("%s is longer than %d bytes", path, most)
	}
	return content, err
}
