package stego

import (
	"bytes"
	"encoding/binary"
	"flag"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

var update = flag.Bool("update", false, "rewrite testdata/images and testdata/stego")

const imageDir = "../testdata/images"

// scene is a photograph of sorts: smooth light, an edge, grain.
func scene(seed int64) func(x, y, c int) int {
	rnd := rand.New(rand.NewSource(seed))
	grain := make([]int, 4096)
	for i := range grain {
		grain[i] = int(rnd.NormFloat64() * 500)
	}
	return func(x, y, c int) int {
		light := math.Sin(float64(x)/17+float64(c)) + math.Cos(float64(y)/23-float64(c)/2)
		v := 32768 + int(light*11000) + grain[(x*7+y*131+c*977)%len(grain)]
		if (x-40)*(x-40)+(y-30)*(y-30) < 500 {
			v += 9000
		}
		return min(65535, max(0, v))
	}
}

// at8 is a scene in samples of 8 bits. The last channel of four, or of two, is alpha.
func at8(channels int) func(x, y, c int) int {
	s := scene(8)
	return func(x, y, c int) int {
		if c == channels-1 && channels%2 == 0 {
			return min(255, max(0, (x-20)*9+y))
		}
		return s(x, y, c) >> 8
	}
}

// at16 is the same in 16 bits.
func at16(channels int) func(x, y, c int) int {
	s := scene(16)
	return func(x, y, c int) int {
		if c == channels-1 && channels%2 == 0 {
			return min(65535, max(0, (x-20)*2500+y))
		}
		return s(x, y, c)
	}
}

// drawn is a scene as an image for the encoders of other formats.
func drawn(width, height int) *image.NRGBA {
	im, s := image.NewNRGBA(image.Rect(0, 0, width, height)), at8(3)
	for y := range height {
		for x := range width {
			im.SetNRGBA(x, y, color.NRGBA{uint8(s(x, y, 0)), uint8(s(x, y, 1)), uint8(s(x, y, 2)), 255})
		}
	}
	return im
}

// gray is drawn without its colours.
func gray(width, height int) *image.Gray {
	im := image.NewGray(image.Rect(0, 0, width, height))
	draw.Draw(im, im.Rect, drawn(width, height), image.Point{}, draw.Src)
	return im
}

// colors16 is a palette in a PNG's form.
func colors16() []byte {
	var out []byte
	for i := range 16 {
		out = append(out, byte(i*17), byte(255-i*13), byte(i*i))
	}
	return out
}

// tags are the metadata of some test images.
var tags = []chunk{
	{"gAMA", []byte{0, 0, 0xb1, 0x8f}},
	{"pHYs", []byte{0, 0, 0x0b, 0x13, 0, 0, 0x0b, 0x13, 1}},
	{"tEXt", []byte("Title\x00a scene")},
	{"eXIf", []byte("MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00")},
}

// goodPNGs are PNG files of every type.
func goodPNGs() map[string]pngSpec {
	const w, h = 96, 72
	shade := func(x, y, _ int) int { return (x + y) / 12 }
	late := []chunk{{"tIME", []byte{7, 231, 1, 2, 3, 4, 5}}, {"tEXt", []byte("Comment\x00behind the pixels")}}
	return map[string]pngSpec{
		"gray1.png":         {width: 200, height: 90, kind: 0, depth: 1, sample: shade},
		"gray2.png":         {width: w, height: h, kind: 0, depth: 2, sample: shade},
		"gray4.png":         {width: w, height: h, kind: 0, depth: 4, sample: shade, trns: []byte{0, 3}},
		"gray8.png":         {width: w, height: h, kind: 0, depth: 8, sample: at8(1)},
		"gray8-trns.png":    {width: w, height: h, kind: 0, depth: 8, sample: at8(1), trns: []byte{0, 128}},
		"gray16.png":        {width: w, height: h, kind: 0, depth: 16, sample: at16(1)},
		"graya8.png":        {width: w, height: h, kind: 4, depth: 8, sample: at8(2)},
		"graya16.png":       {width: w, height: h, kind: 4, depth: 16, sample: at16(2)},
		"palette4.png":      {width: w, height: h, kind: 3, depth: 4, sample: shade, palette: colors16()},
		"palette8-trns.png": {width: w, height: h, kind: 3, depth: 8, sample: shade, palette: colors16(), trns: []byte{0, 128, 255}},
		"rgb8.png":          {width: w, height: h, kind: 2, depth: 8, sample: at8(3), before: tags, after: late},
		"rgb8-trns.png":     {width: w, height: h, kind: 2, depth: 8, sample: func(x, y, c int) int { return x / 8 * (c + 1) }, trns: []byte{0, 3, 0, 6, 0, 9}},
		"rgb16.png":         {width: w, height: h, kind: 2, depth: 16, sample: at16(3)},
		"rgba8.png":         {width: w, height: h, kind: 6, depth: 8, sample: at8(4)},
		"rgba16.png":        {width: w, height: h, kind: 6, depth: 16, sample: at16(4)},
		"interlaced.png":    {width: 97, height: 71, kind: 2, depth: 8, sample: at8(3), interlaced: true},
		"interlaced1.png":   {width: 123, height: 61, kind: 0, depth: 1, sample: shade, interlaced: true},
		"interlacedp.png":   {width: 99, height: 73, kind: 3, depth: 4, sample: shade, palette: colors16(), interlaced: true},
		"onerow.png":        {width: 600, height: 1, kind: 2, depth: 8, sample: at8(3)},
		"onecolumn.png":     {width: 1, height: 600, kind: 2, depth: 8, sample: at8(3)},
	}
}

// goodOthers are files of the other formats.
func goodOthers(t *testing.T) map[string][]byte {
	out := map[string][]byte{}
	save := func(name string, encode func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatalf("make %s: %v", name, err)
		}
		out[name] = b.Bytes()
	}
	im, small := drawn(160, 120), image.NewPaletted(image.Rect(0, 0, 96, 72), palette.Plan9)
	draw.Draw(small, small.Rect, im, image.Point{}, draw.Src)
	clear := append(color.Palette{color.NRGBA{}}, palette.WebSafe...)
	partial := image.NewPaletted(image.Rect(8, 8, 80, 60), clear)
	draw.Draw(partial, image.Rect(20, 20, 80, 60), im, image.Point{}, draw.Src)
	deep := image.NewNRGBA64(image.Rect(0, 0, 64, 64))
	draw.Draw(deep, deep.Rect, im, image.Point{}, draw.Src)
	save("photo.jpg", func(b *bytes.Buffer) error { return jpeg.Encode(b, im, nil) })
	save("photo-gray.jpg", func(b *bytes.Buffer) error { return jpeg.Encode(b, gray(96, 72), nil) })
	save("photo.gif", func(b *bytes.Buffer) error { return gif.Encode(b, small, nil) })
	save("partial.gif", func(b *bytes.Buffer) error {
		return gif.EncodeAll(b, &gif.GIF{Image: []*image.Paletted{partial}, Delay: []int{0}, Config: image.Config{ColorModel: clear, Width: 96, Height: 72}})
	})
	save("photo.bmp", func(b *bytes.Buffer) error { return bmp.Encode(b, small) })
	save("photo24.bmp", func(b *bytes.Buffer) error { return bmp.Encode(b, drawn(90, 60)) })
	save("photo.tiff", func(b *bytes.Buffer) error {
		return tiff.Encode(b, drawn(90, 60), &tiff.Options{Compression: tiff.Deflate, Predictor: true})
	})
	save("photo16.tiff", func(b *bytes.Buffer) error { return tiff.Encode(b, deep, &tiff.Options{Compression: tiff.Deflate}) })
	save("gray.tiff", func(b *bytes.Buffer) error { return tiff.Encode(b, gray(96, 72), nil) })
	out["exif.jpg"] = withSegments(out["photo.jpg"])
	return out
}

// withSegments puts EXIF and an ICC profile of two parts into a JPEG.
func withSegments(plain []byte) []byte {
	segment := func(marker byte, data string) []byte {
		b := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(data)+2))
		return append(b, data...)
	}
	profile := testProfile()
	out := append([]byte(nil), plain[:2]...)
	out = append(out, segment(0xe1, "Exif\x00\x00"+string(tags[3].data))...)
	out = append(out, segment(0xe2, "ICC_PROFILE\x00\x01\x02"+profile[:100])...)
	out = append(out, segment(0xe2, "ICC_PROFILE\x00\x02\x02"+profile[100:])...)
	return append(out, plain[2:]...)
}

// testProfile has the header of an RGB profile and nothing true behind it.
func testProfile() string {
	b := bytes.Repeat([]byte("icc"), 80)
	copy(b[16:], "RGB ")
	return string(b)
}

// TestImagesAreWritten makes testdata/images when -update is given, and else
// checks that all of it is there.
func TestImagesAreWritten(t *testing.T) {
	all := goodOthers(t)
	for name, s := range goodPNGs() {
		all[name] = s.encode()
	}
	one := pngSpec{width: 1, height: 1, kind: 2, depth: 8, sample: at8(3)}
	all["1x1.png"] = one.encode()
	for name, bad := range badImages(t) {
		all[filepath.Join("corrupt", name)] = bad.data
	}
	for name, data := range all {
		path := filepath.Join(imageDir, name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if st, err := os.Stat(path); err != nil || st.Size() > 60<<10 {
			t.Errorf("%s: %v, %v; go test ./stego -run Images -update writes it", name, st, err)
		}
	}
}

// goodImages reads every image of testdata/images that can be read at all.
func goodImages(t testing.TB) map[string][]byte {
	list, err := os.ReadDir(imageDir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range list {
		if f.IsDir() || filepath.Ext(f.Name()) == ".md" || f.Name() == "1x1.png" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(imageDir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = b
	}
	return out
}
