package stego

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"testing"
	"time"
)

// photo is a 3 MP picture with the grain of a photograph, as PNG and as JPEG.
func photo(b *testing.B) map[string][]byte {
	b.Helper()
	im := drawn(2000, 1500)
	var p, j bytes.Buffer
	if err := png.Encode(&p, im); err != nil {
		b.Fatal(err)
	}
	if err := jpeg.Encode(&j, im, &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	return map[string][]byte{"png": p.Bytes(), "jpeg": j.Bytes()}
}

// standard returns how long the standard library takes to decode and encode a file.
func standard(b *testing.B, file []byte) time.Duration {
	b.Helper()
	begin := time.Now()
	im, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	if err := png.Encode(io.Discard, im); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

func BenchmarkEmbed(b *testing.B) {
	for kind, file := range photo(b) {
		for name, size := range map[string]int{"100B": 100, "10KB": 10_000} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				info, err := Measure(bytes.NewReader(file), Limits{})
				if err != nil {
					b.Fatal(err)
				}
				e, err := Seal(Payload{Kind: File, Data: make([]byte, size)}, info, SealOptions{})
				if err != nil {
					b.Fatal(err)
				}
				std := standard(b, file)
				b.SetBytes(info.Pixels() * 3)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Embed(io.Discard, bytes.NewReader(file), e, EmbedOptions{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(std.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "×image/png")
			})
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	file := photo(b)["png"]
	out, _, _ := embed(b, file, Payload{Kind: Text, Data: make([]byte, 100)}, SealOptions{})
	begin := time.Now()
	if _, err := png.Decode(bytes.NewReader(out)); err != nil {
		b.Fatal(err)
	}
	std := time.Since(begin)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Extract(bytes.NewReader(out), ExtractOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(std.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "×png.Decode")
}

func BenchmarkPlaces(b *testing.B) {
	p := newPermutation(800_000, key{1})
	for i := uint64(0); b.Loop(); i++ {
		p.at(i % 800_000)
	}
}
