package election

import (
	"slices"
	"time"

	"p2pnode/wire"
)

// grant is a vote that waits for its epoch to be durable.
type grant struct {
	epoch uint64
	to    wire.NodeID
}

// election answers a candidate. The order of the rules matters: a living leader first, then epochs, then priorities.
func (m *Machine) election(now time.Time, p *peer, e wire.Election) {
	if e.Phase == wire.Vote {
		m.told = max(m.told, e.Epoch) // a pre raises nothing
	}
	if now.Before(m.silent) {
		p.asked = e
		return
	}
	if !m.voter(m.c.Self) || !p.voter || m.outdated(now, p, e) {
		return
	}
	m.acquit(now, p, e)
	if l := m.voucher(now, p.id); l != nil {
		m.send(p, wire.LeaderAlive{Phase: e.Phase, Epoch: e.Epoch, Leader: *l, Reign: m.epoch})
		return
	}
	if e.Epoch < m.promised || e.Epoch == m.promised && m.vote != p.id {
		m.send(p, wire.EpochBehind{Phase: e.Phase, Epoch: e.Epoch, Promised: m.promised})
		return
	}
	if e.Phase == wire.Pre {
		m.answerPre(now, p, e)
		return
	}
	m.answerVote(now, p, e)
}

// speak ends the silence after a restart and answers the newest question of each candidate, which its endpoint delivers only once.
func (m *Machine) speak(now time.Time) {
	m.silent = time.Time{}
	for _, p := range m.live() {
		if e := p.asked; e.Epoch != 0 {
			p.asked = wire.Election{}
			m.election(now, p, e)
		}
	}
}

// outdated reports whether the leader followed asked this before it became leader. A later pre of it means that it leads no more.
func (m *Machine) outdated(now time.Time, p *peer, e wire.Election) bool {
	if p.id != m.leader {
		return false
	}
	if e.Phase == wire.Pre && e.Epoch > m.epoch {
		p.vouched = time.Time{}
		m.lose(now)
		return false
	}
	return e.Epoch <= m.epoch
}

// voucher returns a leader, other than candidate, that this node must stand by: itself, or one whose own datagrams
// it heard less than Suspect ago. In majority mode one it has left since counts as well: its lease may still run (PROTOCOL.md §6 L5).
func (m *Machine) voucher(now time.Time, candidate wire.NodeID) *wire.NodeID {
	if m.role == wire.Leader && candidate != m.c.Self {
		return &m.c.Self
	}
	if m.fresh(now) && m.leader != candidate && m.leader != m.c.Self {
		return &m.leader
	}
	if m.c.Quorum == Available {
		return nil
	}
	for _, p := range m.peers {
		if p.id != candidate && !p.vouched.IsZero() && now.Sub(p.vouched) < m.c.Suspect {
			return &p.id
		}
	}
	return nil
}

// answerPre lets a better candidate object once per epoch; then, or without one, it grants (PROTOCOL.md §6.2).
func (m *Machine) answerPre(now time.Time, p *peer, e wire.Election) {
	if p.yielded < e.Epoch && m.objects(now, e.Priority) {
		p.yielded = e.Epoch
		m.send(p, wire.Alive{Phase: e.Phase, Epoch: e.Epoch})
		m.rise(now, e.Priority)
		return
	}
	m.send(p, wire.Grant{Phase: e.Phase, Epoch: e.Epoch})
	if m.polling() && m.poll.priority.Compare(e.Priority) < 0 {
		return // p may not have heard the better candidate that this node is: both giving up would elect nobody
	}
	m.favour, m.favoured = now.Add(m.c.Hold), e.Priority
	m.stand(now)
}

// objects reports whether a better candidate than q is known: this node, or the one it granted lately.
func (m *Machine) objects(now time.Time, q wire.Priority) bool {
	return m.stands(now, q) || now.Before(m.favour) && m.favoured.Compare(q) < 0
}

// stands reports whether this node is better than q and campaigns, or is free to. In majority mode it must hold a majority
// alive: else a node that can win nothing would keep others from it.
func (m *Machine) stands(now time.Time, q wire.Priority) bool {
	if !m.eligible() || !m.majorityAlive() {
		return false
	}
	if m.polling() {
		return m.poll.priority.Compare(q) < 0
	}
	return !now.Before(m.rest) && m.priority().Compare(q) < 0
}

// rise makes a node that has objected for itself campaign: the best at once, the others after their head start, so that
// not all who are better than one candidate flood the cluster together.
func (m *Machine) rise(now time.Time, q wire.Priority) {
	switch {
	case m.polling() || !m.stands(now, q):
	case m.rank() == 0:
		m.campaign(now)
	default:
		m.lose(now)
		m.arm(now)
	}
}

// stand aside after a grant: a pre of its own is given up, a vote is not.
func (m *Machine) stand(now time.Time) {
	if m.polling() && m.poll.phase == wire.Vote && m.poll.epoch >= m.promised {
		return
	}
	m.hold(now)
}

// answerVote promises the epoch to p and grants once that is durable (PROTOCOL.md §6 L1). Whom this node followed is
// left with the promise, unless it is p.
func (m *Machine) answerVote(now time.Time, p *peer, e wire.Election) {
	if m.leader != p.id {
		m.lose(now)
	}
	m.promise(e.Epoch, p.id)
	m.favour, m.favoured = now.Add(m.c.Hold), e.Priority
	if g := (grant{e.Epoch, p.id}); !slices.Contains(m.waiting, g) {
		m.waiting = append(m.waiting, g)
	}
	m.release()
	if m.leader.IsZero() {
		m.stand(now)
	}
}

// promise raises the promised epoch and asks for it to be stored.
func (m *Machine) promise(epoch uint64, to wire.NodeID) {
	if epoch <= m.promised {
		return
	}
	m.promised, m.vote = epoch, to
	m.out = append(m.out, Output{What: Persist, Epoch: epoch, For: to})
}

// Stored says that a promise, and with it every lower one, is durable: what waited for it is released.
func (m *Machine) Stored(now time.Time, epoch uint64) {
	m.durable = max(m.durable, min(epoch, m.promised))
	m.release()
	m.confirmStored(now)
	m.handOver(now)
	m.settle(now)
}

// release sends the grants whose epoch is durable. Each is sent once per question.
func (m *Machine) release() {
	rest := m.waiting[:0]
	for _, g := range m.waiting {
		p := m.peer(g.to)
		switch {
		case g.epoch > m.durable:
			rest = append(rest, g)
		case p != nil && p.alive():
			m.send(p, wire.Grant{Phase: wire.Vote, Epoch: g.epoch})
		}
	}
	m.waiting = rest
}
