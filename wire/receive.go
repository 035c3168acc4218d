package wire

import (
	"net/netip"
	"time"
)

// arrival is one authenticated datagram. It is good until Receive returns.
type arrival struct {
	header
	from  netip.AddrPort
	key   *sealer
	size  int
	body  body
	aimed bool // at this very process
}

// Receive takes one datagram; it never keeps p. The order of work is that of PROTOCOL.md §2.1.
func (e *Endpoint) Receive(now time.Time, from netip.AddrPort, p []byte) {
	e.step(now)
	e.count.DatagramsIn++
	e.count.BytesIn += uint64(len(p))
	a := &e.arrival
	var text []byte
	room := a.body.Frames
	if *a, text = e.admit(from, p); text == nil {
		a.body.Frames = room
		return
	}
	var err error
	if a.body, err = parseBody(text, room); err != nil {
		e.count.Malformed++
		return
	}
	b := &a.body
	if !b.Dest.IsZero() && b.Dest != e.cfg.Self {
		e.count.Misdirected++
		return
	}
	a.aimed = b.Dest == e.cfg.Self && b.Boot == e.cfg.Boot
	if a.key.authority == AuthorityPeer {
		e.fromPeer(a)
	} else {
		e.fromStranger(a)
	}
}

// admit checks the header, the tag and, for strangers, the budgets. It returns nil for what is dropped.
func (e *Endpoint) admit(from netip.AddrPort, p []byte) (a arrival, text []byte) {
	h, err := parseHeader(p)
	if err != nil {
		e.count.Malformed++
		return a, nil
	}
	if h.boot == e.cfg.Boot {
		e.count.Looped++
		return a, nil
	}
	text, key := e.ring.open(e.scratch, h, p)
	if key == nil {
		e.count.Unauthenticated++
		return a, nil
	}
	if key.authority != AuthorityPeer && e.server && !e.afford(from, p) {
		return a, nil
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return arrival{header: h, from: from, key: key, size: len(p)}, text
}

// afford spends a stranger's budget on a datagram that is no copy.
func (e *Endpoint) afford(from netip.AddrPort, p []byte) bool {
	if !e.strangers.take(int64(e.now.Sub(e.start)), from.Addr()) {
		e.count.Starved++
		return false
	}
	if !e.recent.novel(p) {
		e.count.Replays++
		return false
	}
	return true
}

// fromPeer takes a datagram under K_server.
func (e *Endpoint) fromPeer(a *arrival) {
	s := e.sessions[a.body.Source]
	mine := s.is(a.boot)
	if mine && !s.window.accept(a.counter) {
		e.count.Replays++
		return
	}
	if mine && s.open && a.aimed {
		e.converse(s, a)
		return
	}
	if f, ok := greetingOf(a.body.Frames); ok {
		e.greet(a, f)
		return
	}
	e.challenge(a)
}

// greetingOf returns the first Hello or HelloAck: one datagram gets one answer.
func greetingOf(frames []frame) (frame, bool) {
	for _, f := range frames {
		if f.Kind == KindHello || f.Kind == KindHelloAck {
			return f, true
		}
	}
	return frame{}, false
}

// converse takes a datagram of an open session.
func (e *Endpoint) converse(s *session, a *arrival) {
	s.traffic.DatagramsIn++
	s.traffic.BytesIn += uint64(a.size)
	newest := s.window.top == a.counter
	if newest {
		s.echo, s.echoAt = a.counter, e.now
	}
	if !onlyHello(a.body.Frames) {
		e.hear(s)
	}
	e.measure(s, a.body)
	e.settle(s, a.body)
	for _, f := range a.body.Frames {
		if !s.open || !s.is(a.boot) {
			return // a frame before this one ended the session
		}
		e.read(s, a, f)
	}
	if newest && e.strays(s, a) {
		e.prove(a) // whoever held the datagram back can have sent it from there
	}
}

// strays reports whether a session's newest datagram comes from an address that is not the session's, and that it is time
// to ask for proof there. A greeting never asks: it proves an address, or is an answer to such a question.
//
// Two nodes that reach each other at two addresses may each hold the other to be where it is not heard from. If both
// moved, they would be just as crosswise as before, and so for ever: the one with the greater id waits for the other.
func (e *Endpoint) strays(s *session, a *arrival) bool {
	if _, greets := greetingOf(a.body.Frames); greets {
		return false
	}
	if a.from == s.addr {
		s.strayed = time.Time{}
		return false
	}
	if s.strayed.IsZero() {
		s.strayed, s.askAt = e.now, e.now
		if e.cfg.Self.Compare(s.peer) > 0 {
			s.askAt = e.now.Add(afterYou)
		}
	}
	if e.now.Before(s.askAt) {
		return false
	}
	s.askAt = e.now.Add(strayEvery)
	return true
}

const (
	afterYou   = 400 * time.Millisecond // in which the other's question is answered, or the next one after a loss
	strayEvery = 100 * time.Millisecond
)

// onlyHello reports whether frames say nothing but Hello, which is no evidence that their sender hears us.
func onlyHello(frames []frame) bool {
	for _, f := range frames {
		if f.Kind != KindHello {
			return false
		}
	}
	return len(frames) > 0
}

func (e *Endpoint) hear(s *session) {
	s.heard = e.now
	e.emit(Event{What: Heard, Peer: s.peer, Boot: s.boot, Addr: s.addr, Authority: AuthorityPeer})
}

// measure takes a round-trip sample from the echo of one of our packet counters.
func (e *Endpoint) measure(s *session, b body) {
	if b.Echo == 0 || b.Delay > uint64(time.Minute/time.Microsecond) {
		return
	}
	if sent := e.sent[b.Echo%uint64(len(e.sent))]; sent.counter == b.Echo {
		s.rtt.sample(e.now.Sub(e.start) - sent.at - time.Duration(b.Delay)*time.Microsecond)
	}
}

// settle takes the acknowledgements of a datagram.
func (e *Endpoint) settle(s *session, b body) {
	handles, news := s.out.acknowledge(b.AckBase, b.AckMask)
	if news {
		s.doubted = false
	}
	if acks := b.AckBase | b.AckMask; acks != 0 && b.Echo != 0 && s.rtt.smooth > 0 {
		s.out.hurry(b.Echo, s.rtt.late())
	}
	for _, id := range handles {
		e.emit(Event{What: Acknowledged, Peer: s.peer, Boot: s.boot, Addr: s.addr, Authority: AuthorityPeer, ID: id})
	}
}

// read takes one frame of an open session. What cannot be used is acknowledged all the same: sending it again helps nobody.
func (e *Endpoint) read(s *session, a *arrival, f frame) {
	if f.ID != 0 && !e.novel(s, f.ID) {
		return
	}
	r := f.Kind.rule()
	if r == nil {
		e.skip(s, f, &e.count.Unknown)
		return
	}
	m, err := r.parse(f.Payload)
	switch {
	case err != nil:
		e.skip(s, f, &e.count.Malformed)
	case !r.allowed(AuthorityPeer, true) || Reliable(m) != (f.ID != 0):
		e.skip(s, f, &e.count.Forbidden)
	case f.Kind == KindHello || f.Kind == KindHelloAck:
		e.greet(a, f)
	default:
		e.deliver(s, f.ID, r, m)
	}
}

// novel files a message id, and reports whether the message is to be read.
func (e *Endpoint) novel(s *session, id uint64) bool {
	switch s.in.take(id) {
	case duplicate:
		e.count.Duplicates++
		s.owe(e.now, e.cfg.AckDelay)
		return false
	case beyond:
		e.count.Malformed++
		return false
	}
	return true
}

// skip acknowledges a frame unread. A void frame is nobody's fault.
func (e *Endpoint) skip(s *session, f frame, why *uint64) {
	if f.Kind != kindVoid {
		*why++
	}
	if f.ID != 0 {
		s.in.settle(f.ID)
		s.owe(e.now, e.cfg.AckDelay)
	}
}

func (e *Endpoint) deliver(s *session, id uint64, r *rule, m Message) {
	if id != 0 && !r.held {
		s.in.settle(id)
		s.owe(e.now, e.cfg.AckDelay)
	}
	e.emit(Event{What: Delivered, Peer: s.peer, Boot: s.boot, Addr: s.addr, Authority: AuthorityPeer, Message: m, ID: id})
}

// fromStranger takes a datagram under a client key: one frame, so that one question has one answer.
func (e *Endpoint) fromStranger(a *arrival) {
	b := a.body
	if !b.Boot.IsZero() && b.Boot != e.cfg.Boot {
		e.count.Misdirected++
		return
	}
	if len(b.Frames) != 1 {
		e.count.Malformed++
		return
	}
	f := b.Frames[0]
	r := f.Kind.rule()
	if r == nil || f.ID != 0 || !r.allowed(a.key.authority, e.server) || !a.aimed && f.Kind != KindLeaderQuery && f.Kind != KindHello {
		e.count.Forbidden++
		return
	}
	m, err := r.parse(f.Payload)
	if err != nil {
		e.count.Malformed++
		return
	}
	if h, ok := m.(Hello); ok {
		e.introduce(a, h)
		return
	}
	e.emit(Event{What: Delivered, Peer: b.Source, Boot: a.boot, Addr: a.from, Authority: a.key.authority, Message: m,
		Counter: a.counter, Key: KeyRef{a.key.authority, a.key.index, a.size}, Room: a.size})
}
