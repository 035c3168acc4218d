package wire

import (
	"net/netip"
	"slices"
	"time"
)

// Session describes an open session for status and for choosing addresses.
type Session struct {
	Peer   NodeID
	Boot   Boot
	Addr   netip.AddrPort // where its datagrams come from
	RTT    time.Duration  // smoothed; zero: no sample yet
	Hello  Hello          // what it said last
	Heard  time.Time      // last proof that it lives
	Since  time.Time
	Queued int // reliable messages not yet acknowledged
	Traffic
}

// Traffic counts what went over one session.
type Traffic struct {
	DatagramsIn, DatagramsOut uint64
	BytesIn, BytesOut         uint64
	Retransmissions           uint64 // frames sent again
}

// maxRetired is how many earlier boot nonces of a node are remembered.
const maxRetired = 16

// session is what an endpoint knows of one node: one process of it, and the nonces of those before. A session that was
// forgotten keeps its windows, closed, so that neither a replay nor a message id can come twice if it opens again.
type session struct {
	peer    NodeID
	boot    Boot
	open    bool
	quiet   bool // held dead: nothing but Hello until the next Send
	doubted bool // Suspect was said, and nothing acknowledged since
	addr    netip.AddrPort
	key     uint8 // which K_server seals what we say to it; the peer has proved that it has it
	hello   Hello
	cookie  []byte // its last, for a refusal
	retired []Boot // earlier processes, newest last
	contest contest

	window window
	in     inbox
	out    outbox
	rtt    rtt

	since, heard time.Time
	strayed      time.Time // since when its newest datagrams come from another address; zero: they do not
	askAt        time.Time // when such a one is asked for proof again
	echo         uint64    // highest counter heard, until it was echoed
	echoAt       time.Time // when it was heard
	ackAt        time.Time // an acknowledgement is due; zero: none
	owed         int       // messages not yet acknowledged
	traffic      Traffic
}

func (s *session) describe() Session {
	return Session{Peer: s.peer, Boot: s.boot, Addr: s.addr, RTT: s.rtt.smooth, Hello: s.hello, Heard: s.heard,
		Since: s.since, Queued: len(s.out.queue) + len(s.out.flight), Traffic: s.traffic}
}

// is reports whether s is the process boot, whether open or not.
func (s *session) is(boot Boot) bool { return s != nil && s.boot == boot }

// buried reports whether boot is an earlier process of the node.
func (s *session) buried(boot Boot) bool { return s != nil && slices.Contains(s.retired, boot) }

// owe remembers that an acknowledgement is due within delay; many owed ones are due at once.
func (s *session) owe(now time.Time, delay time.Duration) {
	const patience = 16
	s.owed++
	if s.owed >= patience {
		delay = 0
	}
	if at := now.Add(delay); s.ackAt.IsZero() || at.Before(s.ackAt) {
		s.ackAt = at
	}
}

// body begins the body of a datagram to the peer: everything that rides on each.
func (s *session) body(now time.Time, self NodeID) body {
	b := body{Source: self, Dest: s.peer, Boot: s.boot, AckBase: s.in.base, AckMask: s.in.done}
	if s.echo != 0 {
		b.Echo, b.Delay = s.echo, uint64(now.Sub(s.echoAt)/time.Microsecond)
	}
	s.echo, s.ackAt, s.owed = 0, time.Time{}, 0
	return b
}

// hush drops what waits for the peer and says nothing more.
func (s *session) hush() {
	s.out.drop()
	s.quiet = true
}

// deadline is when the session next has something to do; zero: never.
func (s *session) deadline(now time.Time) time.Time {
	if !s.open || s.quiet {
		return time.Time{}
	}
	if s.out.pending() {
		return now
	}
	d := s.ackAt
	for i := range s.out.flight {
		d = sooner(d, s.out.flight[i].due)
	}
	return d
}

// sooner returns the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
