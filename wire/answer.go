package wire

// answer gives a greeting the proof it asks for, and asks for ours while the session is not open. An unproven greeting
// gets no more bytes than it brought, and spends a budget unless it comes from an open session.
func (e *Endpoint) answer(g *greeting, s *session) {
	current := s.is(g.boot) && s.open
	if !g.fresh && !current && !e.spare(g.arrival) {
		return
	}
	r := Hello{Echo: g.hello.Cookie}
	if !current {
		r.Cookie = e.baker.bound(e.now, g.from, g.body.Source, g.boot)
	}
	full := e.hello
	full.Cookie, full.Echo = r.Cookie, r.Echo
	room := g.size
	if g.proven || s != nil && s.open && s.addr == g.from {
		room = MaxDatagram
	}
	if !e.reply(g.arrival, as(g.kind, full), room) && !e.reply(g.arrival, as(g.kind, r), room) {
		e.count.Withheld++
	}
}

// as makes a greeting of the kind that answers.
func as(k Kind, h Hello) Message {
	if k == KindHelloAck {
		return HelloAck{Hello: h}
	}
	return h
}

// refuse answers a greeting with a refusal.
func (e *Endpoint) refuse(g *greeting, code Code, detail string) {
	if !g.proven && !e.spare(g.arrival) {
		return
	}
	e.turnAway(g.arrival, g.hello.Cookie, code, detail)
}

func (e *Endpoint) turnAway(a *arrival, echo []byte, code Code, detail string) {
	h := HelloAck{Hello: Hello{MinVersion: Version, MaxVersion: Version, Echo: echo}, Refused: code, Detail: detail}
	if e.reply(a, h, a.size) {
		return
	}
	h.Detail = ""
	if !e.reply(a, h, a.size) {
		e.count.Withheld++
	}
}

// challenge answers a peer's datagram that belongs to no open session: prove that you live, and learn which process I am.
func (e *Endpoint) challenge(a *arrival) {
	s := e.sessions[a.body.Source]
	e.count.Misdirected++
	if a.body.Source == e.cfg.Self || !(s.is(a.boot) && s.open) && !e.spare(a) {
		return
	}
	if s.buried(a.boot) {
		e.turnAway(a, nil, CodeConflict, "a newer process holds this node id")
		return
	}
	e.prove(a)
}

// prove asks a peer to show that it receives at the address its datagram came from.
func (e *Endpoint) prove(a *arrival) {
	full := e.hello
	full.Cookie = e.baker.bound(e.now, a.from, a.body.Source, a.boot)
	bare := HelloAck{Hello: Hello{Cookie: full.Cookie}}
	bare.Pad = filler(a.size-echoSize, bare) // room for the proof in the answer
	if !e.reply(a, HelloAck{Hello: full}, a.size) && !e.reply(a, bare, a.size) {
		e.count.Withheld++
	}
}

// echoSize is what the echo of a packet counter adds to a body; counters below 2³² are the rule.
const echoSize = 6

// spare spends the budget of peers who have proved nothing yet: old datagrams of theirs can be replayed by anybody.
func (e *Endpoint) spare(a *arrival) bool {
	if e.unproven.take(int64(e.now.Sub(e.start)), a.from.Addr()) {
		e.count.Challenges++
		return true
	}
	e.count.Starved++
	return false
}

// reply sends m once to where a came from, unless it would be longer than room.
func (e *Endpoint) reply(a *arrival, m Message, room int) bool {
	e.payload = marshalTo(e.payload[:0], m)
	b := body{Source: e.cfg.Self, Dest: a.body.Source, Boot: a.boot, Frames: []frame{{Kind: m.Kind(), Payload: e.payload}}}
	if a.key.authority == AuthorityPeer {
		b.Echo = a.counter
	}
	text := e.encode(&b)
	if overhead+len(text) > room {
		return false
	}
	e.dispatch(a.from, a.key, text)
	return true
}
