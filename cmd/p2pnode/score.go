package main

import (
	"fmt"
	"strings"
	"time"

	"p2pnode/wire"
)

// score counts how the images of a command ended.
type score struct {
	began   time.Time
	done    int
	skipped int
	failed  int
	left    int // not begun, or cancelled
	fault   int // the exit status of the failures; that of partial ones where they differ
}

// add counts one image.
func (s *score) add(v verdict) {
	switch v.status {
	case statusDone:
		s.done++
	case statusExists:
		s.skipped++
	case statusFailed:
		s.failed++
		s.blame(v.failure.exit())
	default:
		s.left++
	}
}

// blame remembers the exit status of a failure.
func (s *score) blame(exit int) {
	if s.fault != 0 && s.fault != exit {
		exit = wire.CodePartial.Exit()
	}
	s.fault = exit
}

// images is how many were counted.
func (s *score) images() int { return s.done + s.skipped + s.failed + s.left }

// exit is the status of the command, which why may have ended.
func (s *score) exit(why interrupted) int {
	switch {
	case why.Signal != 0:
		return why.exit()
	case s.failed == 0:
		return 0
	case s.done+s.skipped > 0:
		return wire.CodePartial.Exit()
	}
	return s.fault
}

// summary is the last object of batch and watch.
type summary struct {
	Schema      string  `json:"schema"`
	OK          bool    `json:"ok"`
	Interrupted bool    `json:"interrupted"`
	Images      int     `json:"images"`
	Done        int     `json:"done"`
	Skipped     int     `json:"skipped"` // their outputs were there
	Failed      int     `json:"failed"`
	Left        int     `json:"left"` // not begun, or cancelled, when the command was interrupted
	Seconds     float64 `json:"seconds"`
}

func (s *score) summary(schema string, cut bool) summary {
	return summary{
		Schema: schema, OK: s.failed == 0 && s.left == 0, Interrupted: cut, Images: s.images(), Done: s.done,
		Skipped: s.skipped, Failed: s.failed, Left: s.left, Seconds: time.Since(s.began).Seconds(),
	}
}

// sentence is the summary in a line.
func (s summary) sentence() string {
	parts := []string{fmt.Sprintf("%d done", s.Done)}
	for _, p := range []struct {
		n    int
		what string
	}{{s.Skipped, "there already"}, {s.Failed, "failed"}, {s.Left, "left"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	line := fmt.Sprintf("%s: %s, %.1f s", amount(s.Images, "image"), strings.Join(parts, ", "), s.Seconds)
	switch {
	case s.Interrupted && s.Left > 0:
		line += "; interrupted: the same command goes on from here, with another --report if there is one"
	case s.Interrupted:
		line += "; interrupted"
	}
	return line
}

// amount is a number of things.
func amount[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
