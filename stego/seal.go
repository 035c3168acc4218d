package stego

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// DefaultRate is how many usable samples the window has for each payload bit.
const DefaultRate = 10

// Payload is what is hidden.
type Payload struct {
	Kind Kind
	Name string // Name is a File's name, no path.
	Data []byte
}

// SealOptions says how to seal.
type SealOptions struct {
	Format     Format    // If zero, V1 is used.
	Passphrase []byte    // If empty, anybody can extract.
	Spread     bool      // Spread uses the whole image, not the fewest rows.
	Entropy    io.Reader // Entropy makes the salt. If nil, crypto/rand is used.
}

// Embedding is all a server needs to hide a payload. It holds no passphrase and
// cannot be opened with what is in it if there was one. It travels by its fields.
type Embedding struct {
	Format Format
	Rate   uint8  // Rate is usable samples per payload bit, at least; 0: all rows (spread).
	Sealed []byte // Sealed is salt ‖ header box ‖ payload box, or classic's length ‖ text.
	Place  [32]byte
	Change [32]byte
}

// Seal compresses and seals a payload for one carrier. It chooses the default
// rate or, where that does not fit, the greatest smaller one that does.
func Seal(p Payload, info Info, o SealOptions) (*Embedding, error) {
	if o.Format == Classic {
		return sealClassic(p, info, o)
	}
	salt := make([]byte, saltSize)
	if err := fill(salt, o.Entropy); err != nil {
		return nil, fmt.Errorf("draw salt: %w", err)
	}
	return sealWith(p, info, salt, o)
}

// sealWith is Seal with the salt given.
func sealWith(p Payload, info Info, salt []byte, o SealOptions) (*Embedding, error) {
	if !info.Measured {
		return nil, fmt.Errorf("stego: seal needs a measured image")
	}
	raw, err := p.content()
	if err != nil {
		return nil, err
	}
	packed, codec := pack(raw)
	rate, ok := info.rate(int64(len(packed)), o.Spread)
	if !ok {
		return nil, &CapacityError{Need: int64(len(packed)), Have: info.holds(1), Name: int64(len(raw) - len(p.Data)), Deflated: codec == codecDeflate}
	}
	h := header{kind: p.Kind, codec: codec, rate: rate, raw: uint32(len(raw)), box: uint32(len(packed) + tagSize)}
	keys := deriveKeys(o.Passphrase, salt)
	sealed := append([]byte(nil), salt...)
	sealed = keys.head.seal(sealed, h.append(nil), labelHead, info)
	sealed = keys.seal.seal(sealed, packed, labelSeal, info)
	return &Embedding{Format: V1, Rate: rate, Sealed: sealed, Place: keys.place, Change: keys.change}, nil
}

// rate chooses the rate at which content of this size is hidden, and reports whether it fits at all.
func (i Info) rate(size int64, spread bool) (rate uint8, ok bool) {
	if room := i.Capacity(V1); !room.Fits || size > room.Bytes {
		return 0, false
	}
	if spread {
		return 0, true
	}
	fits := i.Window / (8 * (size + tagSize))
	return uint8(min(DefaultRate, fits)), true
}

// sealClassic makes the embedding of the classic format, which has neither key nor seal.
func sealClassic(p Payload, info Info, o SealOptions) (*Embedding, error) {
	switch have := info.Capacity(Classic).Bytes; {
	case p.Kind != Text:
		return nil, &UnsupportedError{What: "classic hides text only"}
	case len(o.Passphrase) > 0:
		return nil, &UnsupportedError{What: "classic has no passphrase"}
	case len(p.Data) == 0:
		return nil, &UnsupportedError{What: "classic cannot hide an empty text"}
	case !utf8.Valid(p.Data):
		return nil, errNotText
	case int64(len(p.Data)) > have:
		return nil, &CapacityError{Need: int64(len(p.Data)), Have: have}
	}
	sealed := binary.BigEndian.AppendUint32(nil, uint32(len(p.Data)))
	return &Embedding{Format: Classic, Sealed: append(sealed, p.Data...)}, nil
}

// check says whether an embedding, which may come from a stranger, has a possible shape.
func (e *Embedding) check() error {
	switch {
	case e.Format == V1 && len(e.Sealed) >= headSize+tagSize && len(e.Sealed) <= headSize+tagSize+MaxContent:
		return nil
	case e.Format == Classic && len(e.Sealed) > classicHead && e.Rate == 0:
		return nil
	}
	return &FormatError{Kind: "embedding", Reason: fmt.Sprintf("%v with %d sealed bytes", e.Format, len(e.Sealed))}
}

// need returns how many usable samples the window must have.
func (e *Embedding) need() int64 {
	return windowNeed(int64(len(e.Sealed)-headSize), e.Rate)
}

// windowNeed is the rule of docs/STEGO.md §4 for a payload box of some bytes.
func windowNeed(box int64, rate uint8) int64 {
	return box * 8 * max(1, int64(rate))
}

// fill reads random bytes.
func fill(p []byte, from io.Reader) error {
	if from == nil {
		from = rand.Reader
	}
	_, err := io.ReadFull(from, p)
	return err
}
