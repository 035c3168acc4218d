package stego

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// pngWriter writes a PNG file part by part. The first error stays in err and
// makes what follows do nothing.
type pngWriter struct {
	w   io.Writer
	l   layout
	err error
}

func newPNGWriter(w io.Writer, l layout) *pngWriter {
	return &pngWriter{w: w, l: l}
}

// header writes the signature and IHDR.
func (p *pngWriter) header() {
	p.write([]byte(pngMagic))
	b := binary.BigEndian.AppendUint32(nil, uint32(p.l.width))
	b = binary.BigEndian.AppendUint32(b, uint32(p.l.height))
	p.chunk("IHDR", append(b, byte(p.l.depth), byte(p.l.model), 0, 0, 0))
}

// chunks writes those of a list that are to be kept.
func (p *pngWriter) chunks(list []chunk, keep func(kind string) bool) {
	for _, c := range list {
		if keep(c.kind) {
			p.chunk(c.kind, c.data)
		}
	}
}

// end writes IEND.
func (p *pngWriter) end() { p.chunk("IEND", nil) }

// chunk writes one chunk.
func (p *pngWriter) chunk(kind string, data []byte) {
	head := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), kind...)
	p.write(head)
	p.write(data)
	crc := crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, data)
	p.write(binary.BigEndian.AppendUint32(nil, crc))
}

func (p *pngWriter) write(b []byte) {
	if p.err == nil && len(b) > 0 {
		_, p.err = p.w.Write(b)
	}
}
