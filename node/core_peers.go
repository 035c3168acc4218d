package node

import (
	"net/netip"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// peer is one other server, as this one has experienced it.
type peer struct {
	id       wire.NodeID
	name     string
	boot     wire.Boot
	control  netip.AddrPort   // where its session is
	plain    netip.AddrPort   // where that was last without a zone, which means nothing to others; zero: nowhere yet
	listed   []netip.AddrPort // where it says it hears datagrams
	data     []netip.AddrPort // where it says it takes QUIC
	features uint64           // what it announces (PROTOCOL.md §3.3)
	standing election.Standing
	heard    time.Time // newest direct evidence
	lost     time.Time // when it was held dead

	grace     int  // positive words of others since it was heard, each worth graceStep
	stretched bool // dead has been doubled for this silence

	probeAt, askAt, greetAt time.Time

	beat    wire.Heartbeat // its newest
	differs time.Time      // since when its ledger's digest is not ours; zero: equal
	pullAt  time.Time      // no pull before
	merged  bool           // all it had, at some time since this leadership began, is in our ledger
}

const (
	probeEvery  = 40 * time.Millisecond  // direct pings to a suspect, and Hellos to one just lost
	askEvery    = 200 * time.Millisecond // PingReq to others
	graceStep   = 300 * time.Millisecond
	graceMax    = 4
	hurry       = 2 * time.Second        // a lost peer is greeted every probeEvery for so long
	greetEvery  = 250 * time.Millisecond // and then this often
	forgetAfter = time.Hour
	maxKnown    = 64
	lateGap     = 100 * time.Millisecond
)

// at notes where the peer's session is.
func (p *peer) at(a netip.AddrPort) {
	if p.control = a; a.Addr().Zone() == "" {
		p.plain = a
	}
}

// seen is where others may find the peer, if that is known.
func (p *peer) seen() netip.AddrPort {
	if p.plain.IsValid() {
		return p.plain
	}
	return p.control
}

func (p *peer) live() bool { return p.standing == election.Alive || p.standing == election.Suspected }

// event is one thing the endpoint has to tell.
func (c *core) event(now time.Time, e wire.Event) {
	switch e.What {
	case wire.Up:
		c.up(now, e)
	case wire.Heard:
		c.heard(now, e)
	case wire.Delivered:
		c.delivered(now, e)
	case wire.Acknowledged:
		c.held(now, e)
	case wire.Refused:
		c.refused(e)
	}
}

// up meets a peer: a new one, one come back, or a new process of a known one.
func (c *core) up(now time.Time, e wire.Event) {
	p := c.peers[e.Peer]
	if e.Hello.Name == "" || IDOf(e.Hello.Name) != e.Peer || p == nil && len(c.peers) >= maxKnown {
		c.ep.Refuse(now, e.Peer, wire.CodeConflict, "node id does not follow from the name, or too many peers")
		return
	}
	if p == nil {
		p = &peer{id: e.Peer, standing: election.Dead}
		c.peers[e.Peer] = p
		delete(c.greeting.strangers, e.Peer)
		c.lineUp()
	}
	reborn := !p.boot.IsZero() && p.boot != e.Boot
	news := p.returning()
	if reborn {
		news = PeerRestarted
	}
	p.name, p.boot, p.listed, p.data = e.Hello.Name, e.Boot, e.Hello.Control, e.Hello.Data
	p.at(e.Addr)
	if reborn {
		c.lose(now, p, election.Dead)
		p.standing, p.beat = election.Dead, wire.Heartbeat{}
	}
	c.hearAs(now, p, news)
	p.features = e.Hello.Features
	c.elect.SetAble(p.id, p.features&wire.FeatureRotation != 0)
	c.remember(p)
	if reborn {
		c.restarted(p)
		c.orphan(now, p.id)
	}
}

// refused is told when another live process has our name: two nodes of one id would undo each other, so this one ends.
func (c *core) refused(e wire.Event) {
	if e.Code == wire.CodeConflict && c.fatal == nil {
		c.fatal = &RemoteError{From: e.Addr.String(), Code: e.Code, Detail: e.Detail}
	}
}

// hear takes direct evidence of a live peer.
func (c *core) hear(now time.Time, p *peer) { c.hearAs(now, p, p.returning()) }

// returning is what it means that a peer is heard which was not held alive.
func (p *peer) returning() EventKind {
	if p.boot.IsZero() {
		return PeerJoined
	}
	return PeerRecovered
}

// hearAs is hear, with the event that it is if the peer was not held alive.
func (c *core) hearAs(now time.Time, p *peer, news EventKind) {
	if p.standing == election.Left {
		return // this process has said goodbye; it only has not ended yet
	}
	p.heard, p.grace, p.stretched = now, 0, false
	c.elect.Heard(now, p.id)
	if p.standing != election.Alive {
		reunited := !p.live()
		c.notePeer(now, news, p)
		c.stand(now, p, election.Alive)
		if reunited {
			c.recount(now)
		}
		c.beatAt = earliest(c.beatAt, now) // let it know us at once
	}
}

func (c *core) stand(now time.Time, p *peer, s election.Standing) {
	p.standing = s
	c.lineUp()
	c.elect.Member(now, p.id, s)
}

// lose holds a peer dead, or gone of its own will.
func (c *core) lose(now time.Time, p *peer, s election.Standing) {
	if !p.live() {
		return
	}
	if _, leader, _, _ := c.elect.Beat(); leader == p.id {
		c.leaderAt = p.heard
	}
	p.lost, p.greetAt, p.differs, p.merged = now, now, time.Time{}, false
	c.ep.Quiet(p.id)
	c.stand(now, p, s)
	c.orphan(now, p.id)
	c.recount(now)
}

// part loses a peer, and writes down how.
func (c *core) part(now time.Time, p *peer, s election.Standing, how EventKind) {
	if p.live() {
		c.notePeer(now, how, p)
	}
	c.lose(now, p, s)
}

// detect moves every peer along: alive, suspected, dead, forgotten (PROTOCOL.md §7).
func (c *core) detect(now time.Time) {
	for _, p := range c.sorted() {
		switch {
		case !p.live():
			c.detectLost(now, p)
		case p.standing == election.Alive && !now.Before(p.heard.Add(c.cfg.Suspect)):
			c.suspect(now, p)
		}
		if p.standing == election.Suspected {
			c.detectSuspect(now, p)
		}
	}
}

// heard takes a datagram of a peer's session as proof that it lives.
func (c *core) heard(now time.Time, e wire.Event) {
	if p := c.peers[e.Peer]; p != nil && p.boot == e.Boot {
		p.at(e.Addr)
		c.hear(now, p)
	}
}

func (c *core) suspect(now time.Time, p *peer) {
	p.probeAt, p.askAt = now, now.Add(probeEvery)
	c.notePeer(now, PeerSuspected, p)
	c.stand(now, p, election.Suspected)
}

func (c *core) detectSuspect(now time.Time, p *peer) {
	if !now.Before(c.deadAt(p)) {
		if !c.stretch(now, p) {
			c.part(now, p, election.Dead, PeerFailed)
			return
		}
	}
	if !now.Before(p.probeAt) {
		c.ping(now, p.id)
		p.probeAt = now.Add(c.pace(now, p))
	}
	if !now.Before(p.askAt) {
		c.ask(now, p)
		p.askAt = now.Add(askEvery)
	}
}

// pace is the time between pings to a suspect. The last ones come faster: they cost next to nothing, and for two nodes,
// who can ask nobody else, they are all that stands between bad luck and a false death.
func (c *core) pace(now time.Time, p *peer) time.Duration {
	if c.deadAt(p).Sub(now) <= c.cfg.Dead*2/5 {
		return probeEvery / 5
	}
	return probeEvery
}

// deadAt returns when a silent peer is held dead. The words of others and the doubt of this node do not add up: should
// all die at once whose words those were, the last survivor would wait for both.
func (c *core) deadAt(p *peer) time.Time {
	d := c.cfg.Dead + time.Duration(p.grace)*graceStep
	if p.stretched {
		d = max(d, 2*c.cfg.Dead)
	}
	return p.heard.Add(d)
}

// stretch doubles dead, once a silence, for a node that has reason to doubt itself: its loop was late, or it hears none
// of two or more live peers (majority mode: of any). Who still hears a peer has no such doubt.
func (c *core) stretch(now time.Time, p *peer) bool {
	if p.stretched {
		return false
	}
	live := c.live()
	for _, q := range live {
		if q != p && now.Sub(q.heard) < c.cfg.Suspect {
			return false
		}
	}
	late := c.gap > lateGap && !c.gapAt.Before(p.heard)
	p.stretched = late || len(live) >= 2 || c.cfg.Quorum == election.Majority
	return p.stretched
}

// ask has the other live peers ping a suspect for us.
func (c *core) ask(now time.Time, p *peer) {
	for _, q := range c.live() {
		if q != p && q.standing == election.Alive {
			c.ep.Send(now, q.id, wire.PingReq{Target: p.id, Sequence: c.sequence})
		}
	}
}

func (c *core) detectLost(now time.Time, p *peer) {
	if now.After(p.lost.Add(forgetAfter)) {
		c.ep.Forget(p.id)
		delete(c.peers, p.id)
		c.lineUp()
		return
	}
	if now.Before(p.greetAt) {
		return
	}
	c.ep.Greet(now, p.control, p.id)
	p.greetAt = now.Add(greetEvery)
	if now.Sub(p.lost) < hurry {
		p.greetAt = now.Add(probeEvery)
	}
}

// peerDeadline returns when detect next has something to do for p.
func (c *core) peerDeadline(p *peer) time.Time {
	switch p.standing {
	case election.Alive:
		return p.heard.Add(c.cfg.Suspect)
	case election.Suspected:
		return earliest(earliest(p.probeAt, p.askAt), c.deadAt(p))
	}
	return p.greetAt
}

// relay is a ping sent on behalf of another peer.
type relay struct {
	for_, target wire.NodeID
	asked, sent  uint64
	until        time.Time
}

const maxRelays = 64

// relayPing pings a target for a peer that suspects it.
func (c *core) relayPing(now time.Time, from wire.NodeID, m wire.PingReq) {
	t := c.peers[m.Target]
	if t == nil || !t.live() || len(c.relays) >= maxRelays {
		return
	}
	c.relays = append(c.relays, relay{from, m.Target, m.Sequence, c.ping(now, m.Target), now.Add(time.Second)})
}

// relayPong passes a target's answer on to whoever asked for it.
func (c *core) relayPong(now time.Time, from wire.NodeID, m wire.Pong) {
	epoch, leader, _, _ := c.elect.Beat()
	kept := c.relays[:0]
	for _, r := range c.relays {
		switch {
		case r.target == from && r.sent == m.Sequence:
			c.ep.Send(now, r.for_, wire.Pong{Sequence: r.asked, Epoch: epoch, Leader: leader, Target: from})
		case now.Before(r.until):
			kept = append(kept, r)
		}
	}
	c.relays = kept
}

// pong takes an answer to a ping: the peer's own, or another's word for a third.
func (c *core) pong(now time.Time, from wire.NodeID, m wire.Pong) {
	if m.Target.IsZero() {
		c.relayPong(now, from, m)
		c.elect.Receive(now, from, m)
		return
	}
	if t := c.peers[m.Target]; t != nil && t.standing == election.Suspected && t.grace < graceMax {
		t.grace++
	}
}
