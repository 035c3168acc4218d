package election

import (
	"time"

	"p2pnode/wire"
)

// climb is how much higher an epoch may be than what this node had promised when it started, and as much again for every
// second since. Elections raise it by a few a second at most. Without a bound one message of somebody who holds K_server
// could use up all epochs for ever, since a promise outlives restarts. Because the bound rises with time, a node that was
// away, or is new, comes up with any height that others have been driven to, within as long as that took.
const climb = 1 << 32

// horizon is the highest epoch this node believes in (PROTOCOL.md §6 L6).
func (m *Machine) horizon(now time.Time) uint64 {
	seconds := 1 + uint64(max(0, now.Sub(m.born))/time.Second)
	if room := topEpoch - min(m.c.Promised, topEpoch); seconds > room/climb {
		return topEpoch
	}
	return m.c.Promised + seconds*climb
}

// topEpoch leaves room to count on.
const topEpoch = 1<<64 - 1<<32

// credible reports whether every epoch that a message names is within the horizon.
func (m *Machine) credible(now time.Time, msg wire.Message) bool {
	highest := uint64(0)
	switch v := msg.(type) {
	case wire.Heartbeat:
		highest = v.Epoch
	case wire.Ping:
		highest = v.Epoch
	case wire.Pong:
		highest = v.Epoch
	case wire.Election:
		highest = v.Epoch
	case wire.Coordinator:
		highest = v.Epoch
	case wire.LeaderAlive:
		highest = max(v.Epoch, v.Reign)
	case wire.EpochBehind:
		highest = max(v.Epoch, v.Promised)
	case wire.RotateToken:
		highest = max(v.Epoch, v.Next)
	}
	return highest <= m.horizon(now)
}
