package stego

import (
	"bytes"
	"image"
	"image/png"
	"math/rand"
	"testing"
)

func TestSmoke(t *testing.T) {
	im := image.NewNRGBA(image.Rect(0, 0, 200, 100))
	rand.New(rand.NewSource(1)).Read(im.Pix)
	var in bytes.Buffer
	png.Encode(&in, im)
	for _, f := range []Format{V1, Classic} {
		for _, spread := range []bool{false, true} {
			info, err := Measure(bytes.NewReader(in.Bytes()), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := Seal(Payload{Kind: Text, Data: []byte("hello")}, info, SealOptions{Format: f, Spread: spread})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			rep, err := Embed(&out, bytes.NewReader(in.Bytes()), e, EmbedOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", rep)
			if err := Check(bytes.NewReader(out.Bytes()), e, Limits{}); err != nil {
				t.Fatal(err)
			}
			if err := Verify(bytes.NewReader(in.Bytes()), bytes.NewReader(out.Bytes()), e, Limits{}); err != nil {
				t.Fatal(err)
			}
			p, x, err := Extract(bytes.NewReader(out.Bytes()), ExtractOptions{Format: f})
			t.Log(string(p.Data), x, err)
			if err != nil || string(p.Data) != "hello" {
				t.Fatal(err)
			}
		}
	}
}
