package stego

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// metaLimit bounds the metadata that is held for one image.
const metaLimit = 16 << 20

// carrier is an opened image: its type and size are known and allowed, its rows not yet read.
type carrier struct {
	info Info
	rows rows
	meta *metadata
	from *bufio.Reader
}

// metadata is what is kept beside the pixels, as PNG chunks. after is complete
// only when the rows have been finished.
type metadata struct {
	before, after []chunk
	size          int64
}

// add keeps a chunk, false where that would be too much.
func (m *metadata) add(list *[]chunk, c chunk) bool {
	const overhead = 64
	m.size += int64(len(c.data)) + overhead
	if m.size > metaLimit {
		return false
	}
	*list = append(*list, c)
	return true
}

// opener begins to read one file format: header only.
type opener func(r *bufio.Reader, lim Limits) (*carrier, error)

// readers are buffers that wait to be used again.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 32<<10) }}

// leave gives a buffer to others.
func leave(r *bufio.Reader) {
	r.Reset(nil)
	readers.Put(r)
}

// free is called by whoever is done with a carrier, if it likes.
func (c *carrier) free() { leave(c.from) }

// open finds the type of an image and begins to read it.
func open(r io.Reader, lim Limits) (*carrier, error) {
	br := readers.Get().(*bufio.Reader)
	br.Reset(r)
	c, err := begin(br, lim)
	if err != nil {
		leave(br)
		return nil, err
	}
	c.from = br
	return c, nil
}

func begin(r *bufio.Reader, lim Limits) (*carrier, error) {
	magic, err := r.Peek(16)
	if err != nil && !isEnd(err) {
		return nil, fmt.Errorf("read image: %w", err)
	}
	start, err := sniff(magic)
	if err != nil {
		return nil, err
	}
	c, err := start(r, lim)
	if err != nil {
		return nil, err
	}
	if c.info.Width > maxWidth {
		return nil, &UnsupportedError{What: "image wider than 1048576 pixels"}
	}
	c.info.count()
	return c, nil
}

// sniff chooses by a file's first bytes; its name says nothing.
func sniff(b []byte) (opener, error) {
	begins := func(s string) bool { return bytes.HasPrefix(b, []byte(s)) }
	switch {
	case len(b) == 0:
		return nil, &FormatError{Kind: "image", Reason: "the file is empty"}
	case begins(pngMagic):
		return openPNG, nil
	case begins("\xff\xd8"):
		return openJPEG, nil
	case begins("GIF87a"), begins("GIF89a"):
		return openGIF, nil
	case begins("BM"):
		return openBMP, nil
	case begins("II*\x00"), begins("MM\x00*"):
		return openTIFF, nil
	case begins("RIFF") && len(b) >= 12 && string(b[8:12]) == "WEBP":
		return openWebP, nil
	case begins(pngMagic[:4]):
		return nil, &FormatError{Kind: "png", Reason: "signature is damaged or cut off"}
	case len(b) >= 12 && string(b[4:8]) == "ftyp":
		return nil, &UnsupportedError{What: fmt.Sprintf("image type %q (AVIF, HEIC and video are not read)", b[8:12])}
	}
	return nil, &UnsupportedError{What: "not an image of a known type (png, jpeg, gif, bmp, tiff, webp)"}
}

// Probe reads the header of an image: its type and size. Usable and Window stay
// zero where there is alpha, for they need the pixels.
func Probe(r io.Reader, lim Limits) (Info, error) {
	c, err := open(r, lim)
	if err != nil {
		return Info{}, err
	}
	c.free()
	return c.info, nil
}

// Measure is Probe with exact counts of usable samples. It reads the pixels only
// where there is alpha.
func Measure(r io.Reader, lim Limits) (Info, error) {
	c, err := open(r, lim)
	if err != nil {
		return Info{}, err
	}
	if c.info.Measured {
		return c.info, nil
	}
	l := c.info.layout()
	row := make([]byte, l.row())
	for range l.height {
		if err := c.rows.next(row); err != nil {
			return Info{}, err
		}
		c.info.Usable += int64(l.usable(row))
	}
	if err := c.rows.finish(); err != nil {
		return Info{}, err
	}
	c.info.Window, c.info.Measured = windowOf(c.info.Usable), true
	return c.info, nil
}

// damaged turns what a decoder said into an error of ours: end of input and the
// decoder's own words become a FormatError, a failing reader stays what it is.
func damaged(kind string, err error) error {
	var format *FormatError
	var limit *LimitError
	var unsupported *UnsupportedError
	var failed *readError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		return fmt.Errorf("read image: %w", failed.err)
	case errors.As(err, &format), errors.As(err, &limit), errors.As(err, &unsupported):
		return err
	case isEnd(err):
		return &FormatError{Kind: kind, Reason: "the file is cut off"}
	}
	return &FormatError{Kind: kind, Reason: err.Error()}
}

// readError marks an error of the reader we were given, as opposed to bad data.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// marked wraps errors of r other than its end in readError.
type marked struct{ r io.Reader }

func (m marked) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && !isEnd(err) {
		err = &readError{err}
	}
	return n, err
}

// whole reads a complete file of a format that cannot be streamed.
func whole(r io.Reader, kind string, lim Limits) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, lim.bytes()+1))
	if err != nil {
		return nil, damaged(kind, &readError{err})
	}
	if int64(len(data)) > lim.bytes() {
		return nil, &UnsupportedError{What: fmt.Sprintf("%s file of more than %d bytes", kind, lim.bytes())}
	}
	return data, nil
}
