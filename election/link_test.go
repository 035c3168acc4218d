package election

import (
	"time"

	"p2pnode/wire"
)

// link is one node's session with another: its failure detector and its retransmissions.
type link struct {
	n    *node
	to   int
	boot int // of the peer; zero: no session

	standing Standing
	heard    time.Time
	extra    time.Duration // by which its death is put off
	proofs   int
	pinged   time.Time
	asked    time.Time
	hello    time.Time // when to say Hello next
	since    time.Time // dead since

	id      uint64
	unacked []*transmission
	seen    map[uint64]bool
	relay   map[uint64]int // ping sequence → who asked for it
}

type transmission struct {
	packet
	tries int
	at    time.Time
	rto   time.Duration
}

func (l *link) alive() bool { return l.standing == Alive || l.standing == Suspected }

// out sends p to the boot of the session.
func (l *link) out(p packet) {
	p.dest = l.boot
	l.post(p)
}

func (l *link) post(p packet) {
	p.from, p.to, p.boot = l.n.i, l.to, l.n.boot
	l.n.c.transmit(p)
}

func (l *link) send(msg wire.Message) { l.out(packet{msg: msg}) }

func (l *link) ping(p wire.Ping) {
	l.n.seq++
	p.Sequence = l.n.seq
	p.Epoch, p.Leader, _, _ = l.n.m.Beat()
	l.n.m.Sent(l.n.c.now, p.Sequence, l.n.c.nodes[l.to].id)
	l.send(p)
}

// reliable sends msg until it is acknowledged, twelve times at most.
func (l *link) reliable(msg wire.Message) {
	l.id++
	t := &transmission{packet: packet{id: l.id, msg: msg}, rto: 60 * time.Millisecond}
	l.unacked = append(l.unacked, t)
	l.transmit(t)
}

func (l *link) transmit(t *transmission) {
	t.tries++
	t.at = l.n.c.now.Add(t.rto + l.n.c.some(t.rto/4))
	t.rto = min(t.rto*3/2, 2*time.Second)
	l.out(t.packet)
}

// receive takes a datagram of the peer. Only one of a known session, to this boot, is proof of life; Hello never is.
func (l *link) receive(p packet) {
	switch {
	case p.hello == 1:
		if l.boot != p.boot {
			l.die()
			l.boot, l.hello = 0, l.n.c.now
		}
		l.post(packet{hello: 2, dest: p.boot})
	case p.dest != l.n.boot:
	case p.hello == 2:
		if l.boot != p.boot {
			l.die()
			l.boot, l.seen, l.relay = p.boot, map[uint64]bool{}, map[uint64]int{}
		}
		l.proof()
	case l.boot == p.boot:
		l.proof()
		l.content(p)
	}
}

func (l *link) proof() {
	l.heard, l.extra, l.proofs = l.n.c.now, 0, 0
	l.set(Alive)
	l.n.m.Heard(l.n.c.now, l.n.c.nodes[l.to].id)
}

func (l *link) set(s Standing) {
	if l.standing == s {
		return
	}
	l.standing = s
	l.n.m.Member(l.n.c.now, l.n.c.nodes[l.to].id, s)
	l.n.m.SetAble(l.n.c.nodes[l.to].id, l.n.c.nodes[l.to].rotation() > 0)
}

func (l *link) die() {
	if l.alive() {
		l.unacked, l.since, l.hello = nil, l.n.c.now, l.n.c.now
		l.set(Dead)
	}
}

// content takes what an authenticated datagram of the session carries.
func (l *link) content(p packet) {
	if p.ack != 0 {
		l.acknowledged(p.ack)
		return
	}
	if p.id != 0 {
		l.out(packet{ack: p.id})
		if l.seen[p.id] {
			return
		}
		l.seen[p.id] = !l.n.c.dup // a script may ask for every handler to run twice
	}
	n, now, from := l.n, l.n.c.now, l.n.c.nodes[l.to].id
	switch v := p.msg.(type) {
	case wire.Leave:
		l.unacked, l.since, l.hello = nil, now, now
		l.set(Left)
	case wire.PingReq:
		target := n.links[n.c.node(v.Target).i]
		if target.alive() {
			target.ping(wire.Ping{})
			target.relay[n.seq] = l.to
		}
	case wire.Ping:
		n.m.Receive(now, from, v)
		epoch, leader, _, _ := n.m.Beat()
		l.send(wire.Pong{Sequence: v.Sequence, Epoch: epoch, Leader: leader})
	case wire.Pong:
		l.pong(v)
		n.m.Receive(now, from, v)
	default:
		n.m.Receive(now, from, v)
	}
}

// pong passes proof of a third node's life on to who asked, or takes it: that moves a death, and proves nothing else.
func (l *link) pong(v wire.Pong) {
	n := l.n
	if asker, ok := l.relay[v.Sequence]; ok && v.Target.IsZero() {
		delete(l.relay, v.Sequence)
		if n.links[asker].alive() {
			n.links[asker].send(wire.Pong{Sequence: v.Sequence, Target: n.c.nodes[l.to].id})
		}
	}
	if t := n.c.node(v.Target); t != nil && t.i != n.i {
		if other := n.links[t.i]; other.standing == Suspected && other.proofs < 4 {
			other.proofs++
			other.extra += 300 * time.Millisecond
		}
	}
}

func (l *link) acknowledged(id uint64) {
	for i, t := range l.unacked {
		if t.id == id {
			l.unacked = append(l.unacked[:i], l.unacked[i+1:]...)
			return
		}
	}
}

// advance does what is due: Hello to the dead, probes of the silent, retransmissions.
func (l *link) advance() {
	now, c := l.n.c.now, l.n.m.c
	if !l.alive() {
		if !now.Before(l.hello) {
			every := 40 * time.Millisecond
			if now.Sub(l.since) > 2*time.Second {
				every = 250 * time.Millisecond
			}
			l.hello = now.Add(every)
			l.post(packet{hello: 1})
		}
		return
	}
	if silence := now.Sub(l.heard); silence >= c.Suspect {
		l.set(Suspected)
		if silence >= l.limit() {
			l.die()
			return
		}
		l.probe()
	}
	for len(l.unacked) > 0 && l.unacked[0].tries >= 12 {
		l.unacked = l.unacked[1:]
	}
	for _, t := range l.unacked {
		if !now.Before(t.at) {
			l.transmit(t)
		}
	}
}

func (l *link) probe() {
	now := l.n.c.now
	if !now.Before(l.pinged.Add(l.pace())) {
		l.pinged = now
		l.ping(wire.Ping{})
	}
	if !now.Before(l.asked.Add(200 * time.Millisecond)) {
		l.asked = now
		for _, o := range l.n.links {
			if o != l && o.alive() {
				o.send(wire.PingReq{Target: l.n.c.nodes[l.to].id})
			}
		}
	}
}

// pace is the time between pings, of which the last come faster.
func (l *link) pace() time.Duration {
	if l.heard.Add(l.limit()).Sub(l.n.c.now) <= l.n.m.c.Dead*2/5 {
		return 8 * time.Millisecond
	}
	return 40 * time.Millisecond
}

// limit is the silence that means death: twice as long while this node hears nobody.
func (l *link) limit() time.Duration {
	live, heard := 0, 0
	for _, o := range l.n.links {
		if o.alive() {
			live++
			if l.n.c.now.Sub(o.heard) < l.n.m.c.Suspect {
				heard++
			}
		}
	}
	d := l.n.m.c.Dead + l.extra
	if heard == 0 && (live >= 2 || l.n.c.quorum == Majority) {
		d = max(d, 2*l.n.m.c.Dead)
	}
	return d
}

func (l *link) deadline() time.Time {
	if !l.alive() {
		return l.hello
	}
	d := l.heard.Add(l.n.m.c.Suspect)
	if l.standing == Suspected {
		d = earliest(l.heard.Add(l.limit()), l.pinged.Add(l.pace()))
		if !d.After(l.n.c.now) {
			d = l.n.c.now.Add(time.Millisecond)
		}
	}
	for _, t := range l.unacked {
		d = earliest(d, t.at)
	}
	return d
}
