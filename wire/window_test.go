package wire

import (
	"testing"

	"pgregory.net/rapid"
)

// model is the replay window as one would write it without thought for cost.
type model struct {
	top  uint64
	seen map[uint64]bool
}

func (m *model) accept(n uint64) bool {
	if n == 0 || m.seen[n] || n <= m.top && m.top-n >= windowSize {
		return false
	}
	m.seen[n] = true
	m.top = max(m.top, n)
	return true
}

func TestWindowAgreesWithItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, m := &window{}, &model{seen: map[uint64]bool{}}
		if n := rapid.Uint64Range(0, 1<<40).Draw(t, "start"); n > 0 {
			w.start(n)
			m.top = n
			for i := n - min(n, windowSize); i <= n; i++ {
				m.seen[i] = true
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			var n uint64
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				n = m.top + rapid.Uint64Range(0, 70).Draw(t, "ahead")
			case 1:
				n = m.top + rapid.Uint64Range(0, 3*windowSize).Draw(t, "far ahead")
			case 2:
				n = m.top - min(m.top, rapid.Uint64Range(0, windowSize+70).Draw(t, "behind"))
			case 3:
				n = rapid.Uint64().Draw(t, "anywhere") >> 1
			}
			if got, want := w.fresh(n), !m.seen[n] && n != 0 && (n > m.top || m.top-n < windowSize); got != want {
				t.Fatalf("fresh(%d) = %v at top %d, want %v", n, got, m.top, want)
			}
			if got, want := w.accept(n), m.accept(n); got != want {
				t.Fatalf("accept(%d) = %v at top %d, want %v", n, got, m.top, want)
			}
		}
	})
}

func TestWindowHoldsExactlyItsSize(t *testing.T) {
	var w window
	w.accept(windowSize + 1)
	if !w.fresh(2) || w.fresh(1) || w.fresh(0) {
		t.Errorf("fresh(2), fresh(1), fresh(0) = %v, %v, %v, want true, false, false", w.fresh(2), w.fresh(1), w.fresh(0))
	}
}

func TestInboxNeverDeliversTwiceAndNeverLosesItsPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b inbox
		taken, settled := map[uint64]bool{}, map[uint64]bool{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			id := b.base + rapid.Uint64Range(0, 70).Draw(t, "id")
			if rapid.Bool().Draw(t, "take") {
				want := novel
				if id > b.base+64 {
					want = beyond
				} else if id <= b.base || taken[id] {
					want = duplicate
				}
				if got := b.take(id); got != want {
					t.Fatalf("take(%d) = %d at base %d, want %d", id, got, b.base, want)
				}
				taken[id] = taken[id] || want == novel
				continue
			}
			want := taken[id] && !settled[id]
			if got := b.settle(id); got != want {
				t.Fatalf("settle(%d) = %v at base %d, want %v", id, got, b.base, want)
			}
			settled[id] = settled[id] || want
		}
		for id := uint64(1); id <= b.base+64; id++ {
			if has(b.base, b.done, id) != settled[id] {
				t.Fatalf("base %d mask %b says %v of %d, want %v", b.base, b.done, !settled[id], id, settled[id])
			}
		}
	})
}
