package wire

import "encoding/binary"

// MaxDatagram is the longest datagram, header and tag included: it is never fragmented (PROTOCOL.md §2).
const MaxDatagram = 1200

// Version is the protocol version this package speaks.
const Version = 1

const (
	headerSize = 32
	tagSize    = 16
	overhead   = headerSize + tagSize
)

var magic = [4]byte{0x0E, 'P', '2', 'N'}

// header is the clear part of a datagram.
type header struct {
	key     [2]byte
	boot    Boot
	counter uint64
}

func (h header) append(p []byte) []byte {
	p = append(p, magic[:]...)
	p = append(p, Version, 0)
	p = append(p, h.key[:]...)
	p = append(p, h.boot[:]...)
	return binary.BigEndian.AppendUint64(p, h.counter)
}

// parseHeader reads the header of a whole datagram.
func parseHeader(p []byte) (h header, err error) {
	switch {
	case len(p) < overhead:
		return h, FormatError("short header")
	case len(p) > MaxDatagram:
		return h, FormatError("longer than a datagram")
	case [4]byte(p[:4]) != magic:
		return h, FormatError("not ours")
	case p[4] != Version:
		return h, FormatError("unknown version")
	case p[5] != 0:
		return h, FormatError("unknown flags")
	}
	h.key = [2]byte(p[6:8])
	h.boot = Boot(p[8:24])
	h.counter = binary.BigEndian.Uint64(p[24:32])
	if h.counter == 0 {
		return h, FormatError("packet counter zero")
	}
	return h, nil
}

// seal puts header ‖ AEAD(body) into p, which is empty. The nonce is boot ‖ counter: the last 24 bytes of the header.
func (s *sealer) seal(p []byte, boot Boot, counter uint64, body []byte) []byte {
	p = header{key: s.id, boot: boot, counter: counter}.append(p)
	return s.subkeys.seal(p, boot, counter, body, p)
}

// open returns the body of a datagram and the key that opened it, or nil.
// Several keys may share an id; a datagram that none of them opens is nobody's.
func (r ring) open(scratch []byte, h header, p []byte) ([]byte, *sealer) {
	for i := range r {
		if r[i].id != h.key {
			continue
		}
		if body, err := r[i].subkeys.open(scratch[:0], h.boot, h.counter, p[headerSize:], p[:headerSize]); err == nil {
			return body, &r[i]
		}
	}
	return nil, nil
}
