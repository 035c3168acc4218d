package stego

import (
	"testing"

	"pgregory.net/rapid"
)

func TestLowestBitsAreGatheredInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "row")
		size := rapid.IntRange(1, 2).Draw(t, "size")
		n := rapid.IntRange(0, len(row)/size).Draw(t, "n")
		var got, want bitset
		for range rapid.IntRange(0, 9).Draw(t, "before") {
			got.push(1)
			want.push(1)
		}
		got.pushLowest(row, size, n)
		for i := range n {
			want.push(row[i*size+size-1] & 1)
		}
		if got.n != want.n || string(got.bytes) != string(want.bytes) {
			t.Fatalf("pushLowest: %d bits %x, want %d bits %x", got.n, got.bytes, want.n, want.bytes)
		}
	})
}
