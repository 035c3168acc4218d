package stego

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// draws is how many payloads v1 hides in each picture. What detectors say of two of them differs by up to 0.05, and for the one as good as for
// the other.
const draws = 4

// leastArea is what a detector must reach where replacement is what it looks for, 0.9, or
// else what it was measured to reach, rounded down: the chi-square attack finds a message at
// the start of a picture, and one that is spread only when that fills the picture.
var leastArea = map[string]float64{
	"chi-square 0.1 replaced": 0.54, // 0.545
	"chi-square 0.1 classic":  0.87, // 0.875
	"chi-square 0.4 replaced": 0.66, // 0.662
}

// TestDetectorsFindReplacementButNotV1 tells pictures that hide something from those that do
// not, by each detector at each rate, in bits per usable sample. The area under the curve is
// 1 where a detector is never wrong and 0.5 where it might as well throw a coin. It tries v1;
// replacement of the lowest bits of as many samples as v1 hides bits, spread by key; and classic,
// which fills the picture from its start. A full picture is there to show that the chi-square
// attack works; the others are not meant for it.
func TestDetectorsFindReplacementButNotV1(t *testing.T) {
	mayBeSkipped(t)
	crops := photoCrops(t)
	for _, rate := range []float64{0.1, 0.4, 0.99} {
		scores := map[string][]float64{}
		for i, name := range slices.Sorted(maps.Keys(crops)) {
			for what, pictures := range hidings(t, crops[name], rate, uint64(i)) {
				for d, detect := range detectors {
					for _, p := range pictures {
						if rate < 0.9 || d == "chi-square" {
							scores[d+" "+what] = append(scores[d+" "+what], average(p.planes(), detect))
						}
					}
				}
			}
		}
		for _, d := range slices.Sorted(maps.Keys(detectors)) {
			if rate < 0.9 || d == "chi-square" {
				judge(t, d, rate, scores)
			}
		}
	}
}

// judge compares the areas of one detector at one rate with what they must be.
func judge(t *testing.T, detector string, rate float64, scores map[string][]float64) {
	t.Helper()
	line := ""
	for _, what := range []string{"v1", "replaced", "classic"} {
		area := areaUnderCurve(scores[detector+" clean"], scores[detector+" "+what])
		line += fmt.Sprintf("  %s %.3f", what, area)
		least, known := leastArea[fmt.Sprintf("%s %.1f %s", detector, rate, what)]
		if !known {
			least = 0.9
		}
		switch {
		case what == "v1" && math.Abs(area-0.5) > 0.08:
			t.Errorf("%s at %.2f finds v1: area %.3f, want 0.5 ± 0.08", detector, rate, area)
		case what != "v1" && area < least:
			t.Errorf("%s at %.2f does not find what is %s: area %.3f, want at least %.2f", detector, rate, what, area, least)
		}
	}
	t.Logf("%-14s at %.2f: %s", detector, rate, line)
}

// hidings are a picture, and what it is with so many bits per sample hidden in it in each way.
func hidings(t *testing.T, carrier []byte, rate float64, seed uint64) map[string][]plainPicture {
	t.Helper()
	clean, replaced := readPlain(t, carrier), readPlain(t, carrier)
	samples := clean.width * clean.height
	out := map[string][]plainPicture{"clean": {clean}}
	for draw := range uint64(draws) {
		r := rand.New(rand.NewPCG(seed, 4+draw))
		const overhead = headSize + tagSize + 2 // 2: of a file without a name
		file := Payload{Kind: File, Data: randomBytes(r, int(rate*float64(samples)/8)-overhead)}
		v1, e, _ := embed(t, carrier, file, SealOptions{Spread: true, Entropy: bytes.NewReader(randomBytes(r, saltSize))})
		out["v1"] = append(out["v1"], readPlain(t, v1))
		if draw == 0 {
			replaced.overwrite(e.Sealed, e.Place)
			var classic bytes.Buffer
			bits := &Embedding{Format: Classic, Sealed: randomBytes(r, int(rate*float64(3*samples)/8))} // as random as what is sealed, and no UTF-8
			if _, err := Embed(&classic, bytes.NewReader(carrier), bits, EmbedOptions{}); err != nil {
				t.Fatal(err)
			}
			out["replaced"], out["classic"] = []plainPicture{replaced}, []plainPicture{readPlain(t, classic.Bytes())}
		}
	}
	return out
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// overwrite spreads sealed bytes over the samples that v1 may change, by replacement of lowest bits.
func (p plainPicture) overwrite(sealed []byte, place [32]byte) {
	head, window := p.places(8*(len(sealed)-headSize), 0)
	at := placement(uint64(len(window)), place)
	for i := range 8 * len(sealed) {
		var s usableSample
		if i < len(head) {
			s = head[i]
		} else {
			s = window[at(uint64(i-len(head)))]
		}
		p.samples[s.at] = p.samples[s.at]&^1 | bitOf(sealed, i)
	}
}

// planes are the colours of a picture without alpha.
func (p plainPicture) planes() []plane {
	out := make([]plane, p.colors)
	for i, v := range p.samples {
		c := i % p.colors
		out[c].v = append(out[c].v, v)
	}
	for c := range out {
		out[c].width, out[c].height = p.width, p.height
	}
	return out
}

// average is what a detector says of all planes together.
func average(planes []plane, detect func(plane) float64) float64 {
	sum := 0.0
	for _, p := range planes {
		sum += detect(p)
	}
	return sum / float64(len(planes))
}

// areaUnderCurve is the chance that a detector says more of a picture that hides something
// than of one that does not; a draw is half.
func areaUnderCurve(clean, hiding []float64) float64 {
	sum := 0.0
	for _, a := range clean {
		for _, b := range hiding {
			switch {
			case b > a:
				sum++
			case b == a:
				sum += 0.5
			}
		}
	}
	return sum / float64(len(clean)*len(hiding))
}

// mayBeSkipped leaves a long test out of -short, which is how the race detector looks at this package: there is but one
// goroutine in it.
func mayBeSkipped(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("long, and no concurrency for -race to look at")
	}
}
