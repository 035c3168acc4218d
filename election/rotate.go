package election

import (
	"slices"
	"time"

	"p2pnode/wire"
)

// rota is a node's part in passing the lead round (PROTOCOL.md §6.6). Nothing of it outlives a leadership, and whatever is
// lost, or whoever dies, leaves a leader in office or an ordinary election.
//
//	leader                                         next on the ring
//	  │ idle, in office for a rotation                │
//	  ├── RotateToken epoch, next ──────────────────► │ idle too, the same ledger, hears this leader
//	  │ ◄────────────────────── RotateAccept yes ─────┤
//	  │ still idle: promises next to it, on disk,     │
//	  │ and then steps down                           │
//	  ├── Grant vote next ──────────────────────────► │ promises next to itself, asks all with giver = leader
//	  │ ◄──────────────────── Coordinator next ───────┤
type rota struct {
	idle   bool   // the owner knows of no job under way
	digest uint64 // of its ledger
	count  uint32 // of the records in it

	look   time.Time   // when a leader next looks whether it may offer the lead
	last   wire.NodeID // whom it has offered it last in this leadership; zero: nobody
	number uint64      // of its offers in this leadership
	offer  offer
	heir   heir
}

// offer is one that a leader has made and that is neither refused, carried out nor over.
type offer struct {
	to       wire.NodeID // zero: there is none
	next     uint64      // the epoch promised
	until    time.Time   // without an answer, or the promise on disk, the leader stays
	accepted bool        // next is on its way to the disk
}

// heir is what a node has accepted: the lead of giver, in an epoch.
type heir struct {
	giver wire.NodeID // zero: nothing
	epoch uint64
}

// lowLoad is how many steps of load are low: below them, as among equals, nobody is busier than another.
const lowLoad = 5

// SetIdle takes what the owner knows of its jobs: whether none is under way, and what its heartbeats say of its ledger.
// A node that takes part in rotation is told before Advance, before a RotateToken or RotateAccept, and before Stored.
func (m *Machine) SetIdle(idle bool, digest uint64, count uint32) {
	m.rota.idle, m.rota.digest, m.rota.count = idle, digest, count
}

// SetAble takes from a peer's Hello whether it takes part in rotation.
func (m *Machine) SetAble(id wire.NodeID, able bool) {
	if p := m.peer(id); p != nil {
		p.able = able
	}
}

// serve begins a leadership: the time in office runs anew.
func (m *Machine) serve(now time.Time) {
	m.rota.last, m.rota.number, m.rota.offer, m.rota.heir = wire.NodeID{}, 0, offer{}, heir{}
	m.rota.look = now.Add(m.c.Rotation)
}

// rotate offers the lead when it is time, and stays in office when an offer has led to nothing.
func (m *Machine) rotate(now time.Time) {
	switch o := m.rota.offer; {
	case m.c.Rotation <= 0 || m.role != wire.Leader:
	case !o.to.IsZero():
		if due(o.until, now) {
			m.withdraw(now, m.c.Rotation)
		}
	case due(m.rota.look, now):
		m.rota.look = now.Add(m.c.Heartbeat) // by then others may be idle, or equal
		m.propose(now)
	}
}

func (m *Machine) rotateDeadline() time.Time {
	switch {
	case m.c.Rotation <= 0 || m.role != wire.Leader:
		return time.Time{}
	case m.rota.offer.to.IsZero():
		return m.rota.look
	}
	return m.rota.offer.until
}

// offering names whom an offer is out to.
func (m *Machine) offering() wire.NodeID {
	if m.role != wire.Leader {
		return wire.NodeID{}
	}
	return m.rota.offer.to
}

// propose sends the token to the next node that qualifies, if the lead may be passed on at all.
func (m *Machine) propose(now time.Time) {
	p := m.successor()
	if p == nil || !m.free(now) {
		return
	}
	m.rota.number++
	m.rota.last = p.id
	m.rota.offer = offer{to: p.id, next: m.above(), until: now.Add(m.c.Phase)}
	m.send(p, wire.RotateToken{Epoch: m.epoch, Digest: m.rota.digest, Next: m.rota.offer.next, Number: m.rota.number})
}

// withdraw ends an offer: the leader stays, and after a while asks the one after: a whole rotation later where there was no
// answer, sooner where something stood in the way that passes.
func (m *Machine) withdraw(now time.Time, rest time.Duration) {
	m.rota.offer = offer{}
	m.rota.look = now.Add(min(rest, m.c.Rotation))
}

// free reports whether a leader may pass the lead on: it may assign, does not confirm itself, and nobody has work.
func (m *Machine) free(now time.Time) bool {
	return m.Ready(now) == wire.CodeOK && !m.polling() && m.claiming == 0 && m.rota.idle && m.restful(m.c.Self)
}

// restful reports whether all live peers are heard well, take part in rotation, stand by leader, and run no job.
func (m *Machine) restful(leader wire.NodeID) bool {
	for _, p := range m.live() {
		if p.standing != Alive || !p.able || p.names != leader || p.active > 0 {
			return false
		}
	}
	return true
}

// successor is the next peer on the ring of ids that qualifies, after the one asked last; nil: none does.
func (m *Machine) successor() *peer {
	last := m.rota.last
	if last.IsZero() {
		last = m.c.Self
	}
	live := m.live()
	at := slices.IndexFunc(live, func(p *peer) bool { return p.id.Compare(last) > 0 })
	for i := range live {
		if p := live[(max(at, 0)+i)%len(live)]; m.qualifies(p) {
			return p
		}
	}
	return nil
}

// qualifies reports whether p may lead next: with the same ledger, and not busier.
func (m *Machine) qualifies(p *peer) bool {
	return p.voter && p.digest == m.rota.digest && p.count == m.rota.count && !busier(p.load, m.load)
}

// busier reports whether the load of one is above that of another, and not low.
func busier(load, than uint16) bool { return bucket(load) > max(bucket(than), lowLoad) }

// offered answers a leader's offer. Accepting it changes nothing but what a Grant of that leader would mean.
func (m *Machine) offered(now time.Time, p *peer, t wire.RotateToken) {
	if m.c.Rotation <= 0 {
		return // this node's Hello has said so
	}
	reason := m.objection(now, p, t)
	if reason == wire.CodeOK {
		m.rota.heir = heir{p.id, t.Next}
	}
	m.send(p, wire.RotateAccept{Epoch: t.Epoch, Accepted: reason == wire.CodeOK, Number: t.Number, Reason: reason})
}

// objection says why this node does not take the lead that p offers; CodeOK: it does.
func (m *Machine) objection(now time.Time, p *peer, t wire.RotateToken) wire.Code {
	switch {
	case p.id != m.leader || t.Epoch != m.epoch || !m.fresh(now):
		return wire.CodeNoLeader
	case !m.eligible():
		return wire.CodeUnauthorized
	case !m.rota.idle || !m.restful(p.id) || busier(m.load, p.load):
		return wire.CodeBusy
	case t.Next <= m.promised || t.Digest != m.rota.digest:
		return wire.CodeConflict
	}
	return wire.CodeOK
}

// answered takes the answer to the present offer. Everything is looked at once more: a job may have come meanwhile.
func (m *Machine) answered(now time.Time, p *peer, a wire.RotateAccept) {
	o := &m.rota.offer
	if m.role != wire.Leader || a.Epoch != m.epoch || p.id != o.to || a.Number != m.rota.number || o.accepted {
		return
	}
	if !a.Accepted || o.next != m.above() || !m.free(now) || !m.qualifies(p) {
		m.withdraw(now, m.c.Phase)
		return
	}
	o.accepted = true
	m.promise(o.next, p.id)
	m.handOver(now)
}

// handOver steps down for the heir once the vote for it is on disk. From here on this node can assign nothing under its epoch,
// nor ever claim it again: whoever vouched for it is free (PROTOCOL.md §6.6).
func (m *Machine) handOver(now time.Time) {
	o := m.rota.offer
	if m.role != wire.Leader || !o.accepted || m.durable < o.next {
		return
	}
	p := m.peer(o.to)
	if p == nil || m.promised != o.next || m.vote != o.to || !m.free(now) || !m.qualifies(p) {
		m.withdraw(now, m.c.Phase)
		return
	}
	m.Resign(now)
	m.send(p, wire.Grant{Phase: wire.Vote, Epoch: o.next})
}

// inherit asks for the other votes, without pre, once the leader that offered its office has given it up: its vote says so.
// Where anything has changed since, the lead is vacant like any other.
func (m *Machine) inherit(now time.Time, p *peer, g wire.Grant) {
	h := m.rota.heir
	if g.Phase != wire.Vote || h != (heir{p.id, g.Epoch}) || m.role == wire.Leader || m.answers(g.Phase, g.Epoch) {
		return
	}
	m.rota.heir, p.vouched = heir{}, time.Time{}
	if m.leader == p.id {
		m.lose(now)
		m.arm(now)
	}
	if !m.leader.IsZero() || m.promised >= g.Epoch || m.told > g.Epoch || !m.eligible() || m.voucher(now, m.c.Self) != nil {
		return
	}
	m.next = time.Time{}
	m.poll.priority = m.priority()
	m.become(wire.Candidate, wire.NodeID{}, m.epoch)
	m.promise(g.Epoch, m.c.Self)
	m.askFor(now, wire.Vote, g.Epoch, p.id)
}

// acquit ends what this node vouched to a leader that has handed its office to p. All leaderships of it that this node knows
// are below the epoch asked for, which it had promised to p before it stepped down: it can lead none of them again.
func (m *Machine) acquit(now time.Time, p *peer, e wire.Election) {
	giver := m.peer(e.Giver)
	if e.Phase != wire.Vote || giver == nil || giver == p || e.Epoch <= m.promised {
		return
	}
	giver.vouched = time.Time{}
	if m.leader == giver.id {
		m.lose(now)
	}
}
