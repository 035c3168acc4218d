package stego

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand"
	"slices"
)

// pngSpec is a PNG file to be made for a test, of any type PNG has.
type pngSpec struct {
	width, height int
	kind          byte
	depth         int
	interlaced    bool
	palette, trns []byte
	before, after []chunk
	seed          int64
	sample        func(x, y, c int) int                  // value of a sample, whatever its depth; nil: random
	filter        func(cur, prior []byte, step int) byte // nil: random
	pieces        func(lines []byte) [][]byte            // the data of all IDAT chunks; nil: pieces of 1000 bytes
}

// chunkBytes is a chunk as it stands in a file.
func chunkBytes(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func (s pngSpec) head() ihdr {
	return ihdr{width: int64(s.width), height: int64(s.height), depth: s.depth, kind: s.kind, interlaced: s.interlaced}
}

// ihdrBytes is the IHDR chunk.
func (s pngSpec) ihdrBytes() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(s.width))
	b = binary.BigEndian.AppendUint32(b, uint32(s.height))
	b = append(b, byte(s.depth), s.kind, 0, 0, 0)
	if s.interlaced {
		b[12] = 1
	}
	return chunkBytes("IHDR", b)
}

// encode makes the file.
func (s pngSpec) encode() []byte {
	out := append([]byte(pngMagic), s.ihdrBytes()...)
	if s.palette != nil {
		out = append(out, chunkBytes("PLTE", s.palette)...)
	}
	if s.trns != nil {
		out = append(out, chunkBytes("tRNS", s.trns)...)
	}
	for _, c := range s.before {
		out = append(out, chunkBytes(c.kind, c.data)...)
	}
	if s.pieces == nil {
		s.pieces = func(lines []byte) [][]byte { return slices.Collect(slices.Chunk(deflated(lines), 1000)) }
	}
	for _, b := range s.pieces(s.lines()) {
		out = append(out, chunkBytes("IDAT", b)...)
	}
	for _, c := range s.after {
		out = append(out, chunkBytes(c.kind, c.data)...)
	}
	return append(out, chunkBytes("IEND", nil)...)
}

// lines are the filtered lines of all passes.
func (s pngSpec) lines() []byte {
	rnd := rand.New(rand.NewSource(s.seed))
	if s.sample == nil {
		values := map[[3]int]int{}
		s.sample = func(x, y, c int) int {
			at := [3]int{x, y, c}
			if _, ok := values[at]; !ok {
				values[at] = int(rnd.Int63() & math.MaxInt32) // the same on 32 bits
			}
			return values[at]
		}
	}
	if s.filter == nil {
		s.filter = func([]byte, []byte, int) byte { return byte(rnd.Intn(5)) }
	}
	step := max(1, s.head().bits()/8)
	all := []pass{{0, 0, 1, 1}}
	if s.interlaced {
		all = passes[:]
	}
	var out []byte
	for _, p := range all {
		width, height := p.size(s.head())
		if width == 0 {
			continue
		}
		prior := make([]byte, s.head().rowBytes(int64(width)))
		for y := range height {
			cur := s.line(p, width, p.y+y*p.dy)
			out = appendFiltered(out, s.filter(cur, prior, step), cur, prior, step)
			prior = cur
		}
	}
	return out
}

// line packs the samples of one line.
func (s pngSpec) line(p pass, width, y int) []byte {
	line := make([]byte, s.head().rowBytes(int64(width)))
	channels := s.head().bits() / s.depth
	at := 0
	for n := range width {
		for c := range channels {
			v := s.sample(p.x+n*p.dx, y, c)
			if s.kind == typePalette {
				v %= len(s.palette) / 3
			}
			for b := s.depth - 1; b >= 0; b-- {
				line[at/8] |= byte(v>>b&1) << (7 - at%8)
				at++
			}
		}
	}
	return line
}

// deflated is a zlib stream.
func deflated(b []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(b)
	w.Close()
	return z.Bytes()
}
