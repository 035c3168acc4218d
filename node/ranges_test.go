package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// All is carried once while there is something nobody carries; then what others are slow with is carried again.
func TestRangesAreSharedOut(t *testing.T) {
	r := newRanges(rangeSize+5, 4*rangeSize+1)
	ctx := context.Background()
	var got []int64
	for range 4 {
		i, ok := r.take(ctx)
		offset, length := r.span(i)
		if got = append(got, offset); !ok || length != min(rangeSize, 4*rangeSize+1-offset) {
			t.Errorf("take = %d, %v: %d bytes at %d", i, ok, length, offset)
		}
	}
	for i, offset := range got {
		if want := int64(i+1) * rangeSize; offset != want {
			t.Errorf("range %d begins at byte %d, want %d", i, offset, want)
		}
	}
	r.finish(0)
	r.finish(2)
	if done, whole := r.done(), r.whole(); done != 3*rangeSize || whole != 2*rangeSize {
		t.Errorf("%d bytes, %d without a gap", done, whole)
	}
	if i, ok := r.take(ctx); i != 1 || !ok {
		t.Errorf("take = %d, %v, want the slow range 1 again", i, ok)
	}
	r.finish(1)
	r.drop(1) // its second carrier was slower
	r.finish(1)
	r.finish(3)
	if i, ok := r.take(ctx); ok || !r.complete() || r.whole() != 4*rangeSize+1 {
		t.Errorf("take = %d, %v after the last range", i, ok)
	}
}

// Who finds nothing to carry waits for what others drop.
func TestRangesDroppedAreTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, began := newRanges(0, 10), time.Now()
		for range carriedMost {
			r.take(t.Context())
		}
		time.AfterFunc(time.Second, func() { r.drop(0) })
		if i, ok := r.take(t.Context()); i != 0 || !ok || time.Since(began) != time.Second {
			t.Errorf("take = %d, %v after %v", i, ok, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, ok := r.take(ctx); ok || time.Since(began) != 2*time.Second {
			t.Errorf("take = %v after %v, want false with its context", ok, time.Since(began))
		}
	})
}

func TestRangesOfNothing(t *testing.T) {
	r := newRanges(2*rangeSize, 2*rangeSize)
	if _, ok := r.take(t.Context()); ok || !r.complete() || r.whole() != 2*rangeSize {
		t.Errorf("take = %v, whole %d", ok, r.whole())
	}
}
