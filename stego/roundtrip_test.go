package stego

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand"
	"strings"
	"testing"

	_ "image/gif"
	_ "image/jpeg"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// outputType is what docs/STEGO.md §2 promises for each image of testdata.
var outputType = map[string]struct {
	model Model
	depth int
}{
	"gray1.png": {Gray, 8}, "gray2.png": {Gray, 8}, "gray4.png": {GrayAlpha, 8}, "gray8.png": {Gray, 8},
	"gray8-trns.png": {GrayAlpha, 8}, "gray16.png": {Gray, 16}, "graya8.png": {GrayAlpha, 8}, "graya16.png": {GrayAlpha, 16},
	"palette4.png": {RGB, 8}, "palette8-trns.png": {RGBA, 8}, "rgb8.png": {RGB, 8}, "rgb8-trns.png": {RGBA, 8},
	"rgb16.png": {RGB, 16}, "rgba8.png": {RGBA, 8}, "rgba16.png": {RGBA, 16}, "interlaced.png": {RGB, 8},
	"interlaced1.png": {Gray, 8}, "interlacedp.png": {RGB, 8}, "onerow.png": {RGB, 8}, "onecolumn.png": {RGB, 8},
	"photo.jpg": {RGB, 8}, "exif.jpg": {RGB, 8}, "cmyk.jpg": {RGB, 8}, "progressive.jpg": {RGB, 8}, "photo-gray.jpg": {Gray, 8},
	"photo.gif": {RGB, 8}, "partial.gif": {RGBA, 8}, "photo.bmp": {RGB, 8}, "photo24.bmp": {RGB, 8}, "alpha.bmp": {RGBA, 8},
	"photo.tiff": {RGBA, 8}, "photo16.tiff": {RGBA, 16}, "gray.tiff": {Gray, 8}, "rgba.tiff": {RGBA, 8},
	"lossy.webp": {RGB, 8}, "lossy-alpha.webp": {RGBA, 8}, "lossless.webp": {RGBA, 8},
}

// embed seals and embeds, and fails the test on any error.
func embed(t testing.TB, carrier []byte, p Payload, o SealOptions) ([]byte, *Embedding, Report) {
	t.Helper()
	info, err := Measure(bytes.NewReader(carrier), Limits{})
	if err != nil {
		t.Fatalf("Measure: %v", err)
	}
	e, err := Seal(p, info, o)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	var out bytes.Buffer
	rep, err := Embed(&out, bytes.NewReader(carrier), e, EmbedOptions{})
	if err != nil {
		t.Fatalf("Embed: %v", err)
	}
	return out.Bytes(), e, rep
}

// confirm checks an output in every way there is.
func confirm(t testing.TB, carrier, out []byte, e *Embedding, p Payload, o ExtractOptions) {
	t.Helper()
	if err := Check(bytes.NewReader(out), e, Limits{}, 0); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := Verify(bytes.NewReader(carrier), bytes.NewReader(out), e, Limits{}, 0); err != nil {
		t.Errorf("Verify: %v", err)
	}
	got, _, err := Extract(bytes.NewReader(out), o)
	if err != nil || got.Kind != p.Kind || got.Name != p.Name || !bytes.Equal(got.Data, p.Data) {
		t.Errorf("Extract = %v %q %d bytes, %v; want %v %q %d bytes", got.Kind, got.Name, len(got.Data), err, p.Kind, p.Name, len(p.Data))
	}
}

func TestEveryTypeRoundTrips(t *testing.T) {
	text := Payload{Kind: Text, Data: []byte("hello, wörld")}
	for name, carrier := range goodImages(t) {
		t.Run(name, func(t *testing.T) {
			want, ok := outputType[name]
			if !ok {
				t.Fatalf("no expectation for %s", name)
			}
			for _, o := range []SealOptions{{}, {Spread: true}, {Format: Classic}} {
				out, e, rep := embed(t, carrier, text, o)
				confirm(t, carrier, out, e, text, ExtractOptions{Format: o.Format})
				model := want.model
				if o.Format == Classic {
					model |= 2
				}
				if rep.Info.Model != model || rep.Info.Depth != want.depth {
					t.Errorf("output is %v %d bit, want %v %d bit", rep.Info.Model, rep.Info.Depth, model, want.depth)
				}
				if most := rep.Info.Largest(int64(len(carrier))); rep.Size > most {
					t.Errorf("output of %d bytes, Largest = %d", rep.Size, most)
				}
				sameButLowest(t, carrier, out, rep, o.Format == Classic)
			}
		})
	}
}

// Not even noise, which no method deflates, makes more than is allowed for, whatever the rows are like; and what is allowed for is
// little more than such an output takes.
func TestLargestHoldsNoise(t *testing.T) {
	for _, size := range []image.Point{{1, 3000}, {3000, 1}, {40, 40}, {700, 500}} {
		noise := image.NewNRGBA64(image.Rectangle{Max: size})
		rand.New(rand.NewSource(1)).Read(noise.Pix)
		var carrier bytes.Buffer
		if err := png.Encode(&carrier, noise); err != nil {
			t.Fatal(err)
		}
		out, _, rep := embed(t, carrier.Bytes(), Payload{Kind: Text, Data: []byte("x")}, SealOptions{})
		least, most := int64(len(noise.Pix)), rep.Info.Largest(int64(carrier.Len()))
		if got := int64(len(out)); got < least || got > most || most > least+least>>9+int64(carrier.Len())+int64(33*size.Y)+64<<10 {
			t.Errorf("%v: %d samples' bytes, an output of %d, Largest = %d", size, least, got, most)
		}
	}
}

// sameButLowest compares both files as the standard library decodes them: what
// differs must be colour samples of visible pixels, each by one, as many as reported.
func sameButLowest(t *testing.T, carrier, out []byte, rep Report, classic bool) {
	t.Helper()
	a, _, err := image.Decode(bytes.NewReader(carrier))
	if err != nil {
		t.Fatalf("image.Decode(carrier): %v", err)
	}
	b, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("png.Decode(output): %v", err)
	}
	size := image.Rect(0, 0, rep.Info.Width, rep.Info.Height)
	unit := int64(1)
	if rep.Info.Depth == 8 {
		unit = 0x101
	}
	changed := int64(0)
	for y := range size.Dy() {
		for x := range size.Dx() {
			p, q := straight(a, x, y), straight(b, x, y)
			diff := []int64{delta(p.R, q.R), delta(p.G, q.G), delta(p.B, q.B)}
			if rep.Info.Model.Colors() == 1 {
				diff = diff[:1]
			}
			for _, d := range diff {
				if d != 0 && (d != unit || p.A == 0 && !classic) {
					t.Fatalf("pixel %d,%d is %v, was %v", x, y, q, p)
				}
				changed += d / unit
			}
			if p.A != q.A {
				t.Fatalf("alpha at %d,%d is %d, was %d", x, y, q.A, p.A)
			}
		}
	}
	if changed != rep.Changed {
		t.Errorf("%d samples differ, report says %d", changed, rep.Changed)
	}
}

// straight returns a pixel, not premultiplied, and exact where the image has it so.
func straight(im image.Image, x, y int) color.NRGBA64 {
	p := image.Pt(x, y)
	if g, ok := im.(*image.Paletted); ok && !p.In(g.Rect) {
		return color.NRGBA64{}
	}
	switch c := im.At(x, y).(type) {
	case color.NRGBA64:
		return c
	case color.NRGBA:
		return color.NRGBA64{R: wide(c.R), G: wide(c.G), B: wide(c.B), A: wide(c.A)}
	default:
		n := color.NRGBA64Model.Convert(c).(color.NRGBA64)
		if _, deep := c.(color.Gray16); deep {
			return n
		}
		if _, deep := c.(color.RGBA64); deep {
			return n
		}
		return color.NRGBA64{R: n.R >> 8 * 0x101, G: n.G >> 8 * 0x101, B: n.B >> 8 * 0x101, A: n.A}
	}
}

func wide(v uint8) uint16 { return uint16(v) * 0x101 }

func delta(a, b uint16) int64 { return max(int64(a)-int64(b), int64(b)-int64(a)) }

func TestPassphraseSealsAndFilesKeepTheirNames(t *testing.T) {
	carrier := goodImages(t)["rgb8.png"]
	file := Payload{Kind: File, Name: "Übergröße.bin", Data: []byte{0, 1, 2, 0xff}}
	out, e, _ := embed(t, carrier, file, SealOptions{Passphrase: []byte("correct horse")})
	confirm(t, carrier, out, e, file, ExtractOptions{Passphrase: []byte("correct horse")})
	_, x, err := Extract(bytes.NewReader(out), ExtractOptions{Passphrase: []byte("correct horse")})
	if err != nil || !x.Sealed || x.Rate != DefaultRate {
		t.Errorf("Extraction = %+v, %v; want sealed at rate %d", x, err, DefaultRate)
	}
	for _, wrong := range []string{"", "wrong horse"} {
		if _, _, err := Extract(bytes.NewReader(out), ExtractOptions{Passphrase: []byte(wrong)}); !isNoPayload(err) {
			t.Errorf("Extract with passphrase %q: %v, want ErrNoPayload", wrong, err)
		}
	}
}

func TestOpenPayloadIsNotTakenForASealedOne(t *testing.T) {
	out, _, _ := embed(t, goodImages(t)["gray8.png"], Payload{Kind: Text, Data: []byte("x")}, SealOptions{})
	if _, _, err := Extract(bytes.NewReader(out), ExtractOptions{Passphrase: []byte("mine")}); !isNoPayload(err) {
		t.Errorf("Extract = %v, want ErrNoPayload", err)
	}
}

func TestEmbeddingIsPure(t *testing.T) {
	text := Payload{Kind: Text, Data: []byte(strings.Repeat("the same ", 30))}
	for name, carrier := range goodImages(t) {
		salt := bytes.NewReader(bytes.Repeat([]byte{7}, saltSize))
		first, e, a := embed(t, carrier, text, SealOptions{Spread: true, Entropy: salt})
		var again bytes.Buffer
		b, err := Embed(&again, bytes.NewReader(carrier), e, EmbedOptions{})
		if err != nil || !bytes.Equal(first, again.Bytes()) || a != b {
			t.Errorf("%s: the second embedding differs from the first: %v", name, err)
		}
	}
}

func TestFullImageRoundTrips(t *testing.T) {
	for _, name := range []string{"gray8.png", "rgba8.png", "rgb16.png", "onerow.png", "interlaced.png"} {
		carrier := goodImages(t)[name]
		info, err := Measure(bytes.NewReader(carrier), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		most := info.Capacity(V1)
		data := make([]byte, most.Bytes)
		rand.New(rand.NewSource(5)).Read(data)
		fit := Payload{Kind: File, Data: data[:most.Bytes-2]}
		out, e, rep := embed(t, carrier, fit, SealOptions{})
		confirm(t, carrier, out, e, fit, ExtractOptions{})
		if e.Rate != 1 || rep.Hidden != rep.Capacity {
			t.Errorf("%s: rate %d, hidden %d of %d; want rate 1 and all", name, e.Rate, rep.Hidden, rep.Capacity)
		}
		_, err = Seal(Payload{Kind: File, Data: data[:most.Bytes-1]}, info, SealOptions{})
		if want := (CapacityError{Need: most.Bytes + 1, Have: most.Bytes}); !sameCapacity(err, want) {
			t.Errorf("%s: one byte more: %v, want %v", name, err, &want)
		}
	}
}

func TestRateFallsOnlyWhereItMust(t *testing.T) {
	info, err := Measure(bytes.NewReader(goodImages(t)["gray16.png"]), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, info.Capacity(V1).Default+1)
	rand.New(rand.NewSource(6)).Read(data)
	for size, want := range map[int]uint8{len(data) - 1: 10, len(data): 9} {
		e, err := Seal(Payload{Kind: File, Data: data[:size-2]}, info, SealOptions{})
		if err != nil || e.Rate != want {
			t.Errorf("rate of %d bytes = %d, %v; want %d", size, e.Rate, err, want)
		}
	}
}
