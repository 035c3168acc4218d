package election

import (
	"time"

	"p2pnode/wire"
)

// poll is one phase of a campaign, or a leader's vote to confirm itself at a higher epoch. Answers are kept with the peers.
type poll struct {
	phase    wire.Phase
	epoch    uint64 // zero: no poll
	priority wire.Priority
	began    time.Time
	giver    wire.NodeID // vote: who has handed its office to this node; zero: nobody
}

func (m *Machine) polling() bool { return m.poll.epoch != 0 }

// question is what the poll asks each peer.
func (p poll) question() wire.Election {
	return wire.Election{Phase: p.phase, Epoch: p.epoch, Priority: p.priority, Giver: p.giver}
}

// ask begins a phase: every peer consulted is asked anew.
func (m *Machine) ask(now time.Time, phase wire.Phase, epoch uint64) {
	m.askFor(now, phase, epoch, wire.NodeID{})
}

// askFor is ask on behalf of a leader that has stepped down for this node.
func (m *Machine) askFor(now time.Time, phase wire.Phase, epoch uint64, giver wire.NodeID) {
	m.poll = poll{phase: phase, epoch: epoch, priority: m.poll.priority, began: now, giver: giver}
	for _, p := range m.peers {
		p.answer, p.last = none, now
		if p.consulted() {
			m.send(p, m.poll.question())
		}
	}
}

// settle ends the running phase if its outcome is known or its time is over.
func (m *Machine) settle(now time.Time) {
	switch {
	case !m.polling():
	case m.enough(now):
		m.won(now)
	case m.role == wire.Leader:
	case m.hopeless():
		m.hold(now)
	case !now.Before(m.poll.began.Add(m.c.Phase)):
		m.quit()
		m.plan(now.Add(m.jitter(m.c.Hold/10)), false)
	}
}

// enough reports whether the answers so far carry the phase (PROTOCOL.md §6.3). A vote also needs this node's own promise on disk.
func (m *Machine) enough(now time.Time) bool {
	if m.poll.phase == wire.Vote && m.durable < m.poll.epoch {
		return false
	}
	if m.c.Quorum == Majority {
		return m.majority(func(p *peer) bool { return p.answer == yes }, true)
	}
	given, open := m.count()
	live := m.living() + 1
	switch {
	case live == 1:
		return !now.Before(m.alone)
	case given == live:
		return true
	default:
		return 2*given > live && (open == 0 || !now.Before(m.poll.began.Add(m.c.Gather)))
	}
}

// hopeless reports whether the answers still open cannot carry a vote any more.
func (m *Machine) hopeless() bool {
	if m.poll.phase != wire.Vote {
		return false
	}
	if m.c.Quorum == Majority {
		return !m.majority(func(p *peer) bool { return p.answer != no }, true)
	}
	given, open := m.count()
	return 2*(given+open) <= m.living()+1
}

// count returns how many live nodes have granted, this one included, and how many have not answered.
func (m *Machine) count() (given, open int) {
	given = 1
	for _, p := range m.live() {
		switch p.answer {
		case yes:
			given++
		case none:
			open++
		}
	}
	return given, open
}

// won goes from pre to vote, and from vote to leadership.
func (m *Machine) won(now time.Time) {
	if m.poll.phase == wire.Pre {
		m.canvass(now)
		return
	}
	epoch := m.poll.epoch
	m.poll.epoch = 0
	m.lead(now, epoch)
}

// pollDeadline is when settle would next find something by time alone.
func (m *Machine) pollDeadline() time.Time {
	if !m.polling() || m.role == wire.Leader {
		return time.Time{}
	}
	d := m.poll.began.Add(m.c.Phase)
	if m.c.Quorum == Majority || m.poll.phase == wire.Vote && m.durable < m.poll.epoch {
		return d
	}
	if m.living() == 0 {
		return earliest(d, m.alone)
	}
	if given, _ := m.count(); 2*given > m.living()+1 {
		return earliest(d, m.poll.began.Add(m.c.Gather))
	}
	return d
}
