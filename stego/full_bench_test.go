package stego

import (
	"bytes"
	"fmt"
	"image"
	"image/color/palette"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// photographs are the JPEG files of the folder P2PNODE_PHOTOS, else one that is made here.
func photographs(b *testing.B) map[string][]byte {
	b.Helper()
	out := map[string][]byte{}
	folder := os.Getenv("P2PNODE_PHOTOS")
	if folder == "" {
		var j bytes.Buffer
		if err := jpeg.Encode(&j, drawn(2000, 1500), &jpeg.Options{Quality: 90}); err != nil {
			b.Fatal(err)
		}
		return map[string][]byte{"made": j.Bytes()}
	}
	list, err := filepath.Glob(filepath.Join(folder, "*.jpg"))
	if err != nil || len(list) == 0 {
		b.Fatalf("no *.jpg in %s: %v", folder, err)
	}
	for _, name := range list {
		file, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		out[filepath.Base(name)] = file
	}
	return out
}

// anchors are what the standard library takes and makes of a file: decoded and
// encoded as PNG as it is, and after a conversion to the RGBA that image/png is
// quick with, which is also what our output of a palette image compares with.
type anchors struct {
	decode, asIs, rgba time.Duration // CPU
	sizeAsIs, sizeRGBA int64
}

func byStandard(b *testing.B, file []byte) (a anchors) {
	b.Helper()
	begin := cpuTime()
	im, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	a.decode = cpuTime() - begin
	a.sizeAsIs = encoded(b, im)
	a.asIs, begin = cpuTime()-begin, cpuTime()
	rgba := image.NewRGBA(im.Bounds())
	draw.Draw(rgba, rgba.Rect, im, im.Bounds().Min, draw.Src)
	a.sizeRGBA = encoded(b, rgba)
	a.rgba = a.decode + cpuTime() - begin
	return a
}

// encoded returns the size of an image as image/png writes it.
func encoded(b *testing.B, im image.Image) int64 {
	b.Helper()
	out := &digestWriter{w: io.Discard, h: noHash{}}
	if err := png.Encode(out, im); err != nil {
		b.Fatal(err)
	}
	return out.n
}

// noHash lets a digestWriter count only.
type noHash struct{}

func (noHash) Write(p []byte) (int, error) { return len(p), nil }
func (noHash) Sum(b []byte) []byte         { return b }
func (noHash) Reset()                      {}
func (noHash) Size() int                   { return 0 }
func (noHash) BlockSize() int              { return 1 }

// full embeds 100 bytes and compares CPU time with the standard library's.
func full(b *testing.B, file []byte) {
	info, err := Measure(bytes.NewReader(file), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	e, err := Seal(Payload{Kind: Text, Data: make([]byte, 100)}, info, SealOptions{})
	if err != nil {
		b.Fatal(err)
	}
	std := byStandard(b, file)
	for _, cores := range []int{1, 2} {
		b.Run(fmt.Sprintf("cores=%d", cores), func(b *testing.B) {
			b.SetBytes(info.Pixels() * 3)
			b.ReportAllocs()
			begin, n, rep := cpuTime(), 0, Report{}
			for ; b.Loop(); n++ {
				if rep, err = Embed(io.Discard, bytes.NewReader(file), e, EmbedOptions{Cores: cores}); err != nil {
					b.Fatal(err)
				}
			}
			own := (cpuTime() - begin).Seconds() / float64(n)
			b.ReportMetric(std.asIs.Seconds()/own, "×image/png")
			b.ReportMetric(std.rgba.Seconds()/own, "×image/png-of-RGBA")
			b.ReportMetric(std.decode.Seconds()/own, "decode-share")
			b.ReportMetric(float64(rep.Size)/float64(std.sizeAsIs), "size/image/png")
			b.ReportMetric(float64(rep.Size)/float64(std.sizeRGBA), "size/image/png-of-RGBA")
			b.ReportMetric(own*1e3, "cpu-ms")
		})
	}
}

// BenchmarkJPEG is a JPEG made a PNG, against image/jpeg and image/png at its default level.
func BenchmarkJPEG(b *testing.B) {
	for name, file := range photographs(b) {
		b.Run(name, func(b *testing.B) { full(b, file) })
	}
}

// BenchmarkFull is what no splice serves, of PNG: interlaced, palette, a drawing with a palette.
func BenchmarkFull(b *testing.B) {
	const w, h = 2000, 1500
	s := at8(3)
	im := drawn(w, h)
	mapped := image.NewPaletted(im.Rect, palette.WebSafe)
	draw.FloydSteinberg.Draw(mapped, im.Rect, im, image.Point{})
	var dithered bytes.Buffer
	if err := png.Encode(&dithered, mapped); err != nil {
		b.Fatal(err)
	}
	interlaced := pngSpec{width: w, height: h, kind: 2, depth: 8, interlaced: true, sample: s}
	drawing := pngSpec{width: w, height: h, kind: 3, depth: 4, palette: colors16(), sample: func(x, y, _ int) int {
		return (x/40 + y/24) % 7 * (x / 7 % 2) * (y / 11 % 2)
	}}
	for name, file := range map[string][]byte{"interlaced": interlaced.encode(), "dithered": dithered.Bytes(), "drawing": drawing.encode()} {
		b.Run(name, func(b *testing.B) { full(b, file) })
	}
}
