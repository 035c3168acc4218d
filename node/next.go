//go:build p2pnode_next

package node

import (
	"time"

	"p2pnode/wire"
)

// What a version to come does with the message that wire/next.go adds: the drill of an upgrade (docs/OPERATIONS.md,
// "Upgrading one by one").

const nextFeatures = wire.FeatureRollCall

// nextVersion is what a node knows of the roll call.
type nextVersion struct {
	called, live int  // peers that were called last, of those alive
	whole        bool // a leader's word that all were: it has met them, which one just started has not
	heard        int  // calls of others in which it did
}

// nextBeat calls the peers that announce the message, and no others, at every heartbeat, and says when their number changes.
func (c *core) nextBeat(now time.Time) {
	n := nextVersion{live: len(c.live()), heard: c.later.heard}
	for _, p := range c.live() {
		if p.features&wire.FeatureRollCall != 0 {
			n.called++
		}
	}
	n.whole = c.reign.ready && n.called == n.live
	for _, p := range c.live() {
		if p.features&wire.FeatureRollCall != 0 {
			c.ep.Send(now, p.id, wire.RollCall{Whole: n.whole})
		}
	}
	if n != c.later {
		c.later = n
		c.cfg.Log.Info("roll call", "called", n.called, "live", n.live, "whole", n.whole)
	}
}

// nextSays takes a call.
func (c *core) nextSays(p *peer, m wire.Message) {
	if v, ok := m.(wire.RollCall); ok && v.Whole {
		if c.later.heard++; c.later.heard == 1 {
			c.cfg.Log.Info("roll call of the whole cluster", "from", p.name)
		}
	}
}
