package wire

// body is the sealed part of a datagram (PROTOCOL.md §2.2).
type body struct {
	Source  NodeID  `cbor:"1,keyasint"`
	Dest    NodeID  `cbor:"2,keyasint"`           // zero: whoever hears it
	Boot    Boot    `cbor:"3,keyasint"`           // of Dest; zero: not known yet
	AckBase uint64  `cbor:"4,keyasint,omitempty"` // every message id up to it has arrived
	AckMask uint64  `cbor:"5,keyasint,omitempty"` // bit i: AckBase+1+i has arrived
	Echo    uint64  `cbor:"6,keyasint,omitempty"` // highest packet counter heard from Dest
	Delay   uint64  `cbor:"7,keyasint,omitempty"` // microseconds since it was heard
	Frames  []frame `cbor:"8,keyasint"`
}

// frame is one message in a datagram. ID zero: NON. The payload is a byte string, so a receiver can skip what it does
// not know and one bad payload spoils no other.
type frame struct {
	_       struct{} `cbor:",toarray"`
	Kind    Kind
	ID      uint64
	Payload []byte
}

// append appends what encoding makes of b. Every datagram has one body, so this is by hand; a test holds the two equal.
func (b *body) append(p []byte) []byte {
	p = append(p, cborMap|4+filled(b.AckBase, b.AckMask, b.Echo, b.Delay))
	p = appendID(append(p, 1), b.Source)
	p = appendID(append(p, 2), b.Dest)
	p = appendID(append(p, 3), b.Boot)
	p = appendField(p, 4, b.AckBase)
	p = appendField(p, 5, b.AckMask)
	p = appendField(p, 6, b.Echo)
	p = appendField(p, 7, b.Delay)
	p = appendHead(append(p, 8), cborArray, uint64(len(b.Frames)))
	for i := range b.Frames {
		p = b.Frames[i].append(p)
	}
	return p
}

func (f *frame) append(p []byte) []byte {
	p = append(p, cborArray|3)
	p = appendHead(p, cborUint, uint64(f.Kind))
	p = appendHead(p, cborUint, f.ID)
	p = appendHead(p, cborBytes, uint64(len(f.Payload)))
	return append(p, f.Payload...)
}

// read is append the other way, and reports whether p is in that form. It uses the room of the frames that b had. A test holds the result equal to the library's.
func (b *body) read(p []byte) bool {
	c := cursor{p: p}
	pairs := c.head(cborMap)
	b.Source, b.Dest, b.Boot = c.id(1), c.id(2), c.id(3)
	for i, v := range [...]*uint64{&b.AckBase, &b.AckMask, &b.Echo, &b.Delay} {
		*v = c.number(byte(4+i), 1<<64-1)
	}
	c.key(8)
	n := c.head(cborArray)
	if c.lost || n > maxFrames || n > uint64(len(c.p)/4) || pairs != uint64(4+filled(b.AckBase, b.AckMask, b.Echo, b.Delay)) {
		return false
	}
	if b.Frames == nil || uint64(cap(b.Frames)) < n {
		b.Frames = make([]frame, n)
	}
	b.Frames = b.Frames[:n]
	for i := range b.Frames {
		b.Frames[i].read(&c)
	}
	return c.done()
}

func (f *frame) read(c *cursor) {
	c.expect(c.head(cborArray) == 3)
	f.Kind = Kind(c.limited(0xFF))
	f.ID = c.head(cborUint)
	f.Payload = c.bytes()
}

const (
	bareOverhead  = 1 + 3*18 + 2             // map, ids and frames of a body without acks and echo
	bodyOverhead  = 1 + 3*18 + 3*10 + 11 + 3 // map, ids, acks and echo, delay, frames: at their longest
	frameOverhead = 1 + 2 + 9 + 3
	maxFrames     = 200

	// MaxPayload is the longest encoded message that fits every datagram.
	MaxPayload = MaxDatagram - overhead - bodyOverhead - frameOverhead
)

// size is the length of the encoded frame.
func (f frame) size() int {
	return 1 + uintSize(uint64(f.Kind)) + uintSize(f.ID) + bytesSize(len(f.Payload))
}
