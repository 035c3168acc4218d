package election

import (
	"slices"
	"time"

	"p2pnode/wire"
)

// sent remembers when a numbered heartbeat or ping went out.
type sent struct {
	sequence uint64
	at       time.Time
}

// maxSent bounds what is remembered for one peer; a lease needs far less.
const maxSent = 128

// Sent says that a heartbeat or ping with this sequence goes to a peer, or with a zero id to every live one. Only a leader needs it.
// Call it before the datagram leaves: the lease runs from here once the sequence is echoed (PROTOCOL.md §6 L5).
func (m *Machine) Sent(now time.Time, sequence uint64, to wire.NodeID) {
	if m.role != wire.Leader {
		return
	}
	for _, p := range m.peers {
		if p.alive() && (to.IsZero() || p.id == to) {
			p.note(now, sequence)
		}
	}
}

func (p *peer) note(now time.Time, sequence uint64) {
	if len(p.sent) >= maxSent {
		p.sent = slices.Delete(p.sent, 0, maxSent/2)
	}
	p.sent = append(p.sent, sent{sequence, now})
	p.last = now
}

// echoedBy renews p's part of the lease: what it echoed proves that it stood by this leader after that was sent.
func (m *Machine) echoedBy(now time.Time, p *peer, sequence uint64) {
	if m.role != wire.Leader {
		return
	}
	i := slices.IndexFunc(p.sent, func(s sent) bool { return s.sequence == sequence })
	if i < 0 {
		return
	}
	if at := p.sent[i].at; at.After(p.echoed) {
		p.echoed = at
	}
	p.sent = slices.Delete(p.sent, 0, i+1)
	m.reassure()
}

// pong is an echo when it names this leader and epoch. One about another node proves nothing here.
func (m *Machine) pong(now time.Time, p *peer, v wire.Pong) {
	m.told = max(m.told, v.Epoch)
	if v.Target.IsZero() && v.Leader == m.c.Self && v.Epoch == m.epoch {
		m.echoedBy(now, p, v.Sequence)
	}
}

// Ready reports whether a leader may answer an assignment at this instant: CodeOK, CodeNoLeader, or CodeNoQuorum
// when a majority of the voters is missing or does not stand by it within the lease.
func (m *Machine) Ready(now time.Time) wire.Code {
	switch {
	case !m.majorityAlive():
		return wire.CodeNoQuorum
	case m.role != wire.Leader:
		return wire.CodeNoLeader
	case !m.doubt.IsZero() || !m.leased(now):
		return wire.CodeNoQuorum
	}
	return wire.CodeOK
}

// leased reports whether a majority of the voters has echoed something sent less than a lease ago. Available mode needs none.
func (m *Machine) leased(now time.Time) bool {
	if m.c.Quorum == Available {
		return true
	}
	return m.majority(func(p *peer) bool { return p.alive() && !p.echoed.IsZero() && now.Sub(p.echoed) < m.c.Lease }, true)
}

// reassure ends the doubt of a pause when most of those in view have echoed something sent after it.
func (m *Machine) reassure() {
	if m.doubt.IsZero() {
		return
	}
	proven := func(p *peer) bool { return p.alive() && !p.echoed.Before(m.doubt) }
	if m.c.Quorum == Majority {
		if m.majority(proven, true) {
			m.doubt = time.Time{}
		}
		return
	}
	n, live := 1, m.live()
	for _, p := range live {
		if proven(p) {
			n++
		}
	}
	if 2*n > len(live)+1 {
		m.doubt = time.Time{}
	}
}

// probed reports whether p is pinged until it says what this node waits for: an answer to its campaign, or an echo. Echoes matter
// of voters in majority mode, of everybody while a pause is in doubt, and once of each whom a new leader has yet to win.
func (m *Machine) probed(p *peer) bool {
	switch {
	case !p.consulted():
		return false
	case m.role == wire.Leader:
		return m.c.Quorum == Majority || !m.doubt.IsZero() || !m.office.IsZero() && p.echoed.IsZero()
	}
	return m.polling() && p.answer == none
}

// probe pings each peer that owes an answer, and each follower whose echo has grown old. A ping names the leader as a
// heartbeat does, and what comes back shows the endpoints which earlier messages were lost.
func (m *Machine) probe(now time.Time) {
	if due(m.office, now) {
		m.office = time.Time{}
	}
	for _, p := range m.peers {
		if m.probed(p) && due(m.stale(p), now) {
			p.last = now
			m.send(p, wire.Ping{Epoch: m.epoch, Leader: m.leader})
		}
	}
}

// stale is when p is to be pinged next: its echo three fifths of a lease old, and Probe after the last attempt.
func (m *Machine) stale(p *peer) time.Time {
	old := p.echoed.Add(m.c.Lease * 3 / 5)
	if !m.doubt.IsZero() && p.echoed.Before(m.doubt) {
		old = m.doubt
	}
	if next := p.last.Add(m.c.Probe); next.After(old) {
		return next
	}
	return old
}

func (m *Machine) probeDeadline() time.Time {
	var d time.Time
	for _, p := range m.peers {
		if m.probed(p) {
			d = earliest(d, m.stale(p))
		}
	}
	return d
}
