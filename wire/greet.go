package wire

import (
	"bytes"
	"net/netip"
	"time"
)

// Greet sends a Hello to the address of one host, for peer or for whoever is there (zero): one under each K_server, so that
// whoever has any of them hears (PROTOCOL.md §5.1). The caller repeats it.
func (e *Endpoint) Greet(now time.Time, addr netip.AddrPort, peer NodeID) {
	e.step(now)
	e.hail(addr, peer, e.opening(e.baker.toward(e.now, addr)))
}

// Call is Greet at an address where many may hear it. Their answers come from other addresses, and each has one more
// round trip to go before its session is open.
func (e *Endpoint) Call(now time.Time, addr netip.AddrPort) {
	e.step(now)
	e.hail(addr, NodeID{}, e.opening(e.baker.open(e.now)))
}

func (e *Endpoint) hail(addr netip.AddrPort, peer NodeID, hello []byte) {
	for i := range e.ring {
		if key := &e.ring[i]; key.authority == AuthorityPeer {
			e.ship(addr, key, body{Source: e.cfg.Self, Dest: peer, Frames: []frame{{Kind: KindHello, Payload: hello}}})
		}
	}
}

// opener is a Hello in bytes, and where in them its cookie is.
type opener struct {
	payload []byte // nil: not made
	cookie  int
}

// opening is our Hello with a cookie; it is good until the next call.
func (e *Endpoint) opening(cookie []byte) []byte {
	o := &e.opener
	if o.payload == nil {
		h := e.hello
		h.Cookie, h.Pad = cookie, e.pad
		o.payload = marshal(h)
		o.cookie = bytes.Index(o.payload, cookie)
	}
	copy(o.payload[o.cookie:], cookie)
	return o.payload
}

// Refuse ends the session with peer and says why. It may greet again, and be refused again.
func (e *Endpoint) Refuse(now time.Time, peer NodeID, code Code, detail string) {
	e.step(now)
	s := e.sessions[peer]
	if s == nil || !s.open {
		return
	}
	ack := HelloAck{Hello: Hello{MinVersion: Version, MaxVersion: Version, Echo: s.cookie}, Refused: code, Detail: detail}
	b := s.body(e.now, e.cfg.Self)
	b.Frames = []frame{{Kind: KindHelloAck, Payload: marshal(ack)}}
	e.ship(s.addr, e.ring.find(AuthorityPeer, s.key), b)
	e.Forget(peer)
}

// greet takes a Hello or HelloAck of a peer (PROTOCOL.md §4.1). Each side opens the session when it sees its own cookie
// come back, and answers as long as the other still asks for proof.
func (e *Endpoint) greet(a *arrival, f frame) {
	m, err := f.Kind.rule().parse(f.Payload)
	if err != nil {
		e.count.Malformed++
		return
	}
	g := greeting{arrival: a, kind: KindHelloAck}
	switch m := m.(type) {
	case Hello:
		g.hello = m
	case HelloAck:
		g.hello, g.refused, g.detail, g.kind = m.Hello, m.Refused, m.Detail, KindHello
	}
	g.proven = e.baker.proves(e.now, g.hello.Echo, a.from, a.body.Source, a.boot)
	g.fresh = g.proven || e.baker.answers(e.now, g.hello.Echo)
	if s := e.sessions[a.body.Source]; g.proven && e.late(s, &g) {
		g.proven = false
	}
	e.welcome(&g)
}

// late reports whether a greeting answers what we said before we met another process of its node: its sender may be an
// earlier one, and somebody may have held it back until now.
func (e *Endpoint) late(s *session, g *greeting) bool {
	return s != nil && !s.is(g.boot) && !e.baker.since(e.now, g.hello.Echo, s.since)
}

// greeting is one Hello or HelloAck being considered.
type greeting struct {
	*arrival
	hello   Hello
	refused Code
	detail  string
	kind    Kind // of our answer
	proven  bool // it carries a cookie of ours: the sender lives, reads our datagrams, and does so at this address
	fresh   bool // or at least answers what we said to all, wherever it is
}

// bare reports whether the greeting says nothing of its sender: it can prove an address, and opens nothing.
func (g *greeting) bare() bool { return g.hello.MaxVersion == 0 }

// speaks reports whether we share a version with the sender.
func (g *greeting) speaks() bool {
	return g.hello.MinVersion <= Version && Version <= g.hello.MaxVersion
}

func (e *Endpoint) welcome(g *greeting) {
	s := e.sessions[g.body.Source]
	current := s.is(g.boot) && s.open
	switch {
	case g.refused != CodeOK:
		e.refused(g, s, g.fresh || current && g.aimed)
		return
	case g.body.Source == e.cfg.Self:
		e.doppelganger(g)
		return
	case s.buried(g.boot):
		e.refuse(g, CodeConflict, "a newer process holds this node id")
		return
	case g.proven && !g.bare() && e.contested(g, s):
		return
	case !g.bare() && !g.speaks():
		e.refuse(g, CodeUnsupported, "no common protocol version")
		return
	}
	switch {
	case g.proven && !g.bare():
		if s = e.open(g); s == nil {
			e.refuse(g, CodeBusy, "too many peers")
			return
		}
	case current && !g.bare():
		s.hello, s.cookie = about(g.hello), g.hello.Cookie
	}
	if len(g.hello.Cookie) > 0 {
		e.answer(g, s)
	}
}

// refused believes a refusal that is fresh.
func (e *Endpoint) refused(g *greeting, s *session, fresh bool) {
	if !fresh {
		return
	}
	if s.is(g.boot) {
		e.Forget(s.peer)
	}
	e.emit(Event{What: Refused, Peer: g.body.Source, Boot: g.boot, Addr: g.from, Authority: AuthorityPeer,
		Hello: new(about(g.hello)), Code: g.refused, Detail: g.detail})
}

// doppelganger deals with another process under our own id: it gets a challenge, and once it has proved that it is no
// replay of our own past, it is refused and our owner told.
func (e *Endpoint) doppelganger(g *greeting) {
	if !g.proven {
		e.answer(g, nil)
		return
	}
	e.emit(Event{What: Conflict, Peer: g.body.Source, Boot: g.boot, Addr: g.from, Authority: AuthorityPeer, Hello: new(about(g.hello))})
	e.refuse(g, CodeConflict, "another live process holds this node id")
}

// about is what a Hello says of its sender.
func about(h Hello) Hello {
	h.Cookie, h.Echo, h.Pad = nil, nil, nil
	return h
}

// introduce answers a client's Hello: it learns what the server says of itself, and no session begins.
func (e *Endpoint) introduce(a *arrival, h Hello) {
	full := e.hello
	full.Echo = h.Cookie
	e.reply(a, HelloAck{Hello: full}, a.size)
}
