package stego

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image/jpeg"
	"io"

	"github.com/klauspost/compress/zlib"
)

// jpegHead is what the segments before a JPEG's first scan say.
type jpegHead struct {
	width, height, components int64
	progressive               bool
	exif                      []byte
	profile                   [][]byte // ICC parts in their order
	seen                      bytes.Buffer
}

// openJPEG reads the segments up to the first scan.
func openJPEG(r *bufio.Reader, lim Limits) (*carrier, error) {
	var h jpegHead
	in := marked{r}
	if err := h.read(io.TeeReader(in, &h.seen)); err != nil {
		return nil, damaged("jpeg", err)
	}
	if err := lim.check("jpeg", h.width, h.height); err != nil {
		return nil, err
	}
	i := Info{Source: "jpeg", Width: int(h.width), Height: int(h.height), Model: RGB, Depth: 8, Interlaced: h.progressive, Expanded: h.components == 4}
	if h.components == 1 {
		i.Model = Gray
	}
	c := decodedCarrier(i, io.MultiReader(&h.seen, in), jpeg.Decode)
	c.meta.before = h.chunks()
	return c, nil
}

// read takes segments until the first scan begins.
func (h *jpegHead) read(r io.Reader) error {
	var b [2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	for h.seen.Len() < metaLimit {
		kind, err := nextMarker(r)
		switch {
		case err != nil:
			return err
		case kind == 0xda && h.width == 0, kind == 0xd9:
			return &FormatError{Kind: "jpeg", Reason: "no image in it"}
		case kind == 0xda:
			return nil
		case kind == 0x01, kind >= 0xd0 && kind <= 0xd7:
			continue
		}
		if err := h.segment(r, kind); err != nil {
			return err
		}
	}
	return &FormatError{Kind: "jpeg", Reason: "more than 16 MiB of metadata"}
}

// nextMarker reads 0xff, fill bytes and the marker's code.
func nextMarker(r io.Reader) (byte, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	if b[0] != 0xff {
		return 0, &FormatError{Kind: "jpeg", Reason: "data where a marker must be"}
	}
	for b[0] == 0xff {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return 0, err
		}
	}
	return b[0], nil
}

// segment reads one segment and keeps what is of use.
func (h *jpegHead) segment(r io.Reader, kind byte) error {
	var b [2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint16(b[:]))
	if n < 2 {
		return &FormatError{Kind: "jpeg", Reason: "impossible segment length"}
	}
	data := make([]byte, n-2)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	const exif, icc = "Exif\x00\x00", "ICC_PROFILE\x00"
	switch {
	case kind >= 0xc0 && kind <= 0xcf && kind != 0xc4 && kind != 0xc8 && kind != 0xcc:
		h.progressive = kind == 0xc2
		return h.frame(data)
	case kind == 0xe1 && h.exif == nil && bytes.HasPrefix(data, []byte(exif)):
		h.exif = data[len(exif):]
	case kind == 0xe2 && bytes.HasPrefix(data, []byte(icc)) && len(data) > len(icc)+2:
		h.part(data[len(icc):])
	}
	return nil
}

// frame reads the size of the image.
func (h *jpegHead) frame(data []byte) error {
	if len(data) < 6 || h.width != 0 {
		return &FormatError{Kind: "jpeg", Reason: "impossible frame header"}
	}
	if data[0] != 8 {
		return &UnsupportedError{What: "JPEG of more than 8 bits a sample"}
	}
	h.height = int64(binary.BigEndian.Uint16(data[1:]))
	h.width = int64(binary.BigEndian.Uint16(data[3:]))
	h.components = int64(data[5])
	if h.width == 0 || h.height == 0 {
		return &FormatError{Kind: "jpeg", Reason: "image has no pixels"}
	}
	return nil
}

// part keeps one of the parts of an ICC profile: number, count, bytes.
func (h *jpegHead) part(data []byte) {
	number, count := int(data[0]), int(data[1])
	if number == 0 || number > count {
		return
	}
	if h.profile == nil {
		h.profile = make([][]byte, count)
	}
	if number <= len(h.profile) {
		h.profile[number-1] = data[2:]
	}
}

// chunks returns what PNG has a chunk for: an ICC profile that is complete and
// of the output's colours, and EXIF.
func (h *jpegHead) chunks() []chunk {
	var out []chunk
	if profile := bytes.Join(h.profile, nil); h.complete() && h.suits(profile) {
		out = append(out, chunk{"iCCP", deflateProfile(profile)})
	}
	if len(h.exif) >= 8 {
		out = append(out, chunk{"eXIf", h.exif})
	}
	return out
}

// complete reports whether no part of the profile is missing.
func (h *jpegHead) complete() bool {
	for _, p := range h.profile {
		if p == nil {
			return false
		}
	}
	return len(h.profile) > 0
}

// suits reports whether a profile is of the colours the output will have: one
// for CMYK is not.
func (h *jpegHead) suits(profile []byte) bool {
	if len(profile) < 128 {
		return false
	}
	space := string(profile[16:20])
	return space == "RGB " && h.components == 3 || space == "GRAY" && h.components == 1
}

// deflateProfile makes the data of an iCCP chunk.
func deflateProfile(profile []byte) []byte {
	var b bytes.Buffer
	b.WriteString("ICC profile\x00\x00")
	w := zlib.NewWriter(&b)
	w.Write(profile) // a bytes.Buffer takes everything
	w.Close()
	return b.Bytes()
}
