package stego

import (
	"testing"

	"pgregory.net/rapid"
)

// TestCodewordsDoNotMeet: each chunk of a box has one codeword, inside its window, and no two share a sample; larger ones would not fit.
func TestCodewordsDoNotMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		box := rapid.IntRange(1, 60).Draw(t, "box")
		window := int64(box)*8 + rapid.Int64Range(0, 20_000).Draw(t, "more")
		c := newCodewords(window, box, drawKey(t))
		chunks, next := map[int64]bool{}, int64(0)
		for place := range c.count {
			chunk, at := c.at(place)
			if at < next || at+c.samples() > window {
				t.Fatalf("codeword of %d at %d of %d, where %d is free", c.samples(), at, window, next)
			}
			chunks[chunk], next = true, at+c.samples()
		}
		bits := int64(box) * 8
		if k := int64(c.k); int64(len(chunks)) != c.count || c.count*k < bits || (c.count-1)*k >= bits {
			t.Fatalf("%d of %d chunks of %d bits, of a box of %d bytes", len(chunks), c.count, c.k, box)
		}
		if k := int64(c.k) + 1; k <= mostBits && (bits+k-1)/k*(1<<k-1) <= window {
			t.Fatalf("chunks of %d bits for %d bits in %d samples", c.k, bits, window)
		}
	})
}

// TestOneSampleMakesASyndrome: to change the sample that the difference tells makes any syndrome of any other.
func TestOneSampleMakesASyndrome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &codewords{k: rapid.UintRange(1, mostBits).Draw(t, "k")}
		b := rapid.SliceOfN(rapid.Byte(), 40, 60).Draw(t, "bits")
		at := rapid.Int64Range(0, int64(len(b))*8-c.samples()).Draw(t, "at")
		slow := uint(0)
		for m := range c.samples() {
			slow ^= uint(m+1) * uint(bit(b, at+m))
		}
		was := c.syndrome(b, at)
		if was != slow {
			t.Fatalf("k %d: syndrome %d, want %d", c.k, was, slow)
		}
		want := rapid.UintRange(0, 1<<c.k-1).Draw(t, "want")
		if m := int64(was ^ want); m != 0 {
			b[(at+m-1)>>3] ^= 0x80 >> ((at + m - 1) & 7)
		}
		if got := c.syndrome(b, at); got != want {
			t.Fatalf("k %d: syndrome %d became %d, want %d", c.k, was, got, want)
		}
	})
}

func TestChunksAreTheBitsOfABox(t *testing.T) {
	box := []byte{0x1b, 0xe4, 0xff, 0x00, 0x5a}
	for k := uint(1); k <= mostBits; k++ {
		c, got := &codewords{k: k}, make([]byte, len(box))
		for i := range (int64(len(box))*8 + int64(k) - 1) / int64(k) {
			c.put(got, i, c.chunk(box, i))
		}
		if string(got) != string(box) {
			t.Errorf("k %d: %x, want %x", k, got, box)
		}
	}
}
