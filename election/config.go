package election

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"p2pnode/wire"
)

// Quorum says whose consent makes a leader.
type Quorum uint8

const (
	Available Quorum = iota // every live peer, or after a short wait most of them; a last survivor leads alone
	Majority                // more than half of a fixed list of voters
)

// String returns the word of the configuration file.
func (q Quorum) String() string { return [...]string{"available", "majority"}[min(q, 1)] }

// Config describes one member of the election. It is read once, by New.
type Config struct {
	Self   wire.NodeID   // Self is this node. It must not be zero.
	Quorum Quorum        // Quorum is the mode. If zero, Available.
	Voters []wire.NodeID // Voters are all who vote in majority mode, Self included. If empty, nobody can be elected in that mode.

	Heartbeat time.Duration // Heartbeat is the time between the core's heartbeats. If zero, 250 ms.
	Suspect   time.Duration // Suspect is the silence after which a leader is no longer vouched for. If zero, 600 ms.
	Dead      time.Duration // Dead is the silence after which the core calls a peer dead. If zero, 1.2 s.
	Start     time.Duration // Start is how long a node without a leader listens before it campaigns. If zero, four heartbeats, at least 1 s.
	Alone     time.Duration // Alone is how long after the last live peer's death a node leads alone. If zero, 1 s.
	Rank      time.Duration // Rank is the head start a candidate leaves to each better one. If zero, 25 ms.
	Gather    time.Duration // Gather is how long an available-mode phase waits for every live peer. If zero, 300 ms.
	Phase     time.Duration // Phase is the longest a phase may last. If zero, 1.5 s.
	Hold      time.Duration // Hold is the longest rest after losing, or granting, a phase; the shortest is 4/5 of it. If zero, 1 s.
	MaxHold   time.Duration // MaxHold bounds the doubling of Hold. If zero, five times Hold.
	Lease     time.Duration // Lease is a leader's right to assign, from the sending of what a majority echoed. If zero, or over Suspect − 100 ms, Suspect less 100 ms or a sixth.
	Probe     time.Duration // Probe is the time between a leader's pings to one follower. If zero, 40 ms.
	Again     time.Duration // Again is the least time between two confirmations of one leadership. If zero, 1 s.

	Rotation time.Duration // Rotation is how long a leader leads before it passes the lead on, from idle. If zero, for ever.

	Promised uint64      // Promised is the highest epoch in the store. If zero, none.
	Vote     wire.NodeID // Vote is whom that epoch was promised to. If zero, unknown: it is refused to all.
	Fresh    bool        // Fresh says that the store is new: no promise or lease was forgotten. If false, majority mode is silent for Suspect.
	Load     uint16      // Load is the score at the start, in centi-percent. If zero, idle.
	Rand     *rand.Rand  // Rand gives jitter only. If nil, one seeded by Self.
}

// withDefaults returns c with every zero replaced by its meaning.
func (c Config) withDefaults() Config {
	set(&c.Heartbeat, 250*time.Millisecond)
	set(&c.Suspect, 600*time.Millisecond)
	set(&c.Dead, 1200*time.Millisecond)
	set(&c.Start, max(time.Second, 4*c.Heartbeat))
	set(&c.Alone, time.Second)
	set(&c.Rank, 25*time.Millisecond)
	set(&c.Gather, 300*time.Millisecond)
	set(&c.Phase, 1500*time.Millisecond)
	set(&c.Hold, time.Second)
	set(&c.MaxHold, 5*c.Hold)
	set(&c.Probe, 40*time.Millisecond)
	set(&c.Again, time.Second)
	c.Lease = lease(c.Lease, c.Suspect)
	c.Voters = slices.Clone(c.Voters)
	slices.SortFunc(c.Voters, wire.NodeID.Compare)
	c.Voters = slices.Compact(c.Voters)
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(binary.BigEndian.Uint64(c.Self[:8]), binary.BigEndian.Uint64(c.Self[8:])))
	}
	return c
}

// lease keeps the lease shorter than what voters vouch for (PROTOCOL.md §6 L5).
func lease(asked, suspect time.Duration) time.Duration {
	margin := min(max(100*time.Millisecond, suspect/6), suspect/2)
	if asked <= 0 || asked > suspect-margin {
		return suspect - margin
	}
	return asked
}

func set(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}
