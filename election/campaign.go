package election

import (
	"time"

	"p2pnode/wire"
)

// listen waits for a leader before it campaigns for itself (PROTOCOL.md §6.1).
func (m *Machine) listen(now time.Time) { m.plan(now.Add(m.c.Start), false) }

// arm plans a campaign after the leader's death: better candidates get a head start.
func (m *Machine) arm(now time.Time) {
	m.plan(now.Add(time.Duration(m.rank())*m.c.Rank+m.jitter(m.c.Rank/2)), true)
}

// plan sets when to campaign, but not before a hold is over.
func (m *Machine) plan(at time.Time, ranked bool) {
	if at.Before(m.rest) {
		at = m.rest
	}
	m.next, m.ranked = at, ranked
}

// rank counts the live voters that would make better candidates, up to four.
func (m *Machine) rank() int {
	n := 0
	for _, p := range m.peers {
		if p.consulted() && p.priority().Compare(m.priority()) < 0 {
			n++
		}
	}
	return min(n, 4)
}

// start does what was planned: a campaign, unless a leader has been found or is not yet given up.
func (m *Machine) start(now time.Time) {
	m.next = time.Time{}
	switch {
	case !m.leader.IsZero() || m.polling() || !m.eligible():
	case !m.ranked:
		m.arm(now)
	default:
		m.campaign(now)
	}
}

// eligible reports whether this node may become leader.
func (m *Machine) eligible() bool { return !m.retired && m.voter(m.c.Self) }

// campaign opens the pre phase, which raises no epoch, with a priority frozen until it ends.
func (m *Machine) campaign(now time.Time) {
	m.next = time.Time{}
	m.poll.priority = m.priority()
	m.become(wire.Candidate, wire.NodeID{}, m.epoch)
	m.ask(now, wire.Pre, m.above())
	m.settle(now)
}

// above is the lowest epoch that nobody is known to have used.
func (m *Machine) above() uint64 { return max(m.promised, m.told) + 1 }

// canvass opens the vote phase: this node's own vote is the first, and is made durable like every other.
func (m *Machine) canvass(now time.Time) {
	if m.voucher(now, m.c.Self) != nil {
		m.hold(now)
		return
	}
	epoch := m.above()
	m.promise(epoch, m.c.Self)
	m.ask(now, wire.Vote, epoch)
	m.settle(now)
}

// quit ends a campaign without success; a leader that confirms itself stays leader.
func (m *Machine) quit() {
	m.poll.epoch = 0
	if m.role == wire.Candidate {
		m.become(wire.Follower, m.leader, m.epoch)
	}
}

// hold gives up the running phase and rests before the next (PROTOCOL.md §6.3).
func (m *Machine) hold(now time.Time) { m.holdFor(now, m.pause()) }

func (m *Machine) holdFor(now time.Time, d time.Duration) {
	m.quit()
	m.rest = now.Add(d)
	m.plan(m.rest, true)
}

// pause draws the length of a hold.
func (m *Machine) pause() time.Duration { return m.c.Hold*4/5 + m.jitter(m.c.Hold/5) }

// granted counts a grant.
func (m *Machine) granted(now time.Time, p *peer, g wire.Grant) {
	m.inherit(now, p, g)
	if !m.answers(g.Phase, g.Epoch) {
		return
	}
	p.answer = yes
	m.settle(now)
}

// outranked holds: a better candidate has been heard of.
func (m *Machine) outranked(now time.Time, _ *peer, a wire.Alive) {
	if m.answers(a.Phase, a.Epoch) && m.role == wire.Candidate {
		m.hold(now)
	}
}

// refused holds, longer each time in a row: somebody hears a living leader that this node does not.
func (m *Machine) refused(now time.Time, p *peer, l wire.LeaderAlive) {
	m.told = max(m.told, l.Reign)
	if !m.answers(l.Phase, l.Epoch) {
		return
	}
	if m.role == wire.Leader {
		p.answer = no
		return
	}
	m.hint = l.Leader
	d := min(m.pause()<<min(m.refusals, 8), m.c.MaxHold)
	m.refusals++
	m.holdFor(now, d)
}

// behind learns of a higher promise: a pre begins again above it, a vote may be lost by it, and a leader confirms itself.
func (m *Machine) behind(now time.Time, p *peer, b wire.EpochBehind) {
	m.told = max(m.told, b.Promised)
	switch {
	case b.Phase == 0:
		if m.role == wire.Leader && b.Epoch == m.epoch && b.Promised > m.epoch {
			m.confirm(now)
		}
	case !m.answers(b.Phase, b.Epoch):
	case b.Phase == wire.Vote:
		p.answer = no
		m.settle(now)
	case b.Promised >= m.poll.epoch:
		m.ask(now, wire.Pre, m.above())
	}
}

// answers reports whether an answer is to the running phase.
func (m *Machine) answers(phase wire.Phase, epoch uint64) bool {
	return m.polling() && m.poll.phase == phase && m.poll.epoch == epoch
}

// calm ends the doubling of holds once another peer's heartbeat names no leader either.
func (m *Machine) calm(now time.Time) {
	if m.refusals == 0 || m.role == wire.Leader || m.polling() {
		return
	}
	m.refusals = 0
	if at := now.Add(m.pause()); m.next.After(at) {
		m.rest = at
		m.plan(at, true)
	}
}
