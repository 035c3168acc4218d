package election

import (
	"slices"
	"time"

	"p2pnode/wire"
)

// Standing is how the core's failure detector sees a peer.
type Standing uint8

const (
	Alive     Standing = iota + 1 // heard lately
	Suspected                     // silent, and probed: still counted
	Dead                          // silent too long, or restarted
	Left                          // said Leave
)

// String returns the word that status shows.
func (s Standing) String() string {
	return [...]string{"unknown", "alive", "suspect", "dead", "left"}[min(s, 4)]
}

// maxPeers bounds the table; beyond it the dead are forgotten first, and nobody is added while all live.
const maxPeers = 1024

// peer is what the Machine knows of another node.
type peer struct {
	id       wire.NodeID
	voter    bool // has a vote
	standing Standing
	sequence uint64      // newest heartbeat or ping of its present boot: older ones tell nothing
	load     uint16      // by its newest heartbeat
	names    wire.NodeID // whom that heartbeat held to lead
	numbered bool        // a heartbeat or ping of it has claimed the leadership followed
	able     bool        // it takes part in rotation
	active   uint16      // jobs that run there, by its newest heartbeat
	digest   uint64      // of its ledger, likewise
	count    uint32      // of the records in it

	asked   wire.Election // while this node was silent
	answer  answer        // to the running poll
	yielded uint64        // highest epoch in which it was told Alive
	vouched time.Time     // when it was last heard while followed as leader

	rival  time.Time // since when it claims to lead beside this leader
	sent   []sent    // heartbeats and pings to it, oldest first
	last   time.Time // when the newest of them went
	echoed time.Time // when the newest one it echoed was sent
}

type answer uint8

const (
	none answer = iota
	yes
	no
)

// alive reports whether p counts: a suspect still does.
func (p *peer) alive() bool { return p.standing == Alive || p.standing == Suspected }

// priority is what p would campaign with, by its newest heartbeat.
func (p *peer) priority() wire.Priority { return wire.Priority{Bucket: bucket(p.load), ID: p.id} }

// Member takes the failure detector's view of a peer. A new boot of a peer must be reported as Dead, then Alive.
func (m *Machine) Member(now time.Time, id wire.NodeID, s Standing) {
	p := m.admit(id, s)
	if p == nil || p.standing == s {
		return
	}
	was := p.alive()
	p.standing = s
	switch {
	case p.alive() && !was:
		m.arrived(now, p)
	case !p.alive() && was:
		m.departed(now, p)
	}
	m.quorate(now)
	m.reassure()
	m.settle(now)
}

// Heard says that an authenticated datagram of a live session of id has arrived: the only proof of life there is (PROTOCOL.md §6 L3).
func (m *Machine) Heard(now time.Time, id wire.NodeID) {
	if id != m.leader || m.role == wire.Leader {
		return
	}
	if p := m.peer(id); p != nil {
		m.evidence, p.vouched = now, now
	}
}

// arrived begins p anew and asks it for its word if a campaign is under way.
func (m *Machine) arrived(now time.Time, p *peer) {
	p.sequence, p.names, p.rival, p.sent = 0, wire.NodeID{}, time.Time{}, nil
	p.asked, p.answer, p.echoed, p.last = wire.Election{}, none, time.Time{}, time.Time{}
	if m.polling() && p.consulted() {
		m.send(p, m.poll.question())
	}
}

// departed takes p out of every count. One who left says so itself: what was vouched to it ends, and being alone needs no wait.
func (m *Machine) departed(now time.Time, p *peer) {
	p.names, p.rival, p.answer = wire.NodeID{}, time.Time{}, none
	if p.standing == Left {
		p.vouched = time.Time{}
	} else {
		m.alone = now.Add(m.c.Alone)
	}
	if p.id == m.leader {
		m.lose(now)
		m.arm(now)
	}
}

// peer returns what is known of id, or nil.
func (m *Machine) peer(id wire.NodeID) *peer {
	if i, ok := m.find(id); ok {
		return m.peers[i]
	}
	return nil
}

// admit returns the entry of id, made if the news is that it lives and there is room.
func (m *Machine) admit(id wire.NodeID, s Standing) *peer {
	i, ok := m.find(id)
	if ok {
		return m.peers[i]
	}
	if id == m.c.Self || id.IsZero() || s != Alive && s != Suspected {
		return nil
	}
	if len(m.peers) >= maxPeers {
		m.peers = slices.DeleteFunc(m.peers, func(p *peer) bool { return !p.alive() && p.vouched.IsZero() })
		if i, _ = m.find(id); len(m.peers) >= maxPeers {
			return nil
		}
	}
	p := &peer{id: id, voter: m.voter(id)}
	m.peers = slices.Insert(m.peers, i, p)
	return p
}

func (m *Machine) find(id wire.NodeID) (int, bool) {
	return slices.BinarySearchFunc(m.peers, id, func(p *peer, id wire.NodeID) int { return p.id.Compare(id) })
}

// live returns the peers that count, in id order.
func (m *Machine) live() []*peer {
	live := make([]*peer, 0, len(m.peers))
	for _, p := range m.peers {
		if p.alive() {
			live = append(live, p)
		}
	}
	return live
}

// living counts them.
func (m *Machine) living() (n int) {
	for _, p := range m.peers {
		if p.alive() {
			n++
		}
	}
	return n
}

// voter reports whether id has a vote: in available mode everybody has.
func (m *Machine) voter(id wire.NodeID) bool {
	if m.c.Quorum == Available {
		return true
	}
	_, ok := slices.BinarySearchFunc(m.c.Voters, id, wire.NodeID.Compare)
	return ok
}

// consulted reports whether p is asked in a campaign.
func (p *peer) consulted() bool { return p.alive() && p.voter }

// majorityAlive reports whether a majority of the voters, this node included, is alive. Available mode is always quorate.
func (m *Machine) majorityAlive() bool {
	if m.c.Quorum == Available {
		return true
	}
	return m.majority(func(p *peer) bool { return p.alive() }, true)
}

// majority reports whether more than half of the voters satisfy counts; self says whether this node does, if it is one.
func (m *Machine) majority(counts func(*peer) bool, self bool) bool {
	n := 0
	if self && m.voter(m.c.Self) {
		n++
	}
	for _, p := range m.peers {
		if p.voter && counts(p) {
			n++
		}
	}
	return n > len(m.c.Voters)/2
}

// bucket groups scores in steps of five points, so that noise does not rank candidates.
func bucket(score uint16) uint8 { return uint8(min(score, 10000) / 500) }
