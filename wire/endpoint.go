package wire

import (
	crand "crypto/rand"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// EndpointConfig is what an Endpoint is made of.
type EndpointConfig struct {
	Self   NodeID
	Boot   Boot       // Boot is the nonce of this process start. If zero, it is drawn from Entropy.
	Hello  Hello      // Hello is what we say of ourselves; its cookie, echo and pad are ignored. If its MaxVersion is zero, Version is said.
	Peer   []Key      // Peer holds K_server, of each accepted secret, at most 256: all open, and the first that a peer has too seals. If empty, the endpoint is a client's.
	Client []Key      // Client holds K_client, likewise; a client seals with the first, a server with that of the question. If empty, only OpenKey is used.
	Open   bool       // Open accepts OpenKey too. If false, strangers without a client key get silence.
	Rand   *rand.Rand // Rand makes jitter. If nil, it is seeded from Entropy.

	Entropy  io.Reader     // Entropy makes nonces and cookies. If nil, crypto/rand is used.
	AckDelay time.Duration // AckDelay is how long an acknowledgement may wait for company. If zero, 20 ms are used.
	Queue    int           // Queue is how many messages may wait for one peer. If zero, 1024 are used.
	Patience int           // Patience is how many unanswered transmissions make Suspect. If zero, 12 are used.
	Peers    int           // Peers is how many nodes are remembered. If zero, 256 are used.
}

func (c *EndpointConfig) fill() {
	if c.Entropy == nil {
		c.Entropy = crand.Reader
	}
	if c.Boot.IsZero() {
		c.secret(c.Boot[:])
	}
	if c.Rand == nil {
		var seed [16]byte
		c.secret(seed[:])
		c.Rand = rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:8]), binary.BigEndian.Uint64(seed[8:])))
	}
	if c.AckDelay == 0 {
		c.AckDelay = 20 * time.Millisecond
	}
	if c.Queue == 0 {
		c.Queue = 1024
	}
	if c.Patience == 0 {
		c.Patience = 12
	}
	if c.Peers == 0 {
		c.Peers = 256
	}
}

// secret fills p. Entropy that fails leaves nothing safe to do.
func (c *EndpointConfig) secret(p []byte) {
	if _, err := io.ReadFull(c.Entropy, p); err != nil {
		panic("wire: entropy: " + err.Error())
	}
}

// Endpoint turns datagrams and the passing of time into messages, and messages into datagrams (PROTOCOL.md §4).
type Endpoint struct {
	cfg     EndpointConfig
	hello   Hello
	pad     []byte // of a Hello that says hello
	opener  opener
	ring    ring
	server  bool
	now     time.Time // the latest told
	start   time.Time
	counter uint64 // last packet counter used, with every key
	handle  uint64 // last handle Send gave out

	sessions map[NodeID]*session
	order    []*session // the same, by id

	baker     baker
	strangers budget // those under client keys
	unproven  budget // those under K_server without a session
	recent    recent
	sent      [512]stamp // when a packet counter was used, by counter

	arrival arrival // the last, being received
	scratch []byte  // what was opened last
	text    []byte  // what was encoded last
	payload []byte  // of a message in it that is sent once
	frames  []frame // of what was gathered last
	stock   stock   // of the datagrams to come
	out     []Datagram
	taken   []Datagram // what Take returned last
	events  []Event
	told    []Event // what Events returned last
	count   Counters
}

// stamp is when a datagram left.
type stamp struct {
	counter uint64
	at      time.Duration // since the start: no pointer, of so many
}

// NewEndpoint makes the endpoint of one process start.
func NewEndpoint(now time.Time, c EndpointConfig) *Endpoint {
	c.fill()
	e := &Endpoint{
		cfg: c, ring: newRing(c.Peer, c.Client, c.Open), server: len(c.Peer) > 0, now: now, start: now,
		sessions: map[NodeID]*session{}, baker: baker{start: now}, scratch: make([]byte, 0, MaxDatagram),
	}
	c.secret(e.baker.secret[:])
	e.strangers.every, e.unproven.every = perClient, perSource
	c.secret(e.strangers.secret[:])
	c.secret(e.unproven.secret[:])
	e.SetHello(c.Hello)
	return e
}

// SetHello replaces what we say of ourselves from now on.
func (e *Endpoint) SetHello(h Hello) {
	h.Cookie, h.Echo, h.Pad = nil, nil, nil
	if h.MaxVersion == 0 {
		h.MinVersion, h.MaxVersion = Version, Version
	}
	e.hello = h
	h.Cookie = e.baker.open(e.now)
	e.pad = filler(questionSize, h)
	e.opener = opener{}
}

// Boot returns the nonce of this process start.
func (e *Endpoint) Boot() Boot { return e.cfg.Boot }

// Advance does what is due at now: it says which peers have become suspect. What is due to be sent leaves with Take.
func (e *Endpoint) Advance(now time.Time) {
	e.step(now)
	for _, s := range e.order {
		if s.open && !s.quiet && !s.doubted && s.unanswered(now, e.cfg.Patience) {
			s.doubted = true
			e.emit(Event{What: Suspect, Peer: s.peer, Boot: s.boot, Addr: s.addr, Authority: AuthorityPeer})
		}
	}
}

// unanswered reports whether a message is due again after so many transmissions.
func (s *session) unanswered(now time.Time, times int) bool {
	return slices.ContainsFunc(s.out.flight, func(l letter) bool { return l.tries >= times && !l.due.After(now) })
}

// Deadline returns when Advance and Take are next needed; zero: not before something arrives or is said.
func (e *Endpoint) Deadline() time.Time {
	var d time.Time
	if len(e.out) > 0 {
		d = e.now
	}
	for _, s := range e.order {
		d = sooner(d, s.deadline(e.now))
	}
	return d
}

// Take returns the datagrams to send now. Their bytes are the caller's; the slice is good until the next call.
func (e *Endpoint) Take() []Datagram {
	for _, s := range e.order {
		e.flush(s)
	}
	e.out, e.taken = e.taken[:0], e.out
	return e.taken
}

// Events returns what has happened since the last call, in order. The slice is good until the next call.
func (e *Endpoint) Events() []Event {
	e.events, e.told = e.told[:0], e.events
	return e.told
}

// Session returns the open session with peer.
func (e *Endpoint) Session(peer NodeID) (Session, bool) {
	s := e.sessions[peer]
	if s == nil || !s.open {
		return Session{}, false
	}
	return s.describe(), true
}

// Sessions returns the open sessions by id.
func (e *Endpoint) Sessions() []Session {
	var list []Session
	for _, s := range e.order {
		if s.open {
			list = append(list, s.describe())
		}
	}
	return list
}

// Counters returns what has been counted so far.
func (e *Endpoint) Counters() Counters { return e.count }

// step takes the time from the caller; it never goes back.
func (e *Endpoint) step(now time.Time) {
	if now.After(e.now) {
		e.now = now
	}
}

func (e *Endpoint) emit(v Event) { e.events = append(e.events, v) }

// ship sends a body.
func (e *Endpoint) ship(to netip.AddrPort, key *sealer, b body) { e.dispatch(to, key, e.encode(&b)) }

// encode returns the CBOR form of a body; it is good until the next call.
func (e *Endpoint) encode(b *body) []byte {
	e.text = b.append(e.text[:0])
	return e.text
}

// dispatch seals an encoded body and queues the datagram.
func (e *Endpoint) dispatch(to netip.AddrPort, key *sealer, text []byte) {
	e.counter++
	data := key.seal(e.stock.cut(overhead+len(text)), e.cfg.Boot, e.counter, text)
	e.sent[e.counter%uint64(len(e.sent))] = stamp{e.counter, e.now.Sub(e.start)}
	e.count.DatagramsOut++
	e.count.BytesOut += uint64(len(data))
	e.out = append(e.out, Datagram{To: to, Data: data})
}
