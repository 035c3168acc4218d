package stego

import (
	"testing"

	"pgregory.net/rapid"
)

func TestPermutationIsABijection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 3000).Draw(t, "n")
		p := newPermutation(n, drawKey(t))
		seen := make([]bool, n)
		for i := range n {
			at := p.at(i)
			if at >= n || seen[at] {
				t.Fatalf("n %d: %d goes to %d, which is outside or taken", n, i, at)
			}
			seen[at] = true
		}
	})
}

func TestPermutationOfManyPlacesStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1<<20, 1<<36).Draw(t, "n")
		p := newPermutation(n, drawKey(t))
		seen := map[uint64]bool{}
		for i := range uint64(200) {
			at := p.at(n - 1 - i)
			if at >= n || seen[at] {
				t.Fatalf("n %d: %d goes to %d, which is outside or taken", n, n-1-i, at)
			}
			seen[at] = true
		}
	})
}

func drawKey(t *rapid.T) (k key) {
	copy(k[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
	return k
}

// TestPlacesAreSpreadEvenly counts where the first tenth of a window's bits go:
// in 16 equal parts, each must be within six deviations of its share.
func TestPlacesAreSpreadEvenly(t *testing.T) {
	const n, parts = 80000, 16
	p := newPermutation(n, key{1, 2, 3})
	var count [parts]int
	for i := range uint64(n / 10) {
		count[p.at(i)*parts/n]++
	}
	const want, tolerance = n / 10 / parts, 6 * 22
	for i, c := range count {
		if c < want-tolerance || c > want+tolerance {
			t.Errorf("part %d has %d places, want %d ± %d", i, c, want, tolerance)
		}
	}
}

func TestSignsAreBothWaysAndKeyed(t *testing.T) {
	a, b := newSigns(key{1}), newSigns(key{2})
	up, same := 0, 0
	const n = 20000
	for i := range int64(n) {
		u := a.up(i)
		if u {
			up++
		}
		if u == b.up(i) {
			same++
		}
	}
	for name, c := range map[string]int{"up": up, "same under another key": same} {
		if c < n*48/100 || c > n*52/100 {
			t.Errorf("%s: %d of %d", name, c, n)
		}
	}
}

func TestNudgeGoesInwardAtTheEnds(t *testing.T) {
	for _, depth := range []int{8, 16} {
		l := layout{width: 1, height: 1, model: Gray, depth: depth}
		low, most := make([]byte, depth/8), []byte{0xff, 0xff}[:depth/8]
		l.nudge(low, depth/8-1, false)
		l.nudge(most, depth/8-1, true)
		if low[len(low)-1] != 1 || most[len(most)-1] != 0xfe {
			t.Errorf("depth %d: 0 goes to %x, the greatest to %x", depth, low, most)
		}
	}
	l := layout{width: 1, height: 1, model: Gray, depth: 16}
	carry := []byte{0x12, 0xff}
	l.nudge(carry, 1, true)
	if carry[0] != 0x13 || carry[1] != 0 {
		t.Errorf("0x12ff + 1 = %x", carry)
	}
}

func TestFourPlacesAreThoseOfEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(8, 1<<30).Draw(t, "n")
		p := newPermutation(n, key{byte(n), byte(n >> 8)})
		i := rapid.Uint64Range(0, n/4-1).Draw(t, "i") * 4
		if got, want := p.four(i), [4]uint64{p.at(i), p.at(i + 1), p.at(i + 2), p.at(i + 3)}; got != want {
			t.Fatalf("four(%d) = %v, want %v", i, got, want)
		}
	})
}
