package stego

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"hash/adler32"
	"io"
	"slices"
	"testing"
)

var (
	zooN    = flag.Int("zoo.n", 200, "pictures of the zoo that are embedded in")
	zooFrom = flag.Uint64("zoo.from", 1, "seed of the first of them")
)

// TestSpliceAgrees hides something in pictures of every make and compares with what
// image/png and a reference written from docs/STEGO.md alone make of it, whichever way
// Embed goes: it is the net under the splice. -zoo.n tries more; a failure says how to
// try one again.
func TestSpliceAgrees(t *testing.T) {
	count := map[string]int{}
	var sums zooSums
	if testing.Short() {
		*zooN = min(*zooN, 20)
	}
	for seed := *zooFrom; seed < *zooFrom+uint64(*zooN); seed++ {
		z := drawPicture(seeded(seed, count))
		t.Run("", func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("go test ./stego -run '^TestSpliceAgrees$' -zoo.n 1 -zoo.from %d # %d x %d %v", seed, z.spec.width, z.spec.height, z)
				}
			}()
			sums.add(t, agree(t, z))
		})
	}
	if *zooN < 200 || t.Failed() {
		return
	}
	for name, n := range count {
		if n == 0 {
			t.Errorf("%s was never drawn: the zoo lacks it", name)
		}
	}
	sums.check(t)
}

// zooSums says what came of the pictures.
type zooSums struct {
	TooSmall, Embedded int
	Eligible           int // Eligible: of a kind that can be spliced, of those embedded in
	Long, Spliced      int // Long: with 8 KiB of rows or more to pass through, of the eligible
	Passed             int // Passed is how many whole IDAT chunks were let through
	Grown              int // Grown: by more than 2 KB beside the payload, of the eligible
	Most               int // Most is the greatest growth of a photograph in bytes
}

// add counts a picture, and checks that it did not grow when it was spliced.
func (s *zooSums) add(t *testing.T, a *agreement) {
	if a == nil {
		s.TooSmall++
		return
	}
	s.Embedded++
	if !a.spliceable() {
		if a.rep.Decoded != a.info.Height {
			t.Errorf("%d rows of %d were made anew, of a picture that cannot be spliced", a.rep.Decoded, a.info.Height)
		}
		return
	}
	const most = 2 << 10
	s.Eligible++
	spliced := a.rep.Decoded < a.info.Height
	if spliced {
		s.Passed += a.passed()
	}
	if a.untouched() >= 8<<10 {
		s.Long++
		if spliced {
			s.Spliced++
		}
	}
	grown := a.growth()
	if a.z.photo {
		s.Most = max(s.Most, grown)
	}
	if grown > most {
		s.Grown++
		t.Logf("a picture of %d bytes with %d bytes sealed grew by %d more, %d of %d rows made anew: %v",
			len(a.carrier), len(a.e.Sealed), grown, a.rep.Decoded, a.info.Height, a.z)
	}
	if a.z.photo && spliced && grown > most {
		t.Errorf("a photograph grew by %d bytes beside the payload", grown)
	}
}

// check demands that, where there is a splice at all, it is what nearly all long pictures get.
func (s zooSums) check(t *testing.T) {
	t.Logf("%+v", s)
	if s.Embedded < *zooN/2 {
		t.Errorf("%d of %d pictures were embedded in", s.Embedded, *zooN)
	}
	if s.Spliced > 0 && s.Spliced < s.Long*9/10 {
		t.Errorf("%d of %d long pictures were spliced", s.Spliced, s.Long)
	}
	if s.Spliced > 0 && s.Passed < 100 {
		t.Errorf("%d IDAT chunks were let through, want many: they are what is compared", s.Passed)
	}
}

// FuzzSpliceAgrees is TestSpliceAgrees with the fuzzer's bytes as the choices, down to
// the tokens of the deflate stream.
func FuzzSpliceAgrees(f *testing.F) {
	mayBeSkipped(f)
	for seed := range byte(8) {
		f.Add(slices.Repeat([]byte{seed * 36}, 40))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		z := drawPicture(given(data))
		agree(t, z)
		if t.Failed() {
			t.Logf("%d x %d %v", z.spec.width, z.spec.height, z)
		}
	})
}

// TestSpliceOfRowsReadAhead: with alpha, rows are read up to the window's end before the first is written. Where that is the end of the image,
// and its last block is stored and so already closed, nothing may be left to pass through.
func TestSpliceOfRowsReadAhead(t *testing.T) {
	visible := func(x, y, c int) int {
		if c == 3 && y >= 100 {
			return 0
		}
		return x*y + c
	}
	carrier := pngSpec{width: 202, height: 207, kind: 6, depth: 8, sample: visible, pieces: storedPieces}.encode()
	p := Payload{Kind: Text, Data: []byte("hello")}
	out, e, _ := embed(t, carrier, p, SealOptions{Spread: true})
	confirm(t, carrier, out, e, p, ExtractOptions{})
}

// TestSpreadCarriersAreReadToTheirEnd: what is spread needs all rows, whichever of them it changes, so a carrier that lacks some is refused.
func TestSpreadCarriersAreReadToTheirEnd(t *testing.T) {
	carrier := pngSpec{width: 900, height: 700, kind: 2, depth: 8, pieces: func(lines []byte) [][]byte {
		whole := storedPieces(lines)[0]
		return [][]byte{whole[:len(whole)-2000]}
	}}.encode()
	info, err := Measure(bytes.NewReader(carrier), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // the salt says where the last codeword is
		e, err := Seal(Payload{Kind: Text, Data: []byte("hello")}, info, SealOptions{Spread: true})
		if err != nil {
			t.Fatal(err)
		}
		var format *FormatError
		if _, err := Embed(io.Discard, bytes.NewReader(carrier), e, EmbedOptions{}); !errors.As(err, &format) {
			t.Fatalf("Embed into a carrier that was cut off: %v", err)
		}
	}
}

// storedPieces deflates nothing, and its last block has the end of the data.
func storedPieces(lines []byte) [][]byte {
	out := []byte{0x78, 0x01}
	for rest := lines; len(rest) > 0; {
		n := min(len(rest), 0xffff)
		final := byte(0)
		if n == len(rest) {
			final = 1
		}
		out = append(out, final, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
		out, rest = append(out, rest[:n]...), rest[n:]
	}
	return [][]byte{binary.BigEndian.AppendUint32(out, adler32.Checksum(lines))}
}
