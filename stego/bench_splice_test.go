package stego

import (
	"bytes"
	"encoding/binary"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// ratio reports how many times less processor time ours takes than an anchor does, the median of some rounds in which both run by turns:
// processor time, and ratios in one run, because benchmarks share their machine with other work.
func ratio(b *testing.B, anchor, ours func(), times int) {
	b.Helper()
	const rounds = 5
	var ratios, each []float64
	for range rounds {
		a := timed(b, anchor)
		o := timed(b, func() {
			for range times {
				ours()
			}
		}) / time.Duration(times)
		ratios, each = append(ratios, float64(a)/float64(o)), append(each, float64(o.Nanoseconds())/1000)
	}
	slices.Sort(ratios)
	slices.Sort(each)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ratios[rounds/2], "×less")
	b.ReportMetric(each[rounds/2], "cpu-µs")
}

// timed returns the processor time of f, on a heap that was cleared before.
func timed(b *testing.B, f func()) time.Duration {
	runtime.GC()
	begin := cpuTime()
	f()
	return max(cpuTime()-begin, time.Microsecond)
}

// benchPhotos are pictures to measure with: of P2PNODE_PHOTOS, a folder, its PNG files, else one made here.
func benchPhotos(b *testing.B) map[string][]byte {
	b.Helper()
	files := map[string][]byte{}
	names, _ := filepath.Glob(filepath.Join(os.Getenv("P2PNODE_PHOTOS"), "*.png"))
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		files[filepath.Base(name)] = file
	}
	if len(files) == 0 {
		files["made-12MP"] = noisyPhoto(b, 4000, 3000, png.DefaultCompression)
	}
	return files
}

// benchEmbedding seals so many bytes that do not compress.
func benchEmbedding(b *testing.B, file []byte, size int, spread bool) *Embedding {
	b.Helper()
	if size < 0 { // in the first rows, one sample after the other
		text := bytes.Repeat([]byte("classic "), -size/8)
		return &Embedding{Format: Classic, Sealed: append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)}
	}
	info, err := Measure(bytes.NewReader(file), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(data)
	e, err := Seal(Payload{Kind: File, Data: data}, info, SealOptions{Spread: spread})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchmarkSpliceEmbed has image/png's decoding and encoding as its anchor: what every tool does that knows no better.
func BenchmarkSpliceEmbed(b *testing.B) {
	for name, file := range benchPhotos(b) {
		benchEmbed(b, name, file)
	}
	benchEmbed(b, "made-512", noisyPhoto(b, 512, 512, png.DefaultCompression))
}

func benchEmbed(b *testing.B, name string, file []byte) {
	for _, c := range []struct {
		name   string
		size   int
		spread bool
		times  int
	}{{"100B", 100, false, 200}, {"10KB-in-sequence", -10_000, false, 100}, {"10KB-in-64-rows", 64 * 4000 * 3 / 80, false, 50}, {"spread", 100, true, 1}} {
		if len(file) < 1<<20 && c.size != 100 {
			continue
		}
		b.Run(name+"/"+c.name, func(b *testing.B) {
			e := benchEmbedding(b, file, c.size, c.spread)
			ratio(b, func() { standardWay(b, file) }, func() {
				if _, _, err := EmbedBytes(file, e, EmbedOptions{}); err != nil {
					b.Fatal(err)
				}
			}, c.times)
			if c.size == 100 {
				growth(b, file, e)
			}
		})
	}
}

// growth reports by how many bytes an embedding makes a file longer, and, where image/png writes both pictures anew, by how
// many it does there: that is what the noise itself costs.
func growth(b *testing.B, file []byte, e *Embedding) {
	list, _, err := EmbedBytes(file, e, EmbedOptions{})
	if err != nil {
		b.Fatal(err)
	}
	out := bytes.Join(list, nil)
	b.ReportMetric(float64(len(out)-len(file)), "B-grown")
	b.ReportMetric(float64(rewritten(b, out)-rewritten(b, file)), "B-grown-anew")
}

// rewritten returns how long a picture is as image/png writes it.
func rewritten(b *testing.B, file []byte) int {
	im, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, im); err != nil {
		b.Fatal(err)
	}
	return out.Len()
}

func standardWay(b *testing.B, file []byte) {
	im, err := png.Decode(bytes.NewReader(file))
	if err == nil {
		err = png.Encode(io.Discard, im)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSpliceExtract has image/png's decoding as its anchor.
func BenchmarkSpliceExtract(b *testing.B) {
	for name, file := range benchPhotos(b) {
		b.Run(name+"/100B", func(b *testing.B) {
			var out bytes.Buffer
			if _, err := Embed(&out, bytes.NewReader(file), benchEmbedding(b, file, 100, false), EmbedOptions{}); err != nil {
				b.Fatal(err)
			}
			ratio(b, func() {
				if _, err := png.Decode(bytes.NewReader(out.Bytes())); err != nil {
					b.Fatal(err)
				}
			}, func() {
				if _, _, err := Extract(bytes.NewReader(out.Bytes()), ExtractOptions{}); err != nil {
					b.Fatal(err)
				}
			}, 200)
		})
	}
}
