package stego

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// ending passes the rest of the pixel data on as it is, but for its checksum: the last four bytes, which are known for the
// last only when no IDAT chunk follows. It holds four bytes back, with what is between them, and in the end puts the new
// checksum there, and corrects the CRCs of the chunks that they lie in.
type ending struct {
	pass   func([]byte) // takes what goes out; it may be kept if stable
	stable bool         // what is given stays as it is
	held   []heldPiece
	n      int // bytes of pixel data in held
}

// heldPiece is one byte of pixel data, or what stands between chunks' data.
type heldPiece struct {
	bytes []byte
	kind  pieceKind
}

type pieceKind uint8

const (
	dataPiece pieceKind = iota
	headPiece           // length and type of a chunk
	crcPiece
)

// mostHeld bounds how many chunks without data are held.
const mostHeld = 10_000

var errEmptyChunks = &UnsupportedError{What: "PNG with thousands of empty IDAT chunks at its end"}

// data takes bytes of the chunk.
func (t *ending) data(p []byte) {
	t.release(min(t.n, t.n+len(p)-adlerSize))
	if more := len(p) - adlerSize; more > 0 {
		t.pass(p[:more])
		p = p[more:]
	}
	for i := range p {
		t.hold(dataPiece, p[i:i+1])
		t.n++
	}
}

// between takes a chunk's head or CRC.
func (t *ending) between(kind pieceKind, p []byte) {
	if t.n == 0 {
		t.pass(p)
		return
	}
	t.hold(kind, p)
}

func (t *ending) hold(kind pieceKind, p []byte) {
	if !t.stable {
		p = append([]byte(nil), p...)
	}
	t.held = append(t.held, heldPiece{p, kind})
}

// release lets so many bytes of data go, and what is behind them.
func (t *ending) release(n int) {
	i := 0
	for ; i < len(t.held) && (n > 0 || t.held[i].kind != dataPiece); i++ {
		if t.held[i].kind == dataPiece {
			n--
			t.n--
		}
		t.pass(t.held[i].bytes)
	}
	t.held = append(t.held[:0], t.held[i:]...)
}

// crowded reports that too much is held.
func (t *ending) crowded() error {
	if len(t.held) > mostHeld {
		return errEmptyChunks
	}
	return nil
}

// finish puts the new checksum in place.
func (t *ending) finish(s adlerShift) error {
	if t.n < adlerSize {
		return &FormatError{Kind: "png", Chunk: "IDAT", Reason: "pixel data ends too early"}
	}
	var sum [adlerSize]byte
	i := 0
	for _, h := range t.held {
		if h.kind == dataPiece {
			sum[i] = h.bytes[0]
			i++
		}
	}
	var made [adlerSize]byte
	binary.BigEndian.PutUint32(made[:], s.apply(binary.BigEndian.Uint32(sum[:])))
	t.replace(sum[:], made[:])
	return nil
}

// replace lets go of all that is held, with other data.
func (t *ending) replace(old, made []byte) {
	var difference []byte
	for _, h := range t.held {
		switch h.kind {
		case dataPiece:
			difference = append(difference, old[0]^made[0])
			t.pass(made[:1:1])
			old, made = old[1:], made[1:]
		case crcPiece:
			crc := binary.BigEndian.Uint32(h.bytes) ^ crcChange(difference)
			t.pass(binary.BigEndian.AppendUint32(nil, crc))
			difference = nil
		default:
			t.pass(h.bytes)
		}
	}
	t.held, t.n = nil, 0
}

const adlerSize = 4

// chunkHead returns the length and type that a chunk begins with.
func chunkHead(kind string, n uint32) []byte {
	return append(binary.BigEndian.AppendUint32(nil, n), kind...)
}

// lasting returns p, or a copy where it would be kept.
func (t *ending) lasting(p []byte) []byte {
	if t.stable {
		return append([]byte(nil), p...)
	}
	return p
}

// own takes a whole IDAT chunk of ours.
func (t *ending) own(data []byte) {
	head := chunkHead("IDAT", uint32(len(data)))
	t.between(headPiece, head)
	t.data(data)
	crc := crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, data)
	t.between(crcPiece, binary.BigEndian.AppendUint32(nil, crc))
}

// idatCRC is the CRC of a chunk type alone.
var idatCRC = crc32.ChecksumIEEE([]byte("IDAT"))

// follow passes on the rest of the open IDAT chunk, of which ahead was read already, as a chunk, and the IDAT chunks behind it, whose
// CRCs are checked. Then the chunk behind them is open.
func (t *ending) follow(c *chunkReader, ahead []byte) error {
	front, behind := c.crc, crc32.Update(idatCRC, crc32.IEEETable, ahead)
	for n := c.left + uint32(len(ahead)); ; n = c.left {
		if n > 0 || front == behind {
			t.between(headPiece, chunkHead("IDAT", n))
			t.data(ahead)
		}
		rest := c.left
		if err := t.followData(c); err != nil {
			return err
		}
		sum, err := c.sum()
		if err != nil {
			return err
		}
		if n > 0 || front == behind {
			t.between(crcPiece, binary.BigEndian.AppendUint32(nil, crcBehind(sum, front, behind, int64(rest))))
		}
		if err := c.open(); err != nil || c.kind != "IDAT" {
			return err
		}
		if err := t.crowded(); err != nil {
			return err
		}
		front, behind, ahead = idatCRC, idatCRC, nil
	}
}

func (t *ending) followData(c *chunkReader) error {
	for c.left > 0 {
		p, err := c.take(64 << 10)
		if err != nil {
			return err
		}
		t.data(p)
	}
	return nil
}

// jump does what follow does for a file in memory, without looking at the data. It returns where the chunk behind the pixel
// data begins.
func (t *ending) jump(file []byte, c *chunkReader, ahead []byte) (int64, error) {
	at, left := c.at-int64(len(ahead)), int64(c.left)+int64(len(ahead))
	head := []byte(nil) // of the file's own chunk
	for {
		if int64(len(file)) < at+left+4 {
			return 0, c.cut(io.ErrUnexpectedEOF)
		}
		data, crc := file[at:at+left], file[at+left:at+left+4]
		if head == nil && left == 0 && binary.BigEndian.Uint32(crc) != c.crc {
			return 0, c.fail("wrong CRC")
		}
		if head == nil && left > 0 {
			head = chunkHead("IDAT", uint32(left))
			behind := crc32.Update(idatCRC, crc32.IEEETable, ahead)
			crc = binary.BigEndian.AppendUint32(nil, crcBehind(binary.BigEndian.Uint32(crc), c.crc, behind, int64(c.left)))
		}
		if head != nil {
			t.between(headPiece, head)
			t.data(data)
			t.between(crcPiece, crc)
		}
		at = t.skip(file, at+left+4)
		if int64(len(file)) < at+8 || string(file[at+4:at+8]) != "IDAT" {
			return at, t.crowded()
		}
		if err := t.crowded(); err != nil {
			return 0, err
		}
		head, c.begin = file[at:at+8], at
		left = int64(binary.BigEndian.Uint32(head))
		at += 8
	}
}

// skip lets whole IDAT chunks pass that begin at at, but for those at the end that may hold a part of the checksum. It returns where these begin.
func (t *ending) skip(file []byte, at int64) int64 {
	end := at
	for int64(len(file)) >= end+8 && string(file[end+4:end+8]) == "IDAT" {
		next := end + 12 + int64(binary.BigEndian.Uint32(file[end:]))
		if int64(len(file)) < next+8 || string(file[next+4:next+8]) != "IDAT" || binary.BigEndian.Uint32(file[next:]) < adlerSize {
			break
		}
		end = next
	}
	if end > at {
		t.release(t.n)
		t.pass(file[at:end])
	}
	return end
}
