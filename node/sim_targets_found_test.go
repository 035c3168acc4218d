package node

import (
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// What TestTargets has found, each as small as it can be shown.

// A new leader learns that the others hold nothing more than it does in one round trip, not with their next heartbeats.
func TestNewLeaderAssignsAtOnce(t *testing.T) {
	scenario(t, func(t *testing.T, seed uint64) {
		c := &cell{what: "found", mode: election.Quorum(seed % 2), nodes: 3 + int(seed%3), story: failover}
		r := &trial{s: newSim(t, seed, c.nodes, c.mode), cell: c, rand: newSim(t, seed, 1, c.mode).rand}
		leader := r.settled()
		r.s.client.submit()
		r.s.run(time.Second, nil)
		r.s.crash(leader)
		rest := r.s.without(leader)
		r.s.run(hopeless, func() bool { return r.leader(rest...) != nil })
		from := r.s.now
		if r.await("office", rest...); r.s.now.Sub(from) > 50*time.Millisecond {
			t.Errorf("agreed upon, and assigning only after %v more", r.s.now.Sub(from))
		}
	})
}

// A last survivor that was told of a peer's life just before all died waits twice dead for it, and no longer.
func TestWordsOfOthersAndDoubtDoNotAddUp(t *testing.T) {
	s := newSim(t, 1, 3, election.Available)
	s.startAll()
	x := s.settled()
	for _, p := range x.core.live() {
		p.grace, p.stretched = 3, true
		if got := x.core.deadAt(p).Sub(p.heard); got != 2*x.core.cfg.Dead {
			t.Errorf("held dead after %v, want %v", got, 2*x.core.cfg.Dead)
		}
		p.grace, p.stretched = graceMax, false
		if got := x.core.deadAt(p).Sub(p.heard); got != x.core.cfg.Dead+graceMax*graceStep {
			t.Errorf("held dead after %v by the words of others alone", got)
		}
	}
}

// Two nodes at 30 % loss held each other dead once in a hundred hours: fifteen pings in a row went unanswered.
func TestLastPingsComeFaster(t *testing.T) {
	s := newSim(t, 1, 2, election.Available)
	s.startAll()
	leader := s.settled()
	other := s.without(leader)[0]
	s.crash(leader)
	p := other.core.live()[0]
	from := other.core.sequence
	s.run(time.Minute, func() bool { return !p.live() })
	beats := uint64(p.lost.Sub(p.heard)/other.core.cfg.Heartbeat) + 1
	if pings := other.core.sequence - from - beats; pings < 60 {
		t.Errorf("a peer was held dead after %d pings, want at least 60", pings)
	}
}

// A ping is a sign that this node is not heard well. Its answer went into the same dead spell of a link as its last heartbeats had.
func TestPingedNodeBeatsSoon(t *testing.T) {
	s := newSim(t, 1, 2, election.Available)
	s.startAll()
	x := s.settled()
	p := x.core.live()[0]
	x.core.beatAt = s.local(x).Add(x.core.cfg.Heartbeat)
	x.core.pingFrom(s.local(x), p, wire.Ping{Sequence: p.beat.Sequence + 1})
	if wait := x.core.beatAt.Sub(s.local(x)); wait > probeEvery {
		t.Errorf("the next heartbeat leaves %v after a ping, want at most %v", wait, probeEvery)
	}
}
