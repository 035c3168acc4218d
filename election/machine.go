package election

import (
	"time"

	"p2pnode/wire"
)

// Machine is one node's part in the election. It is pure: no clock, no goroutine, no lock; its owner calls it from one place.
type Machine struct {
	c       Config
	born    time.Time
	peers   []*peer // sorted by id
	out     []Output
	load    uint16 // newest own score, centi-percent
	retired bool   // never campaigns again

	role    wire.Role
	leader  wire.NodeID // zero: none
	epoch   uint64      // of the leadership followed or held
	changes uint64
	hint    wire.NodeID

	evidence time.Time // when the leader followed was last heard itself
	echo     uint64    // the newest sequence heard from it

	promised uint64 // never falls
	vote     wire.NodeID
	durable  uint64  // promises up to here are stored
	waiting  []grant // given once their epoch is durable
	told     uint64  // highest epoch anybody spoke of

	poll     poll      // running when its epoch is not zero
	next     time.Time // when to campaign; zero: not planned
	ranked   bool      // next already contains this candidate's rank
	rest     time.Time // no campaign before
	refusals int       // leader-alive answers in a row
	favoured wire.Priority
	favour   time.Time // until then favoured, granted lately, is expected to win
	silent   time.Time // no Election is answered before (majority mode, after a restart)
	alone    time.Time // without a live peer, consent is complete from here on

	claiming  uint64    // a leader waits for this epoch to be durable, to confirm itself
	confirmed time.Time // when it last began to
	office    time.Time // until then a new leader makes sure that all have heard of it
	stepdown  time.Time // when a leader without a majority alive gives up; zero: it has one
	doubt     time.Time // only what was sent from here on proves anything (after a pause)

	rota rota
}

// New returns a Machine that has heard of nobody yet.
func New(now time.Time, c Config) *Machine {
	c = c.withDefaults()
	m := &Machine{c: c, born: now, load: c.Load, promised: c.Promised, durable: c.Promised, vote: c.Vote, epoch: c.Promised}
	m.alone = now.Add(c.Alone)
	if c.Quorum == Majority && !c.Fresh {
		m.silent = now.Add(c.Suspect) // PROTOCOL.md §6 L1
	}
	m.listen(now)
	return m
}

// Receive takes one message of a peer the core holds alive. Messages of others, and kinds that are not the election's, are ignored.
func (m *Machine) Receive(now time.Time, from wire.NodeID, msg wire.Message) {
	p := m.peer(from)
	if p == nil || !p.alive() || !m.credible(now, msg) {
		return
	}
	switch v := msg.(type) {
	case wire.Heartbeat:
		m.heartbeat(now, p, v)
	case wire.Ping:
		m.ping(now, p, v)
	case wire.Pong:
		m.pong(now, p, v)
	case wire.Election:
		m.election(now, p, v)
	case wire.Coordinator:
		m.coordinator(now, p, v)
	case wire.Grant:
		m.granted(now, p, v)
	case wire.Alive:
		m.outranked(now, p, v)
	case wire.LeaderAlive:
		m.refused(now, p, v)
	case wire.EpochBehind:
		m.behind(now, p, v)
	case wire.RotateToken:
		m.offered(now, p, v)
	case wire.RotateAccept:
		m.answered(now, p, v)
	}
}

// Advance does what is due at now.
func (m *Machine) Advance(now time.Time) {
	if due(m.silent, now) {
		m.speak(now)
	}
	if due(m.stepdown, now) {
		m.Resign(now)
	}
	m.settle(now)
	if due(m.next, now) {
		m.start(now)
	}
	m.probe(now)
	m.rotate(now)
}

// Deadline returns when Advance is next needed; zero means never.
func (m *Machine) Deadline() time.Time {
	d := earliest(earliest(m.next, m.stepdown), m.silent)
	d = earliest(earliest(d, m.pollDeadline()), m.rotateDeadline())
	return earliest(d, m.probeDeadline())
}

// SetLoad takes the node's newest score, in centi-percent. The next campaign uses it; a running one does not.
func (m *Machine) SetLoad(score uint16) { m.load = score }

// Paused says that the loop was late by gap. What fell due meanwhile is put off, since the answers may lie unread, and a
// gap longer than the lease suspends assigning until a round of probes has returned (PROTOCOL.md §6 L5, §7).
func (m *Machine) Paused(now time.Time, gap time.Duration) {
	late := min(gap, m.c.Dead)
	for _, t := range []*time.Time{&m.next, &m.stepdown, &m.alone, &m.poll.began} {
		if !t.IsZero() {
			*t = t.Add(late)
		}
	}
	if gap > m.c.Lease && m.role == wire.Leader {
		m.doubt = now
		m.reassure()
		m.probe(now)
	}
}

// priority is what this node would campaign with now.
func (m *Machine) priority() wire.Priority {
	return wire.Priority{Bucket: bucket(m.load), ID: m.c.Self}
}

// jitter draws a duration below d.
func (m *Machine) jitter(d time.Duration) time.Duration {
	return time.Duration(m.c.Rand.Int64N(max(1, int64(d))))
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// earliest returns the earlier of two deadlines, zero being never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
