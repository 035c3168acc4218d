package election

import (
	"time"

	"p2pnode/wire"
)

// heartbeat takes what a peer says of the election. An older one than was already seen says nothing.
func (m *Machine) heartbeat(now time.Time, p *peer, h wire.Heartbeat) {
	m.told = max(m.told, h.Epoch)
	if h.Leader == m.c.Self && h.Epoch == m.epoch {
		m.echoedBy(now, p, h.Echo)
	}
	if h.Sequence <= p.sequence {
		return
	}
	p.sequence, p.names, p.load = h.Sequence, h.Leader, h.Load.Score
	p.active, p.digest, p.count = h.Load.Active, h.Digest, h.Count
	if h.Leader.IsZero() {
		m.calm(now)
	}
	if h.Leader != p.id {
		m.disclaimed(now, p)
		return
	}
	m.claimed(now, p, h.Epoch, false)
	p.numbered = true
	if m.behindUs(now, p, h.Epoch) {
		m.send(p, wire.EpochBehind{Epoch: h.Epoch, Promised: m.promised})
	}
}

// ping is a claim too, so that a leader's probe can renew what a lost heartbeat could not.
func (m *Machine) ping(now time.Time, p *peer, v wire.Ping) {
	m.told = max(m.told, v.Epoch)
	if v.Sequence <= p.sequence {
		return
	}
	p.sequence = v.Sequence
	if v.Leader == p.id {
		m.claimed(now, p, v.Epoch, false)
		p.numbered = true
	}
}

// coordinator is a leadership announced: the only claim that makes a follower leave a leader it hears.
func (m *Machine) coordinator(now time.Time, p *peer, c wire.Coordinator) {
	m.told = max(m.told, c.Epoch)
	if c.Leader != p.id {
		return
	}
	m.claimed(now, p, c.Epoch, true)
	if m.behindUs(now, p, c.Epoch) {
		m.send(p, wire.EpochBehind{Epoch: c.Epoch, Promised: m.promised})
	}
}

// claimed weighs that p itself says it leads (PROTOCOL.md §6.4, L2). Nobody elects one without a vote.
func (m *Machine) claimed(now time.Time, p *peer, epoch uint64, announced bool) {
	switch {
	case !p.voter:
	case m.role == wire.Leader:
		m.contest(now, p, epoch, announced)
	case p.id == m.leader && epoch >= m.epoch:
		m.follow(now, p, epoch)
	case p.id == m.leader || epoch < m.promised:
	case !m.fresh(now):
		m.follow(now, p, epoch)
	case epoch > m.epoch && (announced || m.c.Quorum == Majority):
		m.follow(now, p, epoch)
	}
}

// behindUs reports whether p, which claims to lead at epoch, must be told of a higher promise: only while no leader is fresh.
func (m *Machine) behindUs(now time.Time, p *peer, epoch uint64) bool {
	return m.role != wire.Leader && p.voter && epoch < m.promised && !m.fresh(now)
}

// follow makes p the leader, or hears it again. The epoch is promised to it without a wait: nothing is granted by that.
func (m *Machine) follow(now time.Time, p *peer, epoch uint64) {
	if p.id != m.leader || epoch != m.epoch || m.role != wire.Follower {
		m.poll.epoch, m.claiming = 0, 0
		m.stepdown, m.doubt = time.Time{}, time.Time{}
		m.promise(epoch, p.id)
		m.become(wire.Follower, p.id, epoch)
		m.echo, p.numbered = 0, false
	}
	m.next, m.rest, m.favour, m.refusals, m.hint = time.Time{}, time.Time{}, time.Time{}, 0, wire.NodeID{}
	m.evidence, p.vouched = now, now
	m.echo = max(m.echo, p.sequence)
}

// fresh reports whether there is a leader whose own datagrams are younger than Suspect.
func (m *Machine) fresh(now time.Time) bool {
	return m.role == wire.Leader || !m.leader.IsZero() && now.Sub(m.evidence) < m.c.Suspect
}

// disclaimed drops p as leader when its own heartbeat claims that no more. If it names nobody it has resigned, and
// a campaign is due; otherwise the one it follows will be heard.
//
// A Coordinator may overtake the last heartbeat from before it, so until a numbered claim has followed, one is ignored.
func (m *Machine) disclaimed(now time.Time, p *peer) {
	if p.id == m.leader && !p.numbered {
		p.numbered = true
		return
	}
	p.rival, p.vouched = time.Time{}, time.Time{}
	if p.id != m.leader {
		return
	}
	m.lose(now)
	if p.names.IsZero() {
		m.arm(now)
	}
}

// lose leaves the leader followed and listens for another. Its epoch remains the last one known.
func (m *Machine) lose(now time.Time) {
	if m.role == wire.Follower && !m.leader.IsZero() {
		m.become(wire.Follower, wire.NodeID{}, m.epoch)
		m.listen(now)
	}
}
