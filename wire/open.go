package wire

import (
	"slices"
	"time"
)

// open begins the session of a proven greeting, or confirms it. It returns nil where there is no room for another peer.
func (e *Endpoint) open(g *greeting) *session {
	s := e.sessions[g.body.Source]
	if s.is(g.boot) {
		e.reopen(s, g)
		return s
	}
	n := &session{peer: g.body.Source, boot: g.boot, key: g.key.index}
	v := Event{What: Up, Peer: n.peer, Boot: n.boot, Addr: g.from, Authority: AuthorityPeer, Hello: new(about(g.hello))}
	if s != nil {
		n.retired = append(s.retired, s.boot)
		n.retired = n.retired[max(0, len(n.retired)-maxRetired):]
		if s.open {
			v.Replaced = s.boot
		}
	} else if !e.vacate() {
		return nil
	}
	n.window.start(g.counter)
	e.adopt(n)
	e.begin(n, g)
	e.emit(v)
	return n
}

// reopen confirms a session, or opens again one that was forgotten.
func (e *Endpoint) reopen(s *session, g *greeting) {
	was := s.open
	e.begin(s, g)
	if was {
		e.hear(s)
		return
	}
	e.emit(Event{What: Up, Peer: s.peer, Boot: s.boot, Addr: g.from, Authority: AuthorityPeer, Hello: new(about(g.hello))})
}

// begin notes what a proven greeting says, and which keys its sender has: of these, the one that comes first with us is
// the session's.
func (e *Endpoint) begin(s *session, g *greeting) {
	s.key = min(s.key, g.key.index)
	if !s.open {
		e.count.Handshakes++
		s.open, s.quiet, s.doubted, s.since = true, false, false, e.now
	}
	s.addr, s.hello, s.cookie, s.heard = g.from, about(g.hello), g.hello.Cookie, e.now
	s.strayed = time.Time{}
	e.measure(s, g.body)
}

// adopt files a session under its node's id.
func (e *Endpoint) adopt(s *session) {
	e.sessions[s.peer] = s
	i, found := slices.BinarySearchFunc(e.order, s.peer, func(s *session, id NodeID) int { return s.peer.Compare(id) })
	if found {
		e.order[i] = s
	} else {
		e.order = slices.Insert(e.order, i, s)
	}
}

// vacate makes room for one more node, by removing the forgotten one heard longest ago.
func (e *Endpoint) vacate() bool {
	if len(e.order) < e.cfg.Peers {
		return true
	}
	oldest := -1
	for i, s := range e.order {
		if !s.open && (oldest < 0 || s.heard.Before(e.order[oldest].heard)) {
			oldest = i
		}
	}
	if oldest < 0 {
		return false
	}
	delete(e.sessions, e.order[oldest].peer)
	e.order = slices.Delete(e.order, oldest, oldest+1)
	return true
}
