//go:build linux

package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// stage plays a script in real time. It is the only one that begins and ends faults.
type stage struct {
	c      *chaos
	script *script
	began  time.Time
	count  int
	ends   []ending // by time
	wanted map[string]bool
}

// ending is a fault that has to be ended.
type ending struct {
	at   time.Duration
	name string
	end  func()
}

func newStage(c *chaos, s *script) *stage {
	p := &stage{c: c, script: s, began: time.Now(), wanted: map[string]bool{}}
	for _, d := range []*deck{s.deaths, s.spells} {
		if d != nil {
			for _, m := range d.all {
				p.wanted[m.name] = true
			}
		}
	}
	return p
}

// complete reports whether every kind of fault has happened.
func (p *stage) complete() bool { return len(p.wanted) == 0 }

// play goes on until it is over; then it lets what lasts come to its end.
func (p *stage) play(over func() bool) {
	for p.c.ctx.Err() == nil && !over() {
		m := p.script.next()
		p.endUntil(m.at)
		if p.wait(m.at) {
			p.strike(m)
		}
	}
	for _, e := range p.ends {
		p.wait(e.at)
		p.finish(e)
	}
}

// strike begins a fault.
func (p *stage) strike(m mishap) {
	p.count++
	did, end := m.kind.begin(p.c, rand.New(rand.NewPCG(m.dice, 0)), m.lasts)
	if did == "" {
		p.c.say("%3d %s: could not be", p.count, m.kind.name)
		return
	}
	p.c.say("%3d %s: %s, %v", p.count, m.kind.name, did, m.lasts.Round(10*time.Millisecond))
	p.c.done[m.kind.name]++
	delete(p.wanted, m.kind.name)
	if end == nil {
		return
	}
	p.ends = append(p.ends, ending{m.at + m.lasts, m.kind.name, end})
	slices.SortStableFunc(p.ends, func(a, b ending) int { return int(a.at - b.at) })
}

// endUntil ends, each at its time, what ends before the next fault begins.
func (p *stage) endUntil(at time.Duration) {
	for len(p.ends) > 0 && p.ends[0].at <= at {
		e := p.ends[0]
		if !p.wait(e.at) {
			return
		}
		p.ends = p.ends[1:]
		p.finish(e)
	}
}

func (p *stage) finish(e ending) {
	e.end()
	p.c.say("    %s has ended", e.name)
}

// wait waits for a time of the script; false: the program is to end.
func (p *stage) wait(at time.Duration) bool {
	select {
	case <-p.c.ctx.Done():
		return false
	case <-time.After(time.Until(p.began.Add(at))):
		return true
	}
}
