package election

import "p2pnode/wire"

// What is the sort of an Output.
type What uint8

const (
	Send    What = iota + 1 // deliver Message to To
	Persist                 // make (Epoch, For) durable, then call Stored(Epoch)
	Changed                 // Role, Leader or Epoch is new
)

// String returns the name of w.
func (w What) String() string { return [...]string{"none", "send", "persist", "changed"}[min(w, 3)] }

// Output is one thing the Machine wants done. Only the fields of its What are set.
type Output struct {
	What    What
	To      wire.NodeID  // Send: the receiver, never zero
	Message wire.Message // Send: a Ping comes without Sequence; the core numbers it and reports it by Sent
	Epoch   uint64       // Persist: the promised epoch; Changed: the leadership's
	For     wire.NodeID  // Persist: whom the epoch is promised to
	Role    wire.Role    // Changed
	Leader  wire.NodeID  // Changed; zero: none
}

// Status is what an observer may know of a Machine.
type Status struct {
	Role     wire.Role
	Leader   wire.NodeID // zero: none
	Epoch    uint64      // of the leadership followed or held, or of the last one
	Promised uint64      // the highest epoch granted, claimed or accepted
	Durable  uint64      // the highest epoch known to be stored
	Hint     wire.NodeID // who others say leads, when Leader is zero: good enough for LeaderQuery, never for anything else
	Live     int         // live nodes in this view, this one included
	Changes  uint64      // how often Leader changed
	Offered  wire.NodeID // to whom this leader offers the lead; zero: to nobody
}

// Status returns the present state.
func (m *Machine) Status() Status {
	return Status{
		Role: m.role, Leader: m.leader, Epoch: m.epoch, Promised: m.promised, Durable: m.durable,
		Hint: m.hint, Live: m.living() + 1, Changes: m.changes, Offered: m.offering(),
	}
}

// Beat returns what this node's Heartbeat, Ping and Pong must say of the election: without a leader the epoch is
// the promised one, so that the next candidate starts above it. echo is the sequence of the leader's newest heartbeat or ping.
func (m *Machine) Beat() (epoch uint64, leader wire.NodeID, role wire.Role, echo uint64) {
	if m.leader.IsZero() {
		return m.promised, wire.NodeID{}, m.role, 0
	}
	return m.epoch, m.leader, m.role, m.echo
}

// Take returns what has come of the calls since the last Take, in order, and forgets it.
func (m *Machine) Take() []Output {
	out := m.out
	m.out = nil
	return out
}

// send queues a message to one peer.
func (m *Machine) send(p *peer, msg wire.Message) {
	m.out = append(m.out, Output{What: Send, To: p.id, Message: msg})
}

// become sets role, leader and epoch together and reports a change.
func (m *Machine) become(role wire.Role, leader wire.NodeID, epoch uint64) {
	if role == m.role && leader == m.leader && epoch == m.epoch {
		return
	}
	if leader != m.leader {
		m.changes++
	}
	m.role, m.leader, m.epoch = role, leader, epoch
	m.out = append(m.out, Output{What: Changed, Role: role, Leader: leader, Epoch: epoch})
}
