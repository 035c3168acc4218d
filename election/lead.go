package election

import (
	"time"

	"p2pnode/wire"
)

// lead takes office, or goes on in it, at an epoch that is durable, and tells every live peer.
func (m *Machine) lead(now time.Time, epoch uint64) {
	m.next, m.rest, m.favour, m.refusals, m.hint = time.Time{}, time.Time{}, time.Time{}, 0, wire.NodeID{}
	if m.role != wire.Leader {
		m.poll.priority, m.office = m.priority(), now.Add(m.c.Phase)
		for _, p := range m.peers {
			p.sent, p.echoed, p.last, p.rival = nil, time.Time{}, time.Time{}, time.Time{}
		}
	}
	m.become(wire.Leader, m.c.Self, epoch)
	m.serve(now)
	for _, p := range m.live() {
		m.send(p, wire.Coordinator{Epoch: epoch, Leader: m.c.Self, Priority: m.poll.priority})
	}
	m.quorate(now)
	m.probe(now)
}

// confirm raises this leader's epoch above every promise it was told of (PROTOCOL.md §6 L2): in available mode
// on its own, in majority mode by a vote, for which it stays leader and which it repeats at most once a second.
func (m *Machine) confirm(now time.Time) {
	if m.c.Quorum == Available {
		if m.claiming > m.told {
			return
		}
		m.claiming = m.above()
		m.promise(m.claiming, m.c.Self)
		return
	}
	if m.polling() && now.Sub(m.confirmed) < m.c.Again {
		return
	}
	m.confirmed = now
	m.canvass(now)
}

// confirmStored finishes what confirm began in available mode.
func (m *Machine) confirmStored(now time.Time) {
	if m.claiming == 0 || m.durable < m.claiming || m.role != wire.Leader {
		return
	}
	epoch := m.claiming
	m.claiming = 0
	m.lead(now, epoch)
}

// quorate begins or ends the grace of a leader that no longer holds a majority alive. Until it is over the core's
// Hellos and this leader's pings are the probe that PROTOCOL.md §6 L4 asks for.
func (m *Machine) quorate(now time.Time) {
	switch {
	case m.role != wire.Leader || m.majorityAlive():
		m.stepdown = time.Time{}
	case m.stepdown.IsZero():
		m.stepdown = now.Add(m.c.Lease)
	}
}

// Resign drops leadership or candidacy at once: the next heartbeat says so. It may be elected again after a rest.
func (m *Machine) Resign(now time.Time) {
	m.claiming, m.stepdown, m.doubt = 0, time.Time{}, time.Time{}
	m.holdFor(now, max(m.pause(), m.c.Start))
	m.become(wire.Follower, wire.NodeID{}, m.epoch)
}

// Retire is Resign for good: this node votes and follows, and never campaigns again.
func (m *Machine) Retire(now time.Time) {
	m.retired = true
	m.Resign(now)
}

// Return ends what Retire began: this node campaigns again when there is need.
func (m *Machine) Return(now time.Time) {
	m.retired = false
	if m.leader.IsZero() && !m.polling() {
		m.listen(now)
	}
}
