package node

import (
	"net/netip"
	"slices"
	"time"

	"p2pnode/wire"
)

// greeting decides when strangers are looked for. Its targets come from the shell, which can see interfaces and resolve names.
type greeting struct {
	wide       []netip.AddrPort // broadcast and multicast addresses
	near       []netip.AddrPort // configured peers
	remembered []netip.AddrPort // control addresses of peers met before
	next       time.Time
	wideAt     time.Time
	round      int
	strangers  map[wire.NodeID]introduction // of whom others have told; nil: none
	beats      int                          // heartbeats since anybody was introduced
	turn       int                          // whom to introduce next
}

// How often Hello goes out: to single addresses where no live peer is, and to everybody at once.
const (
	nearEvery = 250 * time.Millisecond
	lonely    = time.Second // everybody, while there is no live peer
	settled   = 2 * time.Second
)

// firsts are the waits between the Hellos of a node that has just started.
var firsts = [...]time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}

// seek replaces the addresses at which peers are looked for.
func (c *core) seek(now time.Time, wide, near []netip.AddrPort) {
	g := &c.greeting
	if g.round == 0 {
		g.next, g.wideAt = now, now
	}
	g.wide, g.near = wide, near
}

// greet says Hello to every place where a peer may be (PROTOCOL.md §1).
func (c *core) greet(now time.Time) {
	g := &c.greeting
	if now.Before(g.next) {
		return
	}
	for _, a := range c.strange() {
		c.ep.Greet(now, a, wire.NodeID{})
	}
	c.greetStrangers(now)
	if !now.Before(g.wideAt) {
		for _, a := range g.wide {
			c.ep.Call(now, a)
		}
		g.wideAt = now.Add(c.wideAgain())
	}
	g.next = now.Add(c.nearAgain())
	if len(g.wide)+len(g.near) > 0 {
		g.round++
	}
}

// strange returns the single addresses at which no live peer is known.
func (c *core) strange() []netip.AddrPort {
	g := &c.greeting
	out := slices.Concat(g.near, g.remembered)
	live := c.live()
	return slices.DeleteFunc(out, func(a netip.AddrPort) bool {
		return contains(c.cfg.control, a) || slices.ContainsFunc(live, func(p *peer) bool { return p.control == a })
	})
}

func (c *core) nearAgain() time.Duration {
	if g := &c.greeting; g.round < len(firsts) {
		return firsts[g.round]
	}
	return nearEvery + time.Duration(c.cfg.rand.Int64N(int64(nearEvery/5)))
}

func (c *core) wideAgain() time.Duration {
	switch {
	case c.greeting.round < len(firsts):
		return 0
	case len(c.live()) == 0:
		return lonely
	}
	return settled
}

// remember keeps the control address of a peer met, here and in the store, for the next start.
func (c *core) remember(p *peer) {
	g := &c.greeting
	if contains(g.remembered, p.control) {
		return
	}
	g.remembered = append(g.remembered, p.control)
	g.remembered = g.remembered[max(0, len(g.remembered)-maxRemembered):]
	c.put(Batch{Peers: slices.Clone(g.remembered)})
}

const maxRemembered = 16
