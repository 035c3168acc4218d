package stego

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"testing"
)

func isVerify(err error) bool {
	var v *VerifyError
	return errors.As(err, &v)
}

// redrawn is an output with one sample changed, by a writer that knows nothing of it.
func redrawn(t *testing.T, out []byte, at int) []byte {
	t.Helper()
	im, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	im.(*image.Gray).Pix[at] ^= 1
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestVerifyNoticesAnyOtherPixel(t *testing.T) {
	carrier := goodImages(t)["gray8.png"]
	out, e, _ := embed(t, carrier, Payload{Kind: Text, Data: []byte("hello")}, SealOptions{})
	for _, at := range []int{0, headBits + 96, 96*72 - 1} {
		if err := Verify(bytes.NewReader(carrier), bytes.NewReader(redrawn(t, out, at)), e, Limits{}, 0); !isVerify(err) {
			t.Errorf("sample %d changed: Verify = %v", at, err)
		}
	}
}

func TestVerifyAcceptsAnyEncoderOfTheSamePixels(t *testing.T) {
	carrier := goodImages(t)["gray8.png"]
	out, e, _ := embed(t, carrier, Payload{Kind: Text, Data: []byte("hello")}, SealOptions{})
	im, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := png.Encode(&again, im); err != nil {
		t.Fatal(err)
	}
	if err := Verify(bytes.NewReader(carrier), &again, e, Limits{}, 0); err != nil {
		t.Errorf("Verify = %v", err)
	}
}

func TestCheckNoticesALostPayload(t *testing.T) {
	carrier := goodImages(t)["gray8.png"]
	out, e, _ := embed(t, carrier, Payload{Kind: Text, Data: []byte("hello")}, SealOptions{})
	cases := map[string][]byte{
		"head changed": redrawn(t, out, 5), "the carrier itself": carrier,
		"cut off": out[:len(out)-20], "nothing": nil,
	}
	for name, file := range cases {
		if err := Check(bytes.NewReader(file), e, Limits{}, 0); !isVerify(err) {
			t.Errorf("%s: Check = %v, want a VerifyError", name, err)
		}
	}
	last := *e
	last.Sealed = bytes.Clone(e.Sealed)
	last.Sealed[len(last.Sealed)-1] ^= 1
	if err := Check(bytes.NewReader(out), &last, Limits{}, 0); !isVerify(err) {
		t.Errorf("other sealed bytes: Check = %v, want a VerifyError", err)
	}
}

func TestVerifyNoticesAnotherTypeAndSize(t *testing.T) {
	all := goodImages(t)
	carrier := all["gray8.png"]
	_, e, _ := embed(t, carrier, Payload{Kind: Text, Data: []byte("hello")}, SealOptions{})
	for _, name := range []string{"gray16.png", "graya8.png", "onerow.png", "photo-gray.jpg"} {
		if err := Verify(bytes.NewReader(carrier), bytes.NewReader(all[name]), e, Limits{}, 0); !isVerify(err) {
			t.Errorf("%s: Verify = %v, want a VerifyError", name, err)
		}
	}
}

func TestImpossibleEmbeddingsAreRefused(t *testing.T) {
	carrier := goodImages(t)["gray8.png"]
	for name, e := range map[string]*Embedding{
		"zero":       {},
		"short v1":   {Format: V1, Sealed: make([]byte, headSize+tagSize-1)},
		"no text":    {Format: Classic, Sealed: make([]byte, classicHead)},
		"other kind": {Format: 9, Sealed: make([]byte, 100)},
	} {
		if _, err := Embed(&bytes.Buffer{}, bytes.NewReader(carrier), e, EmbedOptions{}); !typed(err) {
			t.Errorf("%s: Embed = %v, want a FormatError", name, err)
		}
	}
	big := &Embedding{Format: V1, Rate: 255, Sealed: make([]byte, 2000)}
	for _, name := range []string{"gray8.png", "graya8.png", "1x1"} {
		file := carrier
		if name == "1x1" {
			file = pngSpec{width: 1, height: 1, kind: 4, depth: 8}.encode()
		}
		var capacity *CapacityError
		if _, err := Embed(&bytes.Buffer{}, bytes.NewReader(file), big, EmbedOptions{}); !errors.As(err, &capacity) {
			t.Errorf("%s: Embed of too much = %v, want a CapacityError", name, err)
		}
	}
}

func TestMatchesKnowsItsOwnOutput(t *testing.T) {
	carrier := goodImages(t)["rgb8.png"]
	out, e, _ := embed(t, carrier, Payload{Kind: Text, Data: []byte("hello")}, SealOptions{})
	last := bytes.Clone(out)
	last[len(last)-1] ^= 1
	for name, c := range map[string]struct {
		output []byte
		want   error
	}{
		"the same": {out, nil}, "another last byte": {last, ErrDiffers},
		"cut off": {out[:len(out)-1], ErrDiffers}, "longer": {append(bytes.Clone(out), 0), ErrDiffers}, "empty": {nil, ErrDiffers},
	} {
		if _, err := Matches(bytes.NewReader(carrier), bytes.NewReader(c.output), e, EmbedOptions{}); !errors.Is(err, c.want) {
			t.Errorf("%s: Matches = %v, want %v", name, err, c.want)
		}
	}
}
