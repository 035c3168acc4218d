//go:build linux

package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// netemSeen is what a shape did to many frames, by frame sent.
type netemSeen struct {
	arrive, damaged, prompt float64 // copies that went on, those that were changed, those that were not kept
	lostInARow              float64 // frames, on average
}

// watchShape passes frames through a shape, and checks that none is kept for a time that nobody asked for.
func watchShape(t *testing.T, s *shape, frames int) (seen netemSeen) {
	t.Helper()
	frame, bursts, lost, gone := make([]byte, 100), 0, 0, false
	for range frames {
		copies := 0
		s.pass(time.Time{}, frame, func(f []byte, wait time.Duration) {
			copies++
			if !slices.Equal(f, frame) {
				seen.damaged++
			}
			if wait == 0 {
				seen.prompt++
			} else if wait < s.delay-s.jitter || wait > s.delay+s.jitter {
				t.Errorf("a frame is kept %v by %+v", wait, s)
			}
		})
		if copies == 0 {
			lost++
			if !gone {
				bursts++
			}
		}
		gone = copies == 0
		seen.arrive += float64(copies)
	}
	n := float64(frames)
	return netemSeen{seen.arrive / n, seen.damaged / n, seen.prompt / n, float64(lost) / max(1, float64(bursts))}
}

// The relay's conditions do to many frames what they say.
func TestNetemShape(t *testing.T) {
	cases := []struct {
		words string
		want  netemSeen
	}{
		{"loss 20% delay 25ms", netemSeen{0.8, 0, 0, 1.25}},
		{"loss 0% delay 0ms", netemSeen{1, 0, 1, 0}},
		{"loss 5% delay 25ms 10ms reorder 25%", netemSeen{0.95, 0, 0.2375, 1 / 0.95}},
		{"loss 5% delay 25ms duplicate 10%", netemSeen{1.045, 0, 0, 1.0474}}, // of a frame that is sent twice both have to be lost
		{"loss 0% delay 25ms corrupt 1%", netemSeen{1, 0.01, 0, 0}},
		{"loss gemodel 5% 30% delay 25ms", netemSeen{1 - 0.05/0.35, 0, 0, 1 / 0.3}},
	}
	for _, c := range cases {
		s, err := readShape(strings.Fields(c.words), rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		got := watchShape(t, s, 200_000)
		for what, pair := range map[string][2]float64{
			"arrive": {got.arrive, c.want.arrive}, "are damaged": {got.damaged, c.want.damaged},
			"are not kept": {got.prompt, c.want.prompt}, "are lost in a row": {got.lostInARow, c.want.lostInARow},
		} {
			if math.Abs(pair[0]-pair[1]) > max(0.002, 0.02*pair[1]) {
				t.Errorf("%s: %.4f %s, want %.4f", c.words, pair[0], what, pair[1])
			}
		}
	}
}

// A rate lets frames through one after the other, and no faster.
func TestNetemShapeRate(t *testing.T) {
	s, err := readShape(strings.Fields("delay 25ms rate 10mbit limit 60"), rand.New(rand.NewPCG(1, 2)))
	if err != nil || s.limit != 60 {
		t.Fatalf("%+v, %v", s, err)
	}
	var waits []time.Duration
	note := func(_ []byte, wait time.Duration) { waits = append(waits, wait) }
	now, frame := time.Unix(1, 0), make([]byte, 1250) // 1 ms each
	s.pass(now, frame, note)
	s.pass(now, frame, note)
	s.pass(now.Add(time.Second), frame, note)
	if want := []time.Duration{26 * time.Millisecond, 27 * time.Millisecond, 26 * time.Millisecond}; !slices.Equal(waits, want) {
		t.Errorf("three frames are kept %v, want %v", waits, want)
	}
}

// What the relay cannot do it does not pretend to do.
func TestNetemShapeRefuses(t *testing.T) {
	for _, words := range []string{"loss", "loss 20", "loss 101%", "delay soon", "rate 1", "delay 25ms 5ms 25%", "loss gemodel 5%"} {
		if s, err := readShape(strings.Fields(words), nil); err == nil {
			t.Errorf("readShape(%q) = %+v, want an error", words, s)
		}
	}
}
