// Package peerbench measures p2pnode's stego beside the library that a Go user would pick. It is a module of its own, so that the peer is no
// dependency of p2pnode.
package peerbench

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/auyer/steganography"

	"p2pnode/stego"
)

// photo is a PNG of 12 MP with the grain of a photograph.
func photo(b *testing.B) []byte {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	im := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	for y := range 3000 {
		for x := range 4000 {
			v := func(k int) uint8 { return uint8(128 + (x*k/9+y/(k+1))%90 + int(r.NormFloat64()*4)) }
			im.SetRGBA(x, y, color.RGBA{v(1), v(2), v(3), 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, im); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// spent returns the processor time and the memory that f takes.
func spent(b *testing.B, f func() error) (time.Duration, uint64) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := processor()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	took := processor() - begin
	runtime.ReadMemStats(&after)
	return took, after.TotalAlloc - before.TotalAlloc
}

func processor() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// theirs hides as its README does: decode, encode.
func theirs(file, data []byte) error {
	im, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	return steganography.Encode(&out, im, data)
}

// ours hides from a reader to a writer, sealed and in places by key, and hashes what it makes.
func ours(file, data []byte) error {
	info, err := stego.Measure(bytes.NewReader(file), stego.Limits{})
	if err != nil {
		return err
	}
	e, err := stego.Seal(stego.Payload{Kind: stego.File, Data: data}, info, stego.SealOptions{})
	if err != nil {
		return err
	}
	_, err = stego.Embed(io.Discard, bytes.NewReader(file), e, stego.EmbedOptions{})
	return err
}

// BenchmarkPeer hides 1 KB in a PNG of 12 MP.
func BenchmarkPeer(b *testing.B) {
	file, data := photo(b), make([]byte, 1000)
	rand.NewChaCha8([32]byte{}).Read(data)
	var ratios []float64
	var a, o time.Duration
	var theirMemory, ourMemory uint64
	for range 3 {
		a, theirMemory = spent(b, func() error { return theirs(file, data) })
		o, ourMemory = spent(b, func() error { return ours(file, data) })
		ratios = append(ratios, float64(a)/float64(o))
	}
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ratios[1], "×less")
	b.ReportMetric(float64(o.Microseconds()), "cpu-µs")
	b.ReportMetric(float64(a.Milliseconds()), "their-cpu-ms")
	b.ReportMetric(float64(theirMemory)/1e6, "their-MB")
	b.ReportMetric(float64(ourMemory)/1e6, "MB")
}
