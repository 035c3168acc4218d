package node

import (
	"net/netip"
	"slices"
	"time"

	"p2pnode/wire"
)

// Whoever knows one server of a cluster shall meet all: servers tell each other of their live peers. That somebody was told
// of makes him no peer; he is greeted, and has to prove that he holds the key as any other (PROTOCOL.md §1).

// introduction is what others have told of a server: where it may be.
type introduction struct {
	control []netip.AddrPort
	until   time.Time // not greeted any more, unless told of again
}

const (
	introduceEvery = 4 // heartbeats
	maxStrangers   = 16
	strangeFor     = 5 * time.Second
)

// acquaintances returns live peers for others to meet, in every fourth heartbeat, by turns where they are many.
func (c *core) acquaintances() []wire.Node {
	g, live := &c.greeting, c.live()
	if g.beats++; g.beats < introduceEvery || len(live) < 2 {
		return nil
	}
	g.beats = 0
	var met []wire.Node
	for range min(wire.MaxMet, len(live)) {
		g.turn = (g.turn + 1) % len(live)
		n := c.node(live[g.turn].id)
		met = append(met, wire.Node{ID: n.ID, Control: n.Control[:min(len(n.Control), maxMetAddresses)]})
	}
	return met
}

// maxMetAddresses bounds how many addresses of a peer are told.
const maxMetAddresses = 3

// introduced hears from a peer of others that this node does not know.
func (c *core) introduced(now time.Time, from *peer, met []wire.Node) {
	g := &c.greeting
	for _, n := range met {
		_, told := g.strangers[n.ID]
		if n.ID == c.cfg.self || c.peers[n.ID] != nil || len(c.peers) >= maxKnown || !told && len(g.strangers) >= maxStrangers {
			continue
		}
		if g.strangers == nil {
			g.strangers = map[wire.NodeID]introduction{}
		}
		g.strangers[n.ID] = introduction{seenFrom(from.control, n.Control), now.Add(strangeFor)}
	}
}

// seenFrom returns addresses as they are for us that are told by another: its own loopback is its host.
func seenFrom(teller netip.AddrPort, told []netip.AddrPort) (out []netip.AddrPort) {
	for _, a := range told {
		if a.Addr().IsLoopback() && !teller.Addr().IsLoopback() {
			a = netip.AddrPortFrom(teller.Addr(), a.Port())
		}
		if a.Port() != 0 && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast() && len(out) < maxMetAddresses {
			out = append(out, a)
		}
	}
	return out
}

// greetStrangers says Hello to those this node was told of, as long as it is.
func (c *core) greetStrangers(now time.Time) {
	g := &c.greeting
	ids := make([]wire.NodeID, 0, len(g.strangers))
	for id, s := range g.strangers {
		if ids = append(ids, id); !now.Before(s.until) {
			delete(g.strangers, id)
		}
	}
	slices.SortFunc(ids, wire.NodeID.Compare)
	for _, id := range ids {
		for _, a := range g.strangers[id].control {
			c.ep.Greet(now, a, id)
		}
	}
}
