//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// impose adds rules to what the switch forwards, until lift. Each imposition has a table of its own, so that they may overlap.
func (l *lan) impose(rules ...string) (lift func()) {
	l.t.Helper()
	l.imposed++
	table := fmt.Sprintf("chaos%d", l.imposed)
	text := fmt.Sprintf("table bridge %s {\n chain forward {\n  type filter hook forward priority 0;\n  %s\n }\n}\n", table, strings.Join(rules, "\n  "))
	c := exec.Command("ip", "netns", "exec", l.hub, "nft", "-f", "-")
	c.Stdin = strings.NewReader(text)
	if out, err := c.CombinedOutput(); err != nil {
		l.t.Fatalf("nft: %v\n%s", err, out)
	}
	return func() { must(l.t, "ip", "netns", "exec", l.hub, "nft", "delete", "table", "bridge", table) }
}

// sides splits servers and clients in two, with a server on each side at least.
func (c *chaos) sides(r *rand.Rand) (a, b []string) {
	order := r.Perm(len(c.procs))
	first := 1 + r.IntN(len(c.procs)-1)
	for i, n := range order {
		if i < first {
			a = append(a, c.procs[n].name)
		} else {
			b = append(b, c.procs[n].name)
		}
	}
	for _, name := range []string{"client1", "client2"} {
		if r.IntN(2) == 0 {
			a = append(a, name)
		} else {
			b = append(b, name)
		}
	}
	return a, b
}

// drop is a rule against all that these hosts send to those.
func (l *lan) drop(from, to []string) string {
	ports := func(names []string) string {
		var all []string
		for _, name := range names {
			all = append(all, strconv.Quote(l.host(name).port))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("iifname { %s } oifname { %s } drop;", ports(from), ports(to))
}

func (c *chaos) partition(r *rand.Rand, _ time.Duration) (string, func()) {
	a, b := c.sides(r)
	return fmt.Sprintf("%v | %v", a, b), c.lan.impose(c.lan.drop(a, b), c.lan.drop(b, a))
}

func (c *chaos) oneWay(r *rand.Rand, _ time.Duration) (string, func()) {
	a, b := c.sides(r)
	return fmt.Sprintf("%v hear nothing of %v", b, a), c.lan.impose(c.lan.drop(a, b))
}

func (c *chaos) loss(*rand.Rand, time.Duration) (string, func()) {
	return "of all packets", c.lan.impose("numgen random mod 100 < 20 drop;")
}
