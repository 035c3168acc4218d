package stego

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// ExtractOptions says how to extract.
type ExtractOptions struct {
	Format     Format // If zero, V1 is used; classic is never guessed.
	Passphrase []byte // If empty, only payloads readable by anybody are found.
	Limits     Limits
}

// Extraction says how a payload was hidden.
type Extraction struct {
	Info   Info
	Format Format
	Sealed bool  // Sealed: a passphrase was needed.
	Rate   uint8 // Rate is that of v1; 0: spread over all rows.
}

// Extract finds what is hidden in an image. The error wraps ErrNoPayload where
// nothing is, or where the passphrase is not the one it was sealed with. It reads
// no further than it must, so what follows the payload is not checked.
func Extract(r io.Reader, o ExtractOptions) (Payload, Extraction, error) {
	c, err := open(r, o.Limits)
	if err != nil {
		return Payload{}, Extraction{}, err
	}
	defer c.free()
	if o.Format != Classic {
		o.Format = V1
	}
	defer c.skimmed(o.Format)()
	if o.Format == Classic {
		return c.extractClassic()
	}
	derive := func(salt []byte) keys { return deriveKeys(o.Passphrase, salt) }
	p, x, err := c.extract(derive)
	x.Sealed = err == nil && len(o.Passphrase) > 0
	return p, x, err
}

// extract finds a v1 payload under keys made from its salt.
func (c *carrier) extract(derive func(salt []byte) keys) (Payload, Extraction, error) {
	x := Extraction{Info: c.info, Format: V1}
	f := newFinder(c)
	h, k, err := c.header(f, derive)
	if err != nil {
		return Payload{}, x, err
	}
	x.Rate = h.rate
	box, err := f.box(h, k.place)
	if err != nil {
		return Payload{}, x, err
	}
	packed, ok := k.seal.open(box, labelSeal, c.info)
	if !ok {
		return Payload{}, x, &FormatError{Kind: "payload", Reason: "found, but damaged: its seal is broken"}
	}
	raw, err := unpack(packed, h.codec, h.raw)
	if err != nil {
		return Payload{}, x, err
	}
	p, err := parseContent(h.kind, raw)
	return p, x, err
}

// header finds the header, and the keys of the rest.
func (c *carrier) header(f *finder, derive func(salt []byte) keys) (header, keys, error) {
	head, err := f.head()
	if err != nil {
		return header{}, keys{}, err
	}
	k := derive(head[:saltSize])
	plain, ok := k.head.open(head[saltSize:], labelHead, c.info)
	if !ok {
		return header{}, keys{}, fmt.Errorf("%w, or another passphrase", ErrNoPayload)
	}
	h, err := parseHeader(plain)
	return h, k, err
}

// extractClassic reads the length and the text of the classic format.
func (c *carrier) extractClassic() (Payload, Extraction, error) {
	x := Extraction{Info: c.info, Format: Classic}
	f := newFinder(c)
	f.src, f.l = c.colored()
	head, err := f.classic(classicHead)
	if err != nil {
		return Payload{}, x, err
	}
	n := int64(binary.BigEndian.Uint32(head))
	if n == 0 || n > c.info.Capacity(Classic).Bytes {
		return Payload{}, x, fmt.Errorf("%w of format classic", ErrNoPayload)
	}
	text, err := f.classic(classicHead + int(n))
	if err != nil {
		return Payload{}, x, err
	}
	if text = text[classicHead:]; !utf8.Valid(text) {
		return Payload{}, x, fmt.Errorf("%w of format classic", ErrNoPayload)
	}
	return Payload{Kind: Text, Data: text}, x, nil
}
