package stego

import (
	"encoding/binary"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

// edges are window sizes around which a mistake in the widths of the halves would show:
// all small ones, and every power of two with its neighbours.
func edges() (out []uint64) {
	for n := range uint64(300) {
		out = append(out, n+1)
	}
	for b := 9; b <= 17; b++ {
		out = append(out, 1<<b-1, 1<<b, 1<<b+1)
	}
	return out
}

func TestPermutationIsABijection(t *testing.T) {
	for _, n := range edges() {
		for k := range byte(4) {
			bijection(t, n, key{k, byte(n)})
		}
	}
	rapid.Check(t, func(t *rapid.T) { bijection(t, rapid.Uint64Range(1, 3000).Draw(t, "n"), drawKey(t)) })
}

// bijection looks at every place.
func bijection(t rapid.TB, n uint64, k key) {
	p := newPermutation(n, k)
	seen := make([]bool, n)
	for i := range n {
		at := p.at(i)
		if at >= n || seen[at] {
			t.Fatalf("n %d, key %x: %d goes to %d, which is outside or taken", n, k, i, at)
		}
		seen[at] = true
	}
}

// inverse is the way back, from docs/STEGO.md §5 alone: the rounds in reverse order, and the
// walk backwards until it is below n.
func inverse(n uint64, place key) func(y uint64) uint64 {
	b := max(2, bits.Len64(n-1))
	l := (b + 1) / 2
	stream := chacha(place, 96)
	f := func(r int, x uint64) uint64 {
		x = (x ^ binary.LittleEndian.Uint64(stream[16*r:])) * 0x9E3779B97F4A7C15
		x = (x ^ x>>32) + binary.LittleEndian.Uint64(stream[16*r+8:])
		x *= 0xD6E8FEB86659FD93
		return x ^ x>>32
	}
	back := func(y uint64) uint64 {
		low, high := y%(1<<l), y>>l
		for _, r := range []int{4, 2, 0} {
			low ^= f(r+1, high) % (1 << l)
			high ^= f(r, low) % (1 << (b - l))
		}
		return high<<l + low
	}
	return func(y uint64) uint64 {
		y = back(y)
		for y >= n {
			y = back(y)
		}
		return y
	}
}

// TestPermutationOfManyPlacesHasAnInverse: where there are too many places to look at all, a
// way back from any of them shows that it is taken, and by one only.
func TestPermutationOfManyPlacesHasAnInverse(t *testing.T) {
	sizes := []uint64{72_000_000}
	for b := 18; b <= 40; b++ {
		sizes = append(sizes, 1<<b-1, 1<<b, 1<<b+1)
	}
	for _, n := range sizes {
		hasInverse(t, n, key{byte(n), 9}, 0)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1<<18, 1<<40).Draw(t, "n")
		hasInverse(t, n, drawKey(t), rapid.Uint64Range(0, n-1).Draw(t, "from"))
	})
}

// hasInverse goes there and back from some places: the first, the last, and from one on.
func hasInverse(t rapid.TB, n uint64, k key, from uint64) {
	p, back := newPermutation(n, k), inverse(n, k)
	for i := range uint64(200) {
		for _, x := range []uint64{i, n - 1 - i, (from + i*0x9E3779B97F4A7C15%n) % n} {
			at := p.at(x)
			if at >= n || back(at) != x {
				t.Fatalf("n %d, key %x: %d goes to %d, and that back to %d", n, k, x, at, back(at))
			}
			if y := back(x); y >= n || p.at(y) != x {
				t.Fatalf("n %d, key %x: nothing goes to %d: not %d, which goes to %d", n, k, x, y, p.at(y))
			}
		}
	}
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

func TestFillIsAtOfEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(8, 1<<26).Draw(t, "n")
		if rapid.Bool().Draw(t, "few") {
			n = n%(1<<15) + 8
		}
		p := newPermutation(n, key{byte(n), byte(n >> 8)})
		p.know()
		to := make([]uint64, rapid.Uint64Range(1, min(n, together)).Draw(t, "places"))
		from := rapid.Uint64Range(0, n-uint64(len(to))).Draw(t, "from")
		p.fill(to, from)
		for k, got := range to {
			if want := p.at(from + uint64(k)); got != want {
				t.Fatalf("n %d: %d goes to %d, want %d", n, from+uint64(k), got, want)
			}
		}
	})
}
