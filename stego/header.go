package stego

import "encoding/binary"

// Sizes of the parts of a sealed payload, in bytes: docs/STEGO.md §3.
const (
	saltSize    = 16
	headerSize  = 16
	tagSize     = 16
	headSize    = saltSize + headerSize + tagSize
	headBits    = headSize * 8
	classicHead = 4
)

// Container versions: docs/STEGO.md §3.3.
const (
	byRowVersion = 1 // read, and not written any more: its window begins with the row behind the head
	version      = 2
)

// header is the plain text of a header box.
type header struct {
	byRow bool  // byRow: it is of byRowVersion
	flags uint8 // none is defined; bits 0 to 2 are reserved, docs/STEGO.md §3.3
	kind  Kind
	codec uint8
	rate  uint8
	raw   uint32 // content bytes before compression
	box   uint32 // payload box bytes, tag included
}

// append adds the header's 16 bytes to b.
func (h header) append(b []byte) []byte {
	b = append(b, version, h.flags, byte(h.kind), h.codec)
	b = binary.BigEndian.AppendUint32(b, h.raw)
	b = binary.BigEndian.AppendUint32(b, h.box)
	return append(b, h.rate, 0, 0, 0)
}

// parseHeader reads a header that was sealed with the right key.
func parseHeader(b []byte) (header, error) {
	h := header{
		byRow: b[0] == byRowVersion, flags: b[1], kind: Kind(b[2]), codec: b[3],
		raw: binary.BigEndian.Uint32(b[4:]), box: binary.BigEndian.Uint32(b[8:]),
		rate: b[12],
	}
	switch {
	case b[0] != version && !h.byRow:
		return h, &UnsupportedError{What: "payload of a newer container version"}
	case h.flags != 0:
		return h, &UnsupportedError{What: "payload that needs a newer reader"}
	case h.kind != Text && h.kind != File, h.codec > codecDeflate:
		return h, &UnsupportedError{What: "payload of an unknown kind or codec"}
	case h.box < tagSize || h.raw > MaxContent || h.box > MaxContent+tagSize:
		return h, &FormatError{Kind: "payload", Reason: "impossible length in the header"}
	}
	return h, nil
}
