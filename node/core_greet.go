package node

import (
	"net/netip"
	"time"

	"p2pnode/wire"
)

// greeting decides when strangers are looked for. Targets come from the shell, which can see interfaces and resolve names.
type greeting struct {
	targets    []netip.AddrPort // broadcast, multicast and configured addresses
	remembered []netip.AddrPort // control addresses of peers met before
	next       time.Time
	round      int
}

// lonely and settled are how often a node without and with live peers says Hello to whoever may be there.
const (
	lonely  = time.Second
	settled = 5 * time.Second
)

// firsts are the waits between the Hellos of a node that has just started.
var firsts = [...]time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}

// seek replaces the addresses at which peers are looked for; new ones are asked at once.
func (c *core) seek(now time.Time, targets []netip.AddrPort) {
	fresh := len(c.greeting.targets) == 0
	c.greeting.targets = targets
	if fresh {
		c.greeting.next = now
	}
}

// greet says Hello to every place where a peer may be (PROTOCOL.md §1).
func (c *core) greet(now time.Time) {
	if now.Before(c.greeting.next) {
		return
	}
	for _, a := range c.greeting.targets {
		c.ep.Greet(now, a, wire.NodeID{})
	}
	for _, a := range c.greeting.remembered {
		c.ep.Greet(now, a, wire.NodeID{})
	}
	c.greeting.next = now.Add(c.greetAgain())
	c.greeting.round++
}

func (c *core) greetAgain() time.Duration {
	if c.greeting.round < len(firsts) && len(c.greeting.targets) > 0 {
		return firsts[c.greeting.round]
	}
	jitter := time.Duration(c.cfg.rand.Int64N(int64(200 * time.Millisecond)))
	if len(c.live()) == 0 {
		return lonely + jitter
	}
	return settled + jitter
}

// remember keeps the control address of a peer met, here and in the store, for the next start.
func (c *core) remember(p *peer) {
	for _, a := range c.greeting.remembered {
		if a == p.control {
			return
		}
	}
	c.greeting.remembered = append(c.greeting.remembered, p.control)
	if over := len(c.greeting.remembered) - maxRemembered; over > 0 {
		c.greeting.remembered = c.greeting.remembered[over:]
	}
	c.put(Batch{Peers: append([]netip.AddrPort(nil), c.greeting.remembered...)})
}

const maxRemembered = 16
