package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"unicode/utf8"
)

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
	c.expect(n <= most)
	return n
}

// bytes reads a byte string; it stays part of what is read.
func (c *cursor) bytes() []byte { return c.string(cborBytes) }

func (c *cursor) string(major byte) []byte {
	n := c.head(major)
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
	c.expect(c.field(k))
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
	return c.nonce()
}

// nonce reads an id or nonce.
func (c *cursor) nonce() (id [16]byte) {
	b := c.bytes()
	c.expect(copy(id[:], b) == len(id) && len(b) == len(id))
	return id
}

// clone reads a byte string and keeps a copy.
func (c *cursor) clone() []byte { return bytes.Clone(c.bytes()) }

// blob reads a key and a byte string, or returns nil where another key follows; likewise the others.
func (c *cursor) blob(k byte) []byte {
	if !c.field(k) {
		return nil
	}
	b := c.clone()
	c.expect(len(b) > 0)
	return b
}

func (c *cursor) text(k byte) string {
	if !c.field(k) {
		return ""
	}
	s := c.words()
	c.expect(s != "")
	return s
}

// words reads a text string, which is UTF-8.
func (c *cursor) words() string {
	b := c.string(cborText)
	c.expect(utf8.Valid(b))
	return string(b)
}

func (c *cursor) isTrue(k byte) bool {
	if !c.field(k) {
		return false
	}
	c.expect(c.field(cborTrue))
	return !c.lost
}

func (c *cursor) addresses(k byte) []netip.AddrPort {
	if !c.field(k) {
		return nil
	}
	list := make([]netip.AddrPort, c.some(maxAddresses))
	for i := range list {
		c.expect(list[i].UnmarshalBinary(c.bytes()) == nil)
	}
	return list
}

// count reads the head of an array of at most most; zero: the cursor is lost, or there is nothing in it.
func (c *cursor) count(most uint64) uint64 {
	n := c.head(cborArray)
	c.expect(n <= most)
	if c.lost {
		return 0
	}
	return n
}

// some is count of an array that is left out when there is nothing in it.
func (c *cursor) some(most uint64) uint64 {
	n := c.count(most)
	c.expect(n > 0)
	return n
}

// must reads a key and an unsigned integer.
func (c *cursor) must(k byte) uint64 {
	c.key(k)
	return c.head(cborUint)
}

// number reads a key and an unsigned integer of at most most, or returns zero where another key follows.
func (c *cursor) number(k byte, most uint64) uint64 {
	if !c.field(k) {
		return 0
	}
	n := c.limited(most)
	c.expect(n > 0)
	return n
}

// expect loses a cursor that has read what we do not write: a zero that could have been left out, or a key unknown to us.
func (c *cursor) expect(ok bool) { c.lost = c.lost || !ok }

// done reports whether everything was read.
func (c *cursor) done() bool { return !c.lost && len(c.p) == 0 }

// message reads the whole of a hot message, and reports whether m is one and the bytes are in our form.
func (c *cursor) message(m any) bool {
	h, ok := m.(hotReader)
	if !ok {
		return false
	}
	h.read(c)
	return c.done()
}
