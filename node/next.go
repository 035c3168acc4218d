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

// beat calls the peers that announce the message, and no others, at every heartbeat, and says when their number changes.
func (v *nextVersion) beat(now time.Time, c *core) {
	n := nextVersion{live: len(c.live()), heard: v.heard}
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
	if n != *v {
		*v = n
		c.cfg.Log.Info("roll call", "called", n.called, "live", n.live, "whole", n.whole)
	}
}

// hear takes a call.
func (v *nextVersion) hear(c *core, p *peer, m wire.Message) {
	if call, ok := m.(wire.RollCall); ok && call.Whole {
		if v.heard++; v.heard == 1 {
			c.cfg.Log.Info("roll call of the whole cluster", "from", p.name)
		}
	}
}
