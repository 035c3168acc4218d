package wire

import (
	"encoding/binary"
	"net/netip"
)

// The few CBOR items of the parts of a datagram that are encoded by hand: body, and the messages of hot.go.
const (
	cborUint  byte = 0 << 5
	cborBytes byte = 2 << 5
	cborText  byte = 3 << 5
	cborArray byte = 4 << 5
	cborMap   byte = 5 << 5
	cborTrue  byte = 7<<5 | 21
)

// appendHead appends the head of an item: its major type, and its value or length in the shortest form.
func appendHead(p []byte, major byte, n uint64) []byte {
	switch uintSize(n) {
	case 1:
		return append(p, major|byte(n))
	case 2:
		return append(p, major|24, byte(n))
	case 3:
		return binary.BigEndian.AppendUint16(append(p, major|25), uint16(n))
	case 5:
		return binary.BigEndian.AppendUint32(append(p, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(p, major|27), n)
}

// appendField appends a key below 24 and an unsigned value, or nothing if that is zero.
func appendField(p []byte, key byte, n uint64) []byte {
	if n == 0 {
		return p
	}
	return appendHead(append(p, key), cborUint, n)
}

// appendBytes appends a key below 24 and a byte string, or nothing if that is empty; likewise the others.
func appendBytes(p []byte, key byte, b []byte) []byte {
	if len(b) == 0 {
		return p
	}
	return append(appendHead(append(p, key), cborBytes, uint64(len(b))), b...)
}

func appendText(p []byte, key byte, s string) []byte {
	if s == "" {
		return p
	}
	return append(appendHead(append(p, key), cborText, uint64(len(s))), s...)
}

func appendTrue(p []byte, key byte, b bool) []byte {
	if !b {
		return p
	}
	return append(p, key, cborTrue)
}

func appendAddresses(p []byte, key byte, list []netip.AddrPort) []byte {
	if len(list) == 0 {
		return p
	}
	p = appendHead(append(p, key), cborArray, uint64(len(list)))
	for _, a := range list {
		var room [24]byte
		b, _ := a.AppendBinary(room[:0]) // never fails
		p = append(appendHead(p, cborBytes, uint64(len(b))), b...)
	}
	return p
}

// number is one for true.
func number(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// filled counts the values that appendField does not leave out.
func filled(values ...uint64) (n byte) {
	for _, v := range values {
		if v != 0 {
			n++
		}
	}
	return n
}

// appendID appends an id or nonce: a byte string of 16.
func appendID(p []byte, id [16]byte) []byte { return append(append(p, cborBytes|16), id[:]...) }

// uintSize is the length of a CBOR unsigned integer.
func uintSize(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n <= 0xff:
		return 2
	case n <= 0xffff:
		return 3
	case n <= 0xffffffff:
		return 5
	}
	return 9
}

// bytesSize is the length of a CBOR byte string of n bytes.
func bytesSize(n int) int { return uintSize(uint64(n)) + n }
