//go:build linux

package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

// mischief is one kind of fault.
type mischief struct {
	name        string
	lan         bool // needs hosts of their own, and root
	often       int  // how often it is in a deck
	least, most time.Duration
	// begin does it, says what it did (nothing: it could not), and returns what ends it; nil: nothing to end. r decides all that
	// time does not.
	begin func(c *chaos, r *rand.Rand, lasts time.Duration) (did string, end func())
}

// mishap is a fault of a plan: when, which kind, how long, and the dice for the rest.
type mishap struct {
	at, lasts time.Duration
	kind      *mischief
	dice      uint64
}

// deck deals kinds of faults in an order drawn from its dice: all of them before one comes again.
type deck struct {
	rolls *rand.Rand
	all   []*mischief
	left  []*mischief
}

func newDeck(seed, stream uint64, kinds []mischief) *deck {
	d := &deck{rolls: rand.New(rand.NewPCG(seed, stream))}
	for i := range kinds {
		for range kinds[i].often {
			d.all = append(d.all, &kinds[i])
		}
	}
	return d
}

func (d *deck) deal() *mischief {
	if len(d.left) == 0 {
		d.left = append(d.left, d.all...)
		d.rolls.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	m := d.left[0]
	d.left = d.left[1:]
	return m
}

// between draws a time.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}

// script is an endless sequence of faults that its seed determines: deaths, if any, in bursts with time to work between
// them, and spells, which last, whatever the deaths do.
type script struct {
	deaths, spells *deck
	burst          int // deaths before the next calm
	death, spell   mishap
}

func newScript(seed uint64, deaths, spells []mischief) *script {
	s := &script{spells: newDeck(seed, 1, spells)}
	s.spell = s.spells.after(0, time.Second, 2*time.Second)
	if len(deaths) > 0 {
		s.deaths = newDeck(seed, 2, deaths)
		s.death = s.deaths.after(0, time.Second, 2*time.Second)
	}
	return s
}

// after draws a fault that comes some time after another.
func (d *deck) after(at, least, most time.Duration) mishap {
	kind := d.deal()
	return mishap{at + between(d.rolls, least, most), between(d.rolls, kind.least, kind.most), kind, d.rolls.Uint64()}
}

// next returns the faults in the order of their times.
func (s *script) next() mishap {
	if s.deaths == nil || s.spell.at < s.death.at {
		m := s.spell
		s.spell = s.spells.after(m.at, m.lasts*2/3, m.lasts+2*time.Second)
		return m
	}
	m := s.death
	if s.burst > 0 {
		s.burst--
		s.death = s.deaths.after(m.at, 100*time.Millisecond, 900*time.Millisecond)
	} else {
		s.burst = 1 + s.deaths.rolls.IntN(6)
		s.death = s.deaths.after(m.at, 2500*time.Millisecond, 5500*time.Millisecond)
	}
	return m
}

// TestChaosScriptIsItsSeeds draws plans: one seed always gives the same, others differ, and none leaves a kind out.
func TestChaosScriptIsItsSeeds(t *testing.T) {
	draw := func(seed uint64) (all []mishap) {
		s := newScript(seed, deaths, spells)
		for range 200 {
			all = append(all, s.next())
		}
		return all
	}
	a, b, c := draw(1), draw(1), draw(2)
	differ, seen := 0, map[string]int{}
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("fault %d of seed 1 is %+v, then %+v", i, a[i], b[i])
		}
		if a[i].dice != c[i].dice {
			differ++
		}
		if i > 0 && a[i].at < a[i-1].at {
			t.Errorf("fault %d comes at %v, before that at %v", i, a[i].at, a[i-1].at)
		}
		seen[a[i].kind.name]++
	}
	if differ < len(a)/2 {
		t.Errorf("%d of %d faults differ between two seeds", differ, len(a))
	}
	for _, kinds := range [][]mischief{deaths, spells} {
		for _, k := range kinds {
			if seen[k.name] == 0 {
				t.Errorf("200 faults, %q is not among them", k.name)
			}
		}
	}
}
