package election

import (
	"math/rand/v2"
	"time"

	"p2pnode/wire"
)

// node stands in for the core: heartbeats, failure detection (PROTOCOL.md §7), and reliable delivery in short.
type node struct {
	c    *cluster
	i    int
	id   wire.NodeID
	name string

	up     bool
	boot   int
	m      *Machine
	links  []*link
	seq    uint64
	beat   time.Time
	wakeAt time.Time
	load   uint16
	jobs   uint16
	digest uint64
	old    bool // does not know of rotation

	began    bool // has a store
	promised uint64
	vote     wire.NodeID
	pending  []Output // Persists under way

	frozen time.Time // paused until
	asleep time.Duration
}

// packet is a datagram. Its zero message with ack set is only an acknowledgement.
type packet struct {
	from, to   int
	boot, dest int    // sender's boot, and the boot it believes the receiver to have
	hello      int    // 1 Hello, 2 HelloAck
	id         uint64 // not zero: to be acknowledged
	ack        uint64
	msg        wire.Message
}

func (n *node) start() {
	n.boot++
	n.up, n.seq, n.pending, n.frozen = true, 0, nil, time.Time{}
	n.m = New(n.c.now, Config{
		Self: n.id, Quorum: n.c.quorum, Voters: n.c.voters, Promised: n.promised, Vote: n.vote, Fresh: !n.began,
		Load: n.load, Rotation: n.rotation(), Rand: rand.New(rand.NewPCG(n.c.rng.Uint64(), uint64(n.i))),
	})
	n.began = true
	n.calm()
	n.links = nil
	for i := range n.c.nodes {
		n.links = append(n.links, &link{n: n, to: i, hello: n.c.now, since: n.c.now})
	}
	n.beat = n.c.now.Add(n.c.some(n.m.c.Heartbeat))
	n.wakeAt = time.Time{}
	n.flush()
}

// rotation is how long it leads.
func (n *node) rotation() time.Duration {
	if n.old {
		return 0
	}
	return n.c.rotation
}

// calm tells the machine of jobs and ledger.
func (n *node) calm() {
	if n.up {
		n.m.SetIdle(n.jobs == 0, n.digest, 1)
	}
}

func (n *node) crash() { n.up = false }

// leave is a graceful stop.
func (n *node) leave() {
	n.m.Retire(n.c.now)
	n.flush()
	for _, l := range n.links {
		if l.alive() {
			l.reliable(wire.Leave{})
		}
	}
	n.up = false
}

// event lets the node act on one event; a paused node takes it up when it wakes, datagrams first.
func (n *node) event(e event) {
	now := n.c.now
	if now.Before(n.frozen) {
		e.at = n.frozen
		if e.pkt == nil {
			e.at = n.frozen.Add(1)
		}
		n.c.push(e)
		return
	}
	if n.asleep > 0 {
		n.m.Paused(now, n.asleep)
		for _, l := range n.links {
			l.extra += n.m.c.Dead
		}
		n.asleep = 0
	}
	switch {
	case e.store != 0:
		n.commit(e.store)
	case e.pkt != nil:
		n.links[e.pkt.from].receive(*e.pkt)
		if n.c.dup {
			n.links[e.pkt.from].receive(*e.pkt)
		}
	default:
		n.wakeAt = time.Time{}
		n.advance()
	}
	n.flush()
}

// commit makes promises durable.
func (n *node) commit(epoch uint64) {
	for _, o := range n.pending {
		if o.Epoch <= epoch && o.Epoch > n.promised {
			n.promised, n.vote = o.Epoch, o.For
		}
	}
	n.m.Stored(n.c.now, epoch)
}

func (n *node) advance() {
	now := n.c.now
	for _, l := range n.links {
		if l.to != n.i {
			l.advance()
		}
	}
	if !now.Before(n.beat) {
		n.beat = now.Add(n.m.c.Heartbeat)
		n.heartbeat()
	}
	n.m.Advance(now)
}

func (n *node) heartbeat() {
	n.seq++
	n.m.Sent(n.c.now, n.seq, wire.NodeID{})
	epoch, leader, role, echo := n.m.Beat()
	for _, l := range n.links {
		if l.alive() {
			l.send(wire.Heartbeat{Sequence: n.seq, Epoch: epoch, Leader: leader, Role: role, Echo: echo, Load: wire.Load{Score: n.load, Active: n.jobs}, Digest: n.digest, Count: 1})
		}
	}
}

// flush does what the machine wants and sets the next wake.
func (n *node) flush() {
	for _, o := range n.m.Take() {
		n.c.check.output(n, o)
		if o.What == Changed && o.Leader.IsZero() && n.rotation() > 0 {
			n.beat = n.c.now // who has stepped down says so at once
		}
		switch o.What {
		case Send:
			n.deliver(n.links[n.c.node(o.To).i], o.Message)
		case Persist:
			n.pending = append(n.pending, o)
			n.c.push(event{at: n.c.now.Add(n.c.fsync + n.c.some(n.c.slack)), node: n.i, boot: n.boot, store: o.Epoch})
		}
	}
	d := earliest(n.m.Deadline(), n.beat)
	for _, l := range n.links {
		if l.to != n.i {
			d = earliest(d, l.deadline())
		}
	}
	if n.wakeAt.IsZero() || d.Before(n.wakeAt) {
		n.wakeAt = later(d, n.c.now.Add(1))
		n.c.push(event{at: n.wakeAt, node: n.i, boot: n.boot})
	}
}

func (n *node) deliver(l *link, msg wire.Message) {
	switch v := msg.(type) {
	case wire.Ping:
		l.ping(v)
	case wire.EpochBehind:
		if v.Phase == 0 {
			l.send(v)
			return
		}
		l.reliable(v)
	default:
		l.reliable(v)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
