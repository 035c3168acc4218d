package wire

import "time"

// contest is how two processes under one node id are told apart from one that was restarted. A new process at the old
// address has replaced the old one: the port was free. One at another address waits until the old one has been silent
// for a while; if it never is, the newcomer is refused, not the node that was there.
type contest struct {
	boot  Boot
	since time.Time
}

const (
	defended = 600 * time.Millisecond // a session heard so recently is not given up to another address
	settling = 2 * time.Second        // a newcomer that finds it defended for so long is refused
)

// contested reports whether a proven greeting of a new process has to wait, or go, because the old one lives.
func (e *Endpoint) contested(g *greeting, s *session) bool {
	if s == nil || !s.open || s.quiet || s.is(g.boot) || g.from == s.addr || e.now.Sub(s.heard) >= defended {
		return false
	}
	if s.contest.boot != g.boot {
		s.contest = contest{g.boot, e.now}
	}
	if e.now.Sub(s.contest.since) >= settling {
		e.refuse(g, CodeConflict, "a live node of this name is at "+s.addr.String())
	}
	return true
}
