package stego

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

// readClassic is written from one sentence alone: a 4-byte big-endian length, then
// UTF-8, in the lowest bits of R, G, B of each pixel in row order, the most
// significant bit first, alpha untouched. It shares nothing with the package.
func readClassic(file []byte) (string, error) {
	im, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return "", err
	}
	var out []byte
	var cur byte
	n, want := 0, 4
	for y := im.Bounds().Min.Y; y < im.Bounds().Max.Y; y++ {
		for x := im.Bounds().Min.X; x < im.Bounds().Max.X; x++ {
			p := straight(im, x, y)
			for _, v := range []uint16{p.R, p.G, p.B} {
				cur = cur<<1 | byte(v&1)
				if n++; n%8 == 0 && len(out) < want {
					out = append(out, cur)
				}
				if n == 32 {
					want += int(out[0])<<24 | int(out[1])<<16 | int(out[2])<<8 | int(out[3])
				}
			}
		}
	}
	return string(out[4:]), nil
}

func TestClassicIsReadByAnIndependentReader(t *testing.T) {
	text := "classic: " + strings.Repeat("ünabhängig ", 12)
	for name, carrier := range goodImages(t) {
		out, _, _ := embed(t, carrier, Payload{Kind: Text, Data: []byte(text)}, SealOptions{Format: Classic})
		if got, err := readClassic(out); err != nil || got != text {
			t.Errorf("%s: the reader says %q, %v", name, got, err)
		}
	}
}

func TestClassicRefusesWhatItCannotKeep(t *testing.T) {
	info, err := Measure(bytes.NewReader(goodImages(t)["gray8.png"]), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	most := info.Capacity(Classic).Bytes
	if want := int64(96*72*3/8 - 4); most != want {
		t.Errorf("capacity %d, want %d", most, want)
	}
	for pixels, want := range map[int]Capacity{10: {}, 12: {}, 14: {1, 1, true}} {
		if got := (Info{Width: pixels, Height: 1}).Capacity(Classic); got != want {
			t.Errorf("Capacity of %d pixels = %+v, want %+v", pixels, got, want)
		}
	}
	classic := SealOptions{Format: Classic}
	for name, c := range map[string]struct {
		p Payload
		o SealOptions
	}{
		"file":       {Payload{Kind: File, Data: []byte("x")}, classic},
		"passphrase": {Payload{Kind: Text, Data: []byte("x")}, SealOptions{Format: Classic, Passphrase: []byte("p")}},
		"empty":      {Payload{Kind: Text}, classic},
		"not UTF-8":  {Payload{Kind: Text, Data: []byte{0xff}}, classic},
	} {
		if e, err := Seal(c.p, info, c.o); err == nil {
			t.Errorf("%s: sealed %d bytes, want an error", name, len(e.Sealed))
		}
	}
	fits := Payload{Kind: Text, Data: bytes.Repeat([]byte("x"), int(most))}
	if _, err := Seal(fits, info, classic); err != nil {
		t.Errorf("%d bytes: %v", most, err)
	}
	fits.Data = append(fits.Data, 'x')
	if _, err := Seal(fits, info, classic); !sameCapacity(err, CapacityError{Need: most + 1, Have: most}) {
		t.Errorf("%d bytes: %v, want a CapacityError", most+1, err)
	}
}

func TestClassicIsNeverGuessed(t *testing.T) {
	out, _, _ := embed(t, goodImages(t)["rgb8.png"], Payload{Kind: Text, Data: []byte("x")}, SealOptions{Format: Classic})
	if _, _, err := Extract(bytes.NewReader(out), ExtractOptions{}); !isNoPayload(err) {
		t.Errorf("Extract as v1 = %v, want ErrNoPayload", err)
	}
}

func TestClassicFindsNothingInCleanImages(t *testing.T) {
	for name, carrier := range goodImages(t) {
		p, _, err := Extract(bytes.NewReader(carrier), ExtractOptions{Format: Classic})
		if !isNoPayload(err) {
			t.Errorf("%s: found %q, %v", name, p.Data, err)
		}
	}
}
