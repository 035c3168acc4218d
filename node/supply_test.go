package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// waiting has sources wait for one unit each, one after the other, and returns in which order they get it while each gives
// it back at once. Sources in leave go away before.
func waiting(t *testing.T, sources []string, leave map[int]bool) (order []string) {
	t.Helper()
	s := newSupply(1)
	if !s.try(1) || s.try(1) {
		t.Fatal("one unit was not to be had exactly once")
	}
	var all sync.WaitGroup
	for i, source := range sources {
		ctx, cancel := context.WithCancelCause(t.Context())
		all.Go(func() {
			err := s.take(ctx, source, 1)
			if leave[i] {
				if !errors.Is(err, errCancelled) {
					t.Errorf("take of %s %d: %v, want why it left", source, i, err)
				}
				return
			}
			order = append(order, fmt.Sprint(source, i)) // one has it at a time
			s.give(1)
		})
		synctest.Wait()
		if leave[i] {
			cancel(errCancelled)
			synctest.Wait()
		}
		defer cancel(nil)
		gone := 0
		for k := range leave {
			if leave[k] && k <= i {
				gone++
			}
		}
		if n := s.waiting(); n != i+1-gone {
			t.Errorf("%d wait, want %d", n, i+1-gone)
		}
	}
	if s.try(1) {
		t.Error("somebody who did not wait got it first")
	}
	s.give(1)
	all.Wait()
	if !s.try(1) || len(s.order) != 0 || len(s.lines) != 0 {
		t.Errorf("%d left, %v and %v wait; want 1 and nobody", s.left, s.order, s.lines)
	}
	return order
}

func TestSupplyServesSourcesInTurn(t *testing.T) {
	for _, c := range []struct {
		sources string
		leave   map[int]bool
		want    []string
	}{
		{"aaab", nil, []string{"a0", "b3", "a1", "a2"}},
		{"aabbc", nil, []string{"a0", "b2", "c4", "a1", "b3"}},
		{"aabb", map[int]bool{0: true, 3: true}, []string{"a1", "b2"}},
		{"abb", map[int]bool{0: true}, []string{"b1", "b2"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var sources []string
			for _, r := range c.sources {
				sources = append(sources, string(r))
			}
			if got := waiting(t, sources, c.leave); !slices.Equal(got, c.want) {
				t.Errorf("%s without %v: %v, want %v", c.sources, c.leave, got, c.want)
			}
		})
	}
}

// Who needs much is not overtaken for ever by those who need little.
func TestSupplyIsNotBargedInto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := newSupply(10), make(chan int64, 3)
		s.try(6)
		for i, n := range []int64{8, 2} {
			go func() {
				if s.take(t.Context(), fmt.Sprint(i), n) == nil {
					got <- n
				}
			}()
			synctest.Wait()
		}
		if len(got) != 0 || s.try(1) {
			t.Error("what is left was given away although somebody waits for more")
		}
		s.give(6)
		synctest.Wait()
		if a, b := <-got, <-got; a+b != 10 || s.left != 0 {
			t.Errorf("got %d and %d, %d left; want 8 and 2, none", a, b, s.left)
		}
	})
}

// Jobs are let in by what they take. A source with jobs here leaves the last quarter to those without.
func TestLobby(t *testing.T) {
	mega := func(places, memory, disk int64) allowance { return allowance{places, memory << 20, disk << 20} }
	l := newLobby(mega(8, 100, 100))
	giant, err := l.admit("a", mega(1, 0, 500))
	if err != nil {
		t.Fatal("the first job has to be let in whatever it takes")
	}
	if _, err := l.admit("b", mega(1, 0, 1)); err != errBytes {
		t.Errorf("admit beyond the bytes on disk: %v, want %v", err, errBytes)
	}
	giant()
	giant() // may be called twice
	for _, what := range []allowance{mega(2, 0, 0), mega(1, 25, 0), mega(1, 0, 25)} {
		var leave []func()
		for {
			f, err := l.admit("a", what)
			if err != nil {
				break
			}
			leave = append(leave, f)
		}
		if len(leave) != 3 {
			t.Errorf("%+v: one source was let in %d times, want 3 of 4", what, len(leave))
		}
		f, err := l.admit("b", what)
		if err != nil {
			t.Errorf("%+v: no room was left for another source", what)
			continue
		}
		if _, err := l.admit("c", what); err == nil {
			t.Errorf("%+v: let in beyond the bound", what)
		}
		for _, f := range append(leave, f) {
			f()
		}
		if l.jobs() != 0 || len(l.owner) != 0 || l.held != (allowance{}) {
			t.Errorf("%+v is held by %v after all have left", l.held, l.owner)
		}
	}
}
