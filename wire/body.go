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

const (
	bodyOverhead  = 1 + 3*18 + 3*10 + 11 + 3 // map, ids, acks and echo, delay, frames: at their longest
	frameOverhead = 1 + 2 + 9 + 3
	maxFrames     = 200

	// MaxPayload is the longest encoded message that fits every datagram.
	MaxPayload = MaxDatagram - overhead - bodyOverhead - frameOverhead
)

// size is at least the length of the encoded frame.
func (f frame) size() int {
	return 1 + uintSize(uint64(f.Kind)) + uintSize(f.ID) + bytesSize(len(f.Payload))
}

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
