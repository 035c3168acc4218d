//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shape is what a host's frames suffer, in the words of tc-netem(8): the part of them that `make netem` uses. It is pure: it
// says when each copy of a frame goes on, and its chance comes from a source that was given to it.
type shape struct {
	delay, jitter                     time.Duration
	loss, reorder, duplicate, corrupt float64 // probabilities
	begin, end                        float64 // of a burst, in which all is lost; begin zero: no bursts
	rate                              float64 // bits per second; zero: no bound
	limit                             int     // frames kept at once, beyond which all is lost
	rand                              *rand.Rand

	bursting bool
	free     time.Time // when the last frame has been sent, at this rate
}

const usualLimit = 10_000

// readShape reads what follows `tc qdisc add … netem`.
func readShape(words []string, r *rand.Rand) (*shape, error) {
	s := &shape{rand: r, limit: usualLimit}
	for rest := words; len(rest) > 0; {
		used, err := s.read(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[used:]
	}
	return s, nil
}

// read takes the first condition of some words, and returns how many of them it took.
func (s *shape) read(words []string) (used int, err error) {
	chances := map[string]*float64{"loss": &s.loss, "reorder": &s.reorder, "duplicate": &s.duplicate, "corrupt": &s.corrupt}
	values := words[1:]
	switch chance := chances[words[0]]; {
	case len(values) == 0:
		return 0, fmt.Errorf("netem: %s of how much?", words[0])
	case words[0] == "delay":
		return s.readDelay(values)
	case words[0] == "loss" && values[0] == "gemodel" && len(values) > 2:
		if s.begin, err = percentage(values[1]); err != nil {
			return 0, err
		}
		s.end, err = percentage(values[2])
		return 4, err
	case words[0] == "rate":
		s.rate, err = bitsPerSecond(values[0])
		return 2, err
	case words[0] == "limit":
		s.limit, err = strconv.Atoi(values[0])
		return 2, err
	case chance != nil:
		*chance, err = percentage(values[0])
		return 2, err
	}
	return 0, fmt.Errorf("netem: the relay does not know %q", words[0])
}

func (s *shape) readDelay(values []string) (used int, err error) {
	if s.delay, err = time.ParseDuration(values[0]); err != nil || len(values) == 1 {
		return 2, err
	}
	if s.jitter, err = time.ParseDuration(values[1]); err != nil {
		return 2, nil // the next condition's name
	}
	return 3, nil
}

func percentage(word string) (float64, error) {
	p, err := strconv.ParseFloat(strings.TrimSuffix(word, "%"), 64)
	if err != nil || p < 0 || p > 100 || !strings.HasSuffix(word, "%") {
		return 0, fmt.Errorf("netem: %q is no percentage", word)
	}
	return p / 100, nil
}

func bitsPerSecond(word string) (float64, error) {
	for unit, factor := range map[string]float64{"kbit": 1e3, "mbit": 1e6, "gbit": 1e9} {
		if number, ok := strings.CutSuffix(word, unit); ok {
			n, err := strconv.ParseFloat(number, 64)
			return n * factor, err
		}
	}
	return 0, fmt.Errorf("netem: %q is no rate in kbit, mbit or gbit", word)
}

// pass calls send for each copy of a frame that goes on, with the time it is kept. A copy of a frame may be lost as any other.
func (s *shape) pass(now time.Time, frame []byte, send func(frame []byte, wait time.Duration)) {
	copies := 1
	if s.hits(s.duplicate) {
		copies = 2
	}
	for range copies {
		if s.drops() {
			continue
		}
		f := slices.Clone(frame)
		if s.hits(s.corrupt) {
			f[s.rand.IntN(len(f))] ^= 1 << s.rand.IntN(8)
		}
		send(f, s.turn(now, len(f))+s.wait())
	}
}

func (s *shape) hits(chance float64) bool { return chance > 0 && s.rand.Float64() < chance }

// drops says whether a frame is lost: by the Gilbert-Elliott model, or alone.
func (s *shape) drops() bool {
	if s.begin == 0 {
		return s.hits(s.loss)
	}
	lost := s.bursting
	if s.bursting {
		s.bursting = !s.hits(s.end)
	} else {
		s.bursting = s.hits(s.begin)
	}
	return lost
}

// turn is the time until a frame has been sent, after all those before it.
func (s *shape) turn(now time.Time, size int) time.Duration {
	if s.rate == 0 {
		return 0
	}
	if s.free.Before(now) {
		s.free = now
	}
	s.free = s.free.Add(time.Duration(float64(size*8) / s.rate * float64(time.Second)))
	return s.free.Sub(now)
}

// wait is the time a frame is kept: none for those that overtake others.
func (s *shape) wait() time.Duration {
	if s.hits(s.reorder) {
		return 0
	}
	return max(0, s.delay+time.Duration((2*s.rand.Float64()-1)*float64(s.jitter)))
}
