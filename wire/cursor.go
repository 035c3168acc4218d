package wire

import "encoding/binary"

// cursor reads the CBOR that we write ourselves. At anything else it is lost, which says nothing of the bytes: then the
// library reads them, and it decides what is allowed.
type cursor struct {
	p    []byte
	lost bool
}

// head reads the head of an item of a major type: its value or length, in any of the five forms of definite length.
func (c *cursor) head(major byte) uint64 {
	if c.lost || len(c.p) == 0 || c.p[0]&0xE0 != major || c.p[0]&0x1F > 27 {
		c.lost = true
		return 0
	}
	n := uint64(c.p[0] & 0x1F)
	if n < 24 {
		c.p = c.p[1:]
		return n
	}
	size := 1 << (n - 24)
	if len(c.p) <= size {
		c.lost = true
		return 0
	}
	var wide [8]byte
	copy(wide[8-size:], c.p[1:])
	c.p = c.p[1+size:]
	return binary.BigEndian.Uint64(wide[:])
}

// limited reads an unsigned integer of at most most.
func (c *cursor) limited(most uint64) uint64 {
	n := c.head(cborUint)
	c.lost = c.lost || n > most
	return n
}

// bytes reads a byte string; it stays part of what is read.
func (c *cursor) bytes() []byte {
	n := c.head(cborBytes)
	if c.lost || n > uint64(len(c.p)) {
		c.lost = true
		return nil
	}
	b := c.p[:n:n]
	c.p = c.p[n:]
	return b
}

// key passes over a key below 24.
func (c *cursor) key(k byte) {
	if !c.field(k) {
		c.lost = true
	}
}

// field passes over a key below 24 if it is the next.
func (c *cursor) field(k byte) bool {
	if c.lost || len(c.p) == 0 || c.p[0] != k {
		return false
	}
	c.p = c.p[1:]
	return true
}

// id reads a key and an id or nonce.
func (c *cursor) id(k byte) (id [16]byte) {
	c.key(k)
	b := c.bytes()
	c.lost = c.lost || copy(id[:], b) != len(b) || len(b) != len(id)
	return id
}

// number reads a key and an unsigned integer, or returns zero where another key follows.
func (c *cursor) number(k byte) uint64 {
	if !c.field(k) {
		return 0
	}
	return c.head(cborUint)
}
