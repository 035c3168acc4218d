package stego

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// chunk is a PNG chunk that is kept.
type chunk struct {
	kind string
	data []byte
}

// chunkReader reads PNG chunks one after the other and checks each CRC.
type chunkReader struct {
	r     *bufio.Reader
	at    int64  // offset of the next byte
	kind  string // of the open chunk
	begin int64  // its offset
	left  uint32 // its bytes not yet read
	crc   uint32
}

// fail is an error in the open chunk.
func (c *chunkReader) fail(reason string) error {
	return &FormatError{Kind: "png", Chunk: c.kind, Offset: c.begin, Reason: reason}
}

// full reads exactly p.
func (c *chunkReader) full(p []byte) error {
	n, err := io.ReadFull(c.r, p)
	c.at += int64(n)
	if err == nil {
		return nil
	}
	return c.cut(err)
}

// cut turns the end of input into an error that says where.
func (c *chunkReader) cut(err error) error {
	if isEnd(err) {
		return c.fail("the file is cut off")
	}
	return fmt.Errorf("read image: %w", err)
}

// open reads the length and type of the next chunk.
func (c *chunkReader) open() error {
	var b [8]byte
	begin := c.at
	if n, err := io.ReadFull(c.r, b[:]); err != nil {
		if n == 0 && isEnd(err) {
			return &FormatError{Kind: "png", Reason: "the file ends without an IEND chunk"}
		}
		return c.cut(err)
	}
	c.at, c.begin, c.kind = begin+8, begin, printable(b[4:])
	c.left, c.crc = binary.BigEndian.Uint32(b[:]), crc32.ChecksumIEEE(b[4:])
	switch {
	case c.kind != string(b[4:]):
		return c.fail("chunk type is not four letters")
	case c.left > 1<<31-1:
		return c.fail(fmt.Sprintf("absurd length %d", c.left))
	}
	return nil
}

// printable returns a chunk type with what is no letter replaced.
func printable(b []byte) string {
	return string(bytes.Map(func(r rune) rune {
		if r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '?'
	}, b))
}

// Read reads data of the open chunk.
func (c *chunkReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(len(p), int(c.left))])
	c.at += int64(n)
	c.left -= uint32(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	if err != nil && n == 0 {
		return 0, c.cut(err)
	}
	return n, nil
}

// take returns the next bytes of the open chunk, which has some left: at most so many, valid until the next call.
func (c *chunkReader) take(most int) ([]byte, error) {
	if c.r.Buffered() == 0 {
		if _, err := c.r.Peek(1); err != nil {
			return nil, c.cut(err)
		}
	}
	p, _ := c.r.Peek(min(most, int(c.left), c.r.Buffered()))
	c.r.Discard(len(p))
	c.at += int64(len(p))
	c.left -= uint32(len(p))
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p)
	return p, nil
}

// close skips what is left of the chunk and checks its CRC.
func (c *chunkReader) close() error {
	if _, err := io.Copy(io.Discard, readerOnly{c}); err != nil {
		return err
	}
	_, err := c.sum()
	return err
}

// sum reads and checks the CRC of the open chunk, all of which was read.
func (c *chunkReader) sum() (uint32, error) {
	var b [4]byte
	if err := c.full(b[:]); err != nil {
		return 0, err
	}
	if binary.BigEndian.Uint32(b[:]) != c.crc {
		return 0, c.fail("wrong CRC")
	}
	return c.crc, nil
}

// body reads and closes a chunk of at most so many bytes. It allocates what
// arrives, not what the length announces.
func (c *chunkReader) body(most uint32) ([]byte, error) {
	if c.left > most {
		return nil, c.fail(fmt.Sprintf("length %d, at most %d is allowed", c.left, most))
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(readerOnly{c}); err != nil {
		return nil, err
	}
	return b.Bytes(), c.close()
}

// readerOnly hides everything but Read.
type readerOnly struct{ io.Reader }

// idatReader is the data of consecutive IDAT chunks. When it says io.EOF the
// chunk behind them is open.
type idatReader struct {
	c    *chunkReader
	last int64 // where the last of them begins
	done bool
}

func (r *idatReader) Read(p []byte) (int, error) {
	if err := r.advance(); err != nil {
		return 0, err
	}
	return r.c.Read(p)
}

// fail is an error in the pixel data: in the chunk that is open, or in the last of them.
func (r *idatReader) fail(reason string) error {
	at := r.c.begin
	if r.done {
		at = r.last
	}
	return &FormatError{Kind: "png", Chunk: "IDAT", Offset: at, Reason: reason}
}

// take returns the next bytes: at most so many, valid until the next call.
func (r *idatReader) take(most int) ([]byte, error) {
	if err := r.advance(); err != nil {
		return nil, err
	}
	return r.c.take(most)
}

// advance opens the next chunk when one is at its end.
func (r *idatReader) advance() error {
	for !r.done && r.c.left == 0 {
		r.last = r.c.begin
		if err := r.c.close(); err != nil {
			return err
		}
		if err := r.c.open(); err != nil {
			return err
		}
		r.done = r.c.kind != "IDAT"
	}
	if r.done {
		return io.EOF
	}
	return nil
}
