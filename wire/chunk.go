package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// MaxChunk is the longest chunk of a result (PROTOCOL.md §9.2).
const MaxChunk = 256 << 10

// ChunkWriter sends bytes of a length not known beforehand: length (4, big endian) ‖ bytes, again and again; length
// zero ends them. Every Write leaves at once, in chunks of at most MaxChunk.
type ChunkWriter struct {
	w   io.Writer
	buf []byte
	err error
}

// NewChunkWriter returns a ChunkWriter onto w.
func NewChunkWriter(w io.Writer) *ChunkWriter { return &ChunkWriter{w: w} }

// Write sends p.
func (c *ChunkWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && c.err == nil {
		k := min(len(p), MaxChunk)
		if c.chunk(p[:k]) == nil {
			n += k
		}
		p = p[k:]
	}
	return n, c.err
}

// Close ends the bytes. It does not close what is under it, and a second one does nothing.
func (c *ChunkWriter) Close() error {
	if c.err == errChunksClosed {
		return nil
	}
	if c.err == nil && c.chunk(nil) == nil {
		c.err = errChunksClosed
		return nil
	}
	return c.err
}

var errChunksClosed = fmt.Errorf("wire: write after the last chunk: %w", io.ErrClosedPipe)

// chunk sends head and bytes with one Write.
func (c *ChunkWriter) chunk(p []byte) error {
	c.buf = append(binary.BigEndian.AppendUint32(c.buf[:0], uint32(len(p))), p...)
	_, c.err = c.w.Write(c.buf)
	return c.err
}

// ChunkReader reads what a ChunkWriter wrote: io.EOF after the zero length, io.ErrUnexpectedEOF where the stream ends
// before it. It reads not a byte beyond.
type ChunkReader struct {
	r    io.Reader
	left int // of the current chunk
	err  error
}

// NewChunkReader returns a ChunkReader from r.
func NewChunkReader(r io.Reader) *ChunkReader { return &ChunkReader{r: r} }

// Read reads bytes of one chunk.
func (c *ChunkReader) Read(p []byte) (n int, err error) {
	if c.err == nil && c.left == 0 {
		c.next()
	}
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	n, err = c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err == io.EOF && c.left == 0 {
		err = nil // whether the zero length is missing shows at the next Read
	}
	c.err = unexpected(err)
	return n, c.err
}

// next reads the head of a chunk.
func (c *ChunkReader) next() {
	var head [4]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		c.err = unexpected(err)
		return
	}
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n == 0:
		c.err = io.EOF
	case n > MaxChunk:
		c.err = FormatError(fmt.Sprintf("chunk of %d bytes, at most %d", n, MaxChunk))
	default:
		c.left = int(n)
	}
}
