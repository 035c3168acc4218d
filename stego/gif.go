package stego

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
)

// gifScan is what the blocks of a GIF say, without its pixels.
type gifScan struct {
	data        []byte
	frames      int
	transparent bool
	frame       image.Rectangle // of the first frame
}

// openGIF reads the file and looks at its blocks.
func openGIF(r *bufio.Reader, lim Limits) (*carrier, error) {
	data, err := whole(r, "gif", lim)
	if err != nil {
		return nil, err
	}
	c, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, damaged("gif", err)
	}
	if err := lim.check("gif", int64(c.Width), int64(c.Height)); err != nil {
		return nil, err
	}
	s := gifScan{data: data[6:]}
	if !s.blocks() {
		return nil, &FormatError{Kind: "gif", Reason: "the file is cut off or its blocks are damaged"}
	}
	screen := image.Rect(0, 0, c.Width, c.Height)
	switch {
	case s.frames == 0:
		return nil, &FormatError{Kind: "gif", Reason: "no image in it"}
	case s.frames > 1:
		return nil, &UnsupportedError{What: "animated GIF"}
	}
	i := Info{Source: "gif", Width: c.Width, Height: c.Height, Model: RGB, Depth: 8, Expanded: true}
	if s.transparent || s.frame != screen {
		i.Model = RGBA
	}
	out := decodedCarrier(i, bytes.NewReader(data), gif.Decode)
	out.rows.(*decodedRows).screen = screen
	return out, nil
}

// take returns the next n bytes, nil where there are not as many.
func (s *gifScan) take(n int) []byte {
	if n > len(s.data) {
		s.data = nil
		return nil
	}
	b := s.data[:n]
	s.data = s.data[n:]
	return b
}

// blocks walks through the file behind its signature, false where it ends too early.
func (s *gifScan) blocks() bool {
	screen := s.take(7)
	if screen == nil || !s.table(screen[4]) {
		return false
	}
	for {
		switch b := s.take(1); {
		case b == nil:
			return false
		case b[0] == 0x3b:
			return true
		case b[0] == 0x21:
			if !s.extension() {
				return false
			}
		case b[0] == 0x2c:
			if !s.image() {
				return false
			}
		default:
			return false
		}
	}
}

// table skips a colour table.
func (s *gifScan) table(flags byte) bool {
	if flags&0x80 == 0 {
		return true
	}
	return s.take(3<<(flags&7+1)) != nil
}

// extension reads an extension block; a graphic control may name a transparent colour.
func (s *gifScan) extension() bool {
	label := s.take(1)
	if label == nil {
		return false
	}
	if label[0] == 0xf9 && len(s.data) > 1 && s.frames == 0 {
		s.transparent = s.data[1]&1 == 1
	}
	return s.chain()
}

// image reads an image descriptor and skips its pixels.
func (s *gifScan) image() bool {
	b := s.take(9)
	if b == nil {
		return false
	}
	at := func(i int) int { return int(binary.LittleEndian.Uint16(b[i:])) }
	if s.frames++; s.frames == 1 {
		s.frame = image.Rect(at(0), at(2), at(0)+at(4), at(2)+at(6))
	}
	return s.table(b[8]) && s.take(1) != nil && s.chain()
}

// chain skips sub-blocks.
func (s *gifScan) chain() bool {
	for {
		n := s.take(1)
		if n == nil {
			return false
		}
		if n[0] == 0 {
			return true
		}
		if s.take(int(n[0])) == nil {
			return false
		}
	}
}
