package stego

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

const (
	codecNone    = 0
	codecDeflate = 1
	maxName      = 255
)

var (
	errNotText = &PayloadError{"text is not valid UTF-8"}
	errName    = &PayloadError{"its file name must be plain, without path, control or direction characters, and of at most 255 bytes"}
)

// content returns the bytes that are compressed and sealed: docs/STEGO.md §3.4.
func (p Payload) content() ([]byte, error) {
	var out []byte
	switch {
	case p.Kind == Text && !utf8.Valid(p.Data):
		return nil, errNotText
	case p.Kind == File && !plainName(p.Name):
		return nil, errName
	case p.Kind == File:
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(p.Name))), p.Name...)
	case p.Kind != Text:
		return nil, &UnsupportedError{What: p.Kind.String()}
	}
	if len(out)+len(p.Data) > MaxContent {
		return nil, &CapacityError{Need: int64(len(out) + len(p.Data)), Have: MaxContent, Name: int64(len(out))}
	}
	return append(out, p.Data...), nil
}

// plainName reports whether a name is safe to create in a directory: no path,
// nothing that acts on a terminal or makes the name look like another. The empty name is none.
func plainName(name string) bool {
	bad := func(r rune) bool {
		return r == '/' || r == '\\' || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}
	return len(name) <= maxName && utf8.ValidString(name) && name != "." && name != ".." &&
		strings.IndexFunc(name, bad) < 0
}

// parseContent is the inverse of content.
func parseContent(kind Kind, raw []byte) (Payload, error) {
	damaged := func(why string) (Payload, error) {
		return Payload{}, &FormatError{Kind: "payload", Reason: why}
	}
	if kind == Text {
		if !utf8.Valid(raw) {
			return damaged("text is not UTF-8")
		}
		return Payload{Kind: Text, Data: raw}, nil
	}
	if len(raw) < 2 || len(raw)-2 < int(binary.BigEndian.Uint16(raw)) {
		return damaged("file name is cut off")
	}
	end := 2 + int(binary.BigEndian.Uint16(raw))
	name := string(raw[2:end])
	if !plainName(name) {
		return damaged("file name is not a plain name")
	}
	return Payload{Kind: File, Name: name, Data: raw[end:]}, nil
}

// pack deflates content where that makes it smaller.
func pack(raw []byte) ([]byte, uint8) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic("stego: " + err.Error())
	}
	w.Write(raw) // a bytes.Buffer takes everything
	w.Close()
	if out.Len() >= len(raw) {
		return raw, codecNone
	}
	return out.Bytes(), codecDeflate
}

// unpack is the inverse of pack. It never holds more than size bytes.
func unpack(packed []byte, codec uint8, size uint32) ([]byte, error) {
	if codec == codecNone {
		if uint64(len(packed)) != uint64(size) {
			return nil, &FormatError{Kind: "payload", Reason: "length differs from the header's"}
		}
		return packed, nil
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(flate.NewReader(bytes.NewReader(packed)), int64(size)+1))
	if err != nil || n != int64(size) {
		return nil, &FormatError{Kind: "payload", Reason: "compressed content does not inflate to the header's length"}
	}
	return out.Bytes(), nil
}
