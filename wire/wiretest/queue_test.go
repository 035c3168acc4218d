package wiretest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// What is taken comes by time, and by order of putting in within one time, however puts and takes are mixed.
func TestQueueGivesByTimeThenByOrder(t *testing.T) {
	type thing struct{ at, order int }
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 1))
	var q Queue[thing]
	var model []thing
	for n := range 20000 {
		if r.IntN(2) == 0 || len(model) == 0 {
			x := thing{r.IntN(50), n}
			q.Put(start.Add(time.Duration(x.at)), x)
			model = append(model, x)
			continue
		}
		want := slices.MinFunc(model, func(a, b thing) int { return cmp.Or(a.at-b.at, a.order-b.order) })
		if at := start.Add(time.Duration(want.at)); !q.Next().Equal(at) || q.Due(at.Add(-1)) || !q.Due(at) {
			t.Fatalf("next is at %v, want %v", q.Next(), at)
		}
		if got := q.Take(); got != want {
			t.Fatalf("took %v, want %v", got, want)
		}
		model = slices.DeleteFunc(model, func(x thing) bool { return x == want })
	}
	for range model {
		q.Take()
	}
	if !q.Next().IsZero() || q.Due(start.Add(time.Hour)) {
		t.Error("something is left")
	}
}
