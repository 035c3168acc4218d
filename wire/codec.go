package wire

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// encoding is core-deterministic, and an empty list is an empty list.
var encoding = func() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	return must(o.EncMode())
}()

// decoding holds the limits of PROTOCOL.md §2.4. Integers need not be shortest nor keys sorted; unknown keys are skipped.
var decoding = must(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	MaxNestedLevels: 6, MaxArrayElements: 256, MaxMapPairs: 64, UTF8: cbor.UTF8RejectInvalid,
	NaN: cbor.NaNDecodeForbidden, Inf: cbor.InfDecodeForbidden, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic("wire: cbor options: " + err.Error())
	}
	return v
}

// marshal encodes one of our own structs; it cannot fail for any value of them.
func marshal(v any) []byte {
	if h, ok := v.(hot); ok {
		return h.append(make([]byte, 0, hotSize))
	}
	return must(encoding.Marshal(v))
}

// marshalTo is marshal behind what p holds.
func marshalTo(p []byte, v any) []byte {
	if h, ok := v.(hot); ok {
		return h.append(p)
	}
	return append(p, must(encoding.Marshal(v))...)
}

func unmarshal(p []byte, v any, what string) error {
	if err := decoding.Unmarshal(p, v); err != nil {
		return FormatError(fmt.Sprintf("%s: %v", what, err))
	}
	return nil
}

// AppendMessage appends the CBOR form of m, or says which bound of PROTOCOL.md §3 m exceeds.
func AppendMessage(p []byte, m Message) ([]byte, error) {
	v := tidy(m)
	if err := bounds(v); err != nil {
		return p, err
	}
	if p == nil {
		return marshal(v), nil
	}
	return marshalTo(p, v), nil
}

// ParseMessage decodes a message of kind k.
func ParseMessage(k Kind, p []byte) (Message, error) {
	r := k.rule()
	if r == nil {
		return nil, FormatError(fmt.Sprintf("unknown kind %d", uint8(k)))
	}
	return r.parse(p)
}

// Fits reports whether m goes into one datagram.
func Fits(m Message) bool {
	p, err := AppendMessage(nil, m)
	return err == nil && len(p) <= MaxPayload
}

// parse decodes a message of type M.
func parse[M Message](p []byte) (Message, error) {
	var m M
	if c := (cursor{p: p}); !c.message(&m) {
		m = *new(M)
		if err := decoding.Unmarshal(p, &m); err != nil {
			return nil, FormatError(fmt.Sprintf("%v: %v", m.Kind(), err))
		}
	}
	return m, bounds(&m) // without another copy
}

// foreignBody decodes one that is not in the form in which we write it.
func foreignBody(p []byte) (b body, err error) {
	err = unmarshal(p, &b, "body")
	return b, err
}

// parseBody decodes a body. The payloads may be part of p, and the list of frames in the room of another.
func parseBody(p []byte, room []frame) (b body, err error) {
	b.Frames = room
	if !b.read(p) {
		if b, err = foreignBody(p); err != nil {
			return b, err
		}
	}
	switch {
	case b.Source.IsZero():
		err = FormatError("no source id")
	case len(b.Frames) > maxFrames:
		err = FormatError("too many frames")
	case b.Dest.IsZero() && !b.Boot.IsZero():
		err = FormatError("a boot nonce without a destination id")
	}
	return b, err
}
