package wire

import (
	"errors"
	"net/netip"
	"time"
)

// Errors of sending.
var (
	ErrNoSession = errors.New("wire: no session with that peer")
	ErrQueueFull = errors.New("wire: the peer's queue is full")
	ErrTooLarge  = errors.New("wire: message does not fit a datagram")
	ErrForbidden = errors.New("wire: message may not be sent under that key")
	ErrRoom      = errors.New("wire: answer is longer than its question")
)

// Send says m to a peer with a session. A reliable message gets an id, which Acknowledged will carry; id zero: sent once.
func (e *Endpoint) Send(now time.Time, to NodeID, m Message) (id uint64, err error) {
	e.step(now)
	s := e.sessions[to]
	if s == nil || !s.open {
		return 0, ErrNoSession
	}
	f, err := pack(nil, m)
	if err != nil {
		return 0, err
	}
	if len(f.Payload) > MaxPayload {
		return 0, ErrTooLarge
	}
	r := m.Kind().rule()
	if !r.allowed(AuthorityPeer, true) {
		return 0, ErrForbidden
	}
	s.quiet = false
	return e.post(s, letter{frame: f, held: r.held}, Reliable(m))
}

// post puts a letter into the outbox of s.
func (e *Endpoint) post(s *session, l letter, reliable bool) (id uint64, err error) {
	if !reliable {
		if len(s.out.loose) >= e.cfg.Queue {
			return 0, ErrQueueFull
		}
		s.out.loose = append(s.out.loose, l)
		return 0, nil
	}
	if len(s.out.queue)+len(s.out.flight) >= e.cfg.Queue {
		return 0, ErrQueueFull
	}
	e.handle++
	l.handle = e.handle
	s.out.queue = append(s.out.queue, l)
	return e.handle, nil
}

// pack encodes m as a frame, behind what p holds. If p is nil, the payload has memory of its own.
func pack(p []byte, m Message) (frame, error) {
	if m.Kind().rule() == nil {
		return frame{}, ErrForbidden
	}
	p, err := AppendMessage(p, m)
	return frame{Kind: m.Kind(), Payload: p}, err
}

// Release acknowledges the held message id that boot of node to has sent: it is on our disk.
func (e *Endpoint) Release(now time.Time, to NodeID, boot Boot, id uint64) {
	e.step(now)
	if s := e.sessions[to]; s.is(boot) && s.in.settle(id) && s.open {
		s.ackAt = e.now
	}
}

// Quiet drops what waits for peer and sends it nothing but Hello until the next Send: it is held dead.
func (e *Endpoint) Quiet(peer NodeID) {
	if s := e.sessions[peer]; s != nil {
		s.hush()
	}
}

// Forget ends the session with peer. A live peer can begin it again, with proof.
func (e *Endpoint) Forget(peer NodeID) {
	if s := e.sessions[peer]; s != nil {
		s.hush()
		s.open = false
	}
}

// flush queues every datagram that is due for s.
func (e *Endpoint) flush(s *session) {
	if d := s.deadline(e.now); d.IsZero() || d.After(e.now) {
		return
	}
	wait := func(n int) time.Duration { return e.patience(s, n) }
	for {
		var repeats int
		e.frames, repeats = s.out.gather(e.frames[:0], e.now, e.counter+1, s.rtt.late()+e.cfg.AckDelay, wait)
		if len(e.frames) == 0 && (s.ackAt.IsZero() || s.ackAt.After(e.now)) {
			return
		}
		e.count.Retransmissions += uint64(repeats)
		s.traffic.Retransmissions += uint64(repeats)
		before := e.count.BytesOut
		b := s.body(e.now, e.cfg.Self)
		b.Frames = e.frames
		e.ship(s.addr, e.ring.find(AuthorityPeer, s.key), b)
		s.traffic.DatagramsOut++
		s.traffic.BytesOut += e.count.BytesOut - before
	}
}

// patience is the wait after the n-th try: RTO, half as much again each time, at most 2 s, and a tenth of jitter.
func (e *Endpoint) patience(s *session, n int) time.Duration {
	d := s.rtt.timeout(e.cfg.AckDelay)
	for ; n > 1 && d < maxRTO; n-- {
		d += d / 2
	}
	d = min(d, maxRTO)
	return d + time.Duration((e.cfg.Rand.Float64()-0.5)*0.2*float64(d))
}

// SendTo sends m once to a stranger under a client key: a client's question (boot zero while not known; LeaderQuery and
// Hello: dest zero), or a server's answer under the key of the question's event. An answer longer than its question is
// refused with ErrRoom; without a question only TaskMoved may be sent, to an address that has proved itself.
func (e *Endpoint) SendTo(now time.Time, to netip.AddrPort, dest NodeID, boot Boot, key KeyRef, m Message) error {
	e.step(now)
	s := e.ring.find(key.Authority, key.index)
	r := m.Kind().rule()
	if s == nil || r == nil || key.Authority == AuthorityPeer || !r.allowed(key.Authority, !e.server) {
		return ErrForbidden
	}
	f, err := pack(e.payload[:0], bare(m))
	if err != nil {
		return err
	}
	f.Payload = pad(f.Kind, f.Payload)
	e.payload = f.Payload
	b := body{Source: e.cfg.Self, Dest: dest, Boot: boot, Frames: []frame{f}}
	text := e.encode(&b)
	switch size := overhead + len(text); {
	case size > MaxDatagram:
		return ErrTooLarge
	case e.server && size > key.room && m.Kind() != KindTaskMoved:
		e.count.Withheld++
		return ErrRoom
	}
	e.dispatch(to, s, text)
	return nil
}
