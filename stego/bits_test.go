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

func TestMarksAreFoundInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 500).Draw(t, "n")
		box := rapid.SliceOfN(rapid.Byte(), 0, int(n/8)).Draw(t, "box")
		m := newMarks(n, box, key{byte(n)})
		begin := rapid.Int64Range(0, n).Draw(t, "begin")
		end := rapid.Int64Range(begin, n).Draw(t, "end")
		for i := begin; ; i++ {
			want := i
			for want < end {
				if carries, _ := m.at(want); carries {
					break
				}
				want++
			}
			if got := m.next(i, end); got != max(want, min(i, end)) && i < end {
				t.Fatalf("next(%d, %d) = %d, want %d", i, end, got, want)
			}
			if i = want; i >= end {
				return
			}
		}
	})
}
