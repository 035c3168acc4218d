//go:build unix

package main

import (
	"context"
	"testing"
	"time"
)

// offices is who was seen to lead which epoch, by its own account, and how often the lead went on.
type offices struct {
	of    map[uint64]string
	led   map[string]bool
	turns int
	last  uint64
}

// look takes one look at all servers: none may lead an epoch that another has led.
func (o *offices) look(l *lab, all []*proc) {
	l.t.Helper()
	for _, p := range all {
		s, err := p.status(context.Background())
		if err != nil || s.Leader == nil || *s.Leader != p.name {
			continue
		}
		if was, ok := o.of[s.Epoch]; ok && was != p.name {
			l.t.Errorf("epoch %d is led by %s and %s", s.Epoch, was, p.name)
		}
		o.of[s.Epoch], o.led[p.name] = p.name, true
		if s.Epoch > o.last {
			o.last, o.turns = s.Epoch, o.turns+1
		}
	}
}

// TestProcessLeadGoesRound: with a rotation of a second all three servers lead in turn, jobs submitted meanwhile are done,
// and no epoch has two leaders.
func TestProcessLeadGoesRound(t *testing.T) {
	modes := [][]string{{"--quorum", "majority", "--voters", "n1,n2,n3"}, nil}
	for _, mode := range modes[:times(2, 1)] {
		l := newLab(t)
		all := l.running(3, append(mode, "--rotation", "1s")...)
		seen := &offices{of: map[uint64]string{}, led: map[string]bool{}}
		began := time.Now()
		for limit := began.Add(time.Minute); len(seen.led) < 3 && time.Now().Before(limit); pollPause() {
			seen.look(l, all)
		}
		if len(seen.led) < 3 {
			t.Fatalf("%d of 3 servers have led in a minute: %s", len(seen.led), l.describe(all))
		}
		t.Logf("%v: all three have led after %v, %d turns", mode, time.Since(began).Round(time.Millisecond), seen.turns)
		l.hideAndLook(all, seen)
		t.Logf("%v: %d turns in all", mode, seen.turns)
	}
}

// hideAndLook has a job done while it looks, and then waits for the next turn, several times.
func (l *lab) hideAndLook(all []*proc, seen *offices) {
	l.t.Helper()
	photo := l.paint("small.png", 320, 200)
	for range times(5, 2) {
		results := make(chan told, 1)
		go func() { results <- l.hide(context.Background(), all, photo, "while the lead goes round") }()
		r, ok := told{}, false
		for !ok {
			seen.look(l, all)
			select {
			case r = <-results:
				ok = true
			default:
				pollPause()
			}
		}
		l.t.Logf("%s hid it for leader %s in %.2f s", r.Server, r.Leader, r.Seconds)
		turns := seen.turns
		for limit := time.Now().Add(time.Minute); seen.turns == turns && time.Now().Before(limit); pollPause() {
			seen.look(l, all)
		}
		if seen.turns == turns {
			l.t.Fatalf("no turn in the minute after a job: %s", l.describe(all))
		}
	}
}
