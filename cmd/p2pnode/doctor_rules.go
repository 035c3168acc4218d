package main

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// match is whether a rule is about a datagram.
type match int

const (
	never match = iota
	perhaps
	always
)

// What a rule does with a datagram.
const (
	accepts = "accept"
	drops   = "drop"
	returns = "return"
	jumps   = "jump"
	leaves  = "goto"
)

// datagram is what a firewall is asked about: a first one of UDP over IPv4, from a neighbour.
type datagram struct {
	in   string       // the interface it comes in at
	from netip.Prefix // the neighbour's subnet; zero: not known
	port int          // where it goes
}

// filterRule is one rule, as far as it matters to one datagram.
type filterRule struct {
	match   match
	verdict string // empty: the next rule decides
	target  string // chain of jumps and leaves
	text    string
}

// filterHook is where a datagram that comes in enters the rules.
type filterHook struct {
	name, chain, policy string
}

// ruleset is what a firewall does with one datagram.
type ruleset struct {
	chains map[string][]filterRule
	hooks  []filterHook
}

// outcomeOf is what becomes of a datagram, and because of which rule.
type outcomeOf struct {
	verdict string // empty: nothing was decided
	by      string // the rule
	but     string // a rule before it that might have decided otherwise; empty: none
}

const deepest = 16 // chains that call one another, as in the kernel

// pass follows a datagram through a chain.
func (r ruleset) pass(chain string, depth int) (o outcomeOf) {
	if depth > deepest {
		return o
	}
	var maybe []outcomeOf
	for _, rule := range r.chains[chain] {
		if rule.match == never {
			continue
		}
		got, over := r.decide(rule, depth)
		if rule.match == perhaps && got.verdict != "" {
			maybe = append(maybe, got)
			continue
		}
		if over && rule.match == always {
			return got.unless(maybe)
		}
	}
	return o.unless(maybe)
}

// decide is what one rule does; over: no later one is asked.
func (r ruleset) decide(rule filterRule, depth int) (o outcomeOf, over bool) {
	switch rule.verdict {
	case accepts, drops:
		return outcomeOf{verdict: rule.verdict, by: rule.text}, true
	case returns:
		return outcomeOf{}, true
	case jumps, leaves:
		o := r.pass(rule.target, depth+1)
		return o, o.verdict != "" || rule.verdict == leaves
	}
	return outcomeOf{}, false
}

// unless notes the first uncertain rule that would have decided otherwise.
func (o outcomeOf) unless(maybe []outcomeOf) outcomeOf {
	for _, m := range maybe {
		if o.but == "" && m.verdict != o.verdict {
			o.but = m.by
		}
	}
	return o
}

// judge returns the hook that drops the datagram, if one does, and why.
func (r ruleset) judge() (filterHook, outcomeOf) {
	for _, h := range r.hooks {
		o := r.pass(h.chain, 0)
		if o.verdict == "" {
			o.verdict, o.by = h.policy, "the chain's policy"
		}
		if o.but != "" && o.verdict == accepts {
			o.but = "" // what is dropped of somebody else
		}
		if o.verdict == drops {
			return h, o
		}
	}
	return filterHook{}, outcomeOf{verdict: accepts}
}

// not turns a match round.
func (m match) not(negated bool) match {
	if negated {
		return always - m
	}
	return m
}

func sure(is bool) match {
	if is {
		return always
	}
	return never
}

// onPorts matches ports and ranges: 53, 47470-47489 or 47470:47489.
func (d datagram) onPorts(list []string) match {
	for _, item := range list {
		from, to, span := strings.Cut(strings.ReplaceAll(item, ":", "-"), "-")
		low, err := strconv.Atoi(strings.TrimSpace(from))
		if err != nil {
			return perhaps
		}
		high := low
		if span {
			if high, err = strconv.Atoi(strings.TrimSpace(to)); err != nil {
				return perhaps
			}
		}
		if low <= d.port && d.port <= high {
			return always
		}
	}
	return never
}

// at matches interfaces; a star or plus stands for any end.
func (d datagram) at(list []string) match {
	return sure(slices.ContainsFunc(list, func(name string) bool {
		name = strings.ReplaceAll(strings.Trim(name, `"`), "+", "*")
		ok, err := path.Match(name, d.in)
		return err == nil && ok
	}))
}

// of matches source addresses and subnets.
func (d datagram) of(list []string) match {
	best := never
	for _, item := range list {
		p, err := netip.ParsePrefix(item)
		if a, aErr := netip.ParseAddr(item); err != nil && aErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil || !d.from.IsValid():
			best = max(best, perhaps)
		case p.Overlaps(d.from) && p.Bits() <= d.from.Bits():
			best = always
		case p.Overlaps(d.from):
			best = max(best, perhaps)
		}
	}
	return best
}

// new matches the states of a connection: a first datagram's is new.
func (d datagram) new(list []string) match {
	return sure(slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, "new") }))
}

// udp matches protocols.
func (d datagram) udp(list []string) match {
	return sure(slices.ContainsFunc(list, func(s string) bool { return s == "udp" || s == "17" || s == "all" || s == "0" }))
}
