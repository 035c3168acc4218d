package stego

import (
	"flag"
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
