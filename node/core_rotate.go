package node

import (
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// features are the bits this node's Hello announces (PROTOCOL.md §3.3). Rotation needs the consent of all: a node that
// is not configured for it announces nothing, and is never asked to lead in turn.
func (c *core) features() uint64 {
	bits := nextFeatures
	if c.cfg.Rotation > 0 {
		bits |= wire.FeatureRotation
	}
	return bits
}

// rest tells the election whether this node knows of any work, and what its heartbeats say of its ledger.
func (c *core) rest() {
	if c.cfg.Rotation > 0 {
		sum, count := c.ledger.Digest()
		c.elect.SetIdle(c.idle(), sum, uint32(count))
	}
}

// idle reports whether no job is under way that this node knows of: none to be done by any server, none being worked on
// here, no client waiting for its assignment to be replicated; and, if it leads, whether it has merged the ledgers.
func (c *core) idle() bool {
	switch {
	case c.stopping, c.active > 0, c.clogged(), c.reign.merging():
		return false
	case c.ledger.Count(wire.Assigned)+c.ledger.Count(wire.Running) > 0:
		return false
	}
	for _, f := range c.confirms {
		if f.waiting {
			return false
		}
	}
	return true
}

// handed lets all peers hear at once that this node leads no more, where another waits to follow it.
func (c *core) handed(now time.Time, o election.Output) {
	if c.cfg.Rotation > 0 && c.reign.leads && o.Leader.IsZero() {
		c.beatAt = now
	}
}
