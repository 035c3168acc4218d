package election

import (
	"cmp"
	"time"

	"p2pnode/wire"
)

// contest meets another leader. In majority mode the higher epoch is the only lawful one. In available mode the loser
// serves until the winner's Coordinator arrives, and the winner sends it once the contact is old enough
// for the followers' heartbeats to be known.
func (m *Machine) contest(now time.Time, p *peer, epoch uint64, announced bool) {
	higher := epoch > m.epoch
	switch {
	case higher && epoch >= m.promised && (announced || m.c.Quorum == Majority):
		m.follow(now, p, epoch)
	case higher && m.c.Quorum == Majority:
		m.Resign(now) // its own promise keeps it from following yet: it says EpochBehind
	case m.c.Quorum == Available:
		m.compare(now, p, epoch)
	}
}

// compare lets the better of two leaders of available mode confirm itself, at most once a second.
func (m *Machine) compare(now time.Time, p *peer, epoch uint64) {
	if p.rival.IsZero() {
		p.rival = now
	}
	if now.Sub(p.rival) < m.acquaintance() || now.Sub(m.confirmed) < m.c.Again {
		return
	}
	if m.prevails(p, epoch) {
		m.confirmed = now
		m.confirm(now)
	}
}

// acquaintance is how long a rival must be known before it is compared: by epoch alone, at first contact, the lone
// node of a partition would depose the leader of the others.
func (m *Machine) acquaintance() time.Duration { return m.c.Suspect }

// prevails compares by followers, then epoch, then priority. Equal nodes do not exist: ids differ.
func (m *Machine) prevails(p *peer, epoch uint64) bool {
	if c := cmp.Compare(m.followers(m.c.Self), m.followers(p.id)); c != 0 {
		return c > 0
	}
	if c := cmp.Compare(m.epoch, epoch); c != 0 {
		return c > 0
	}
	return m.priority().Compare(p.priority()) < 0
}

// followers counts the live peers whose newest heartbeat names leader, itself not counted.
func (m *Machine) followers(leader wire.NodeID) int {
	n := 0
	for _, p := range m.live() {
		if p.names == leader && p.id != leader {
			n++
		}
	}
	return n
}
