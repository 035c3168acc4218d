package node

import (
	"net/netip"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// asks has a client of its own ask a node for an assignment, and returns what the node says.
func (s *sim) asks(x *simNode) wire.Message {
	s.t.Helper()
	from := netip.MustParseAddrPort("10.0.0.201:5000")
	client := wire.NewEndpoint(s.now, wire.EndpointConfig{Self: wire.NodeID{201}, Open: true, Rand: s.rand, Entropy: seeded{s.rand}})
	hear := func(now time.Time) (last wire.Event) {
		for _, d := range client.Take() {
			x.core.Receive(now, from, d.Data)
		}
		for _, d := range x.core.Take() {
			if d.To == from {
				client.Receive(now, x.addr, d.Data)
			}
		}
		for _, e := range client.Events() {
			last = e
		}
		return last
	}
	client.SendTo(s.local(x), x.addr, wire.NodeID{}, wire.Boot{}, wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{Nonce: 1})
	e := hear(s.local(x))
	r, ok := e.Message.(wire.LeaderResponse)
	if !ok {
		s.t.Fatalf("%s answers LeaderQuery with %v", x.name, e.Message)
	}
	client.SendTo(s.local(x), e.Addr, e.Peer, e.Boot, e.Key, wire.TaskAssignmentRequest{Cookie: r.Cookie, Job: wire.JobID{1}, Client: "sim", Size: 1})
	return hear(s.local(x)).Message
}

func TestMinorityTellsThatItLacksAQuorum(t *testing.T) {
	scenario(t, func(t *testing.T, seed uint64) {
		s := newSim(t, seed, 3, election.Majority)
		s.startAll()
		leader := s.settled()
		rest := s.without(leader)
		s.crash(leader)
		s.crash(rest[0])
		s.run(10*time.Second, nil)
		busy, ok := s.asks(rest[1]).(wire.Busy)
		if !ok || busy.Code != wire.CodeNoQuorum || busy.RetryAfter == 0 {
			t.Errorf("the last of three voters answers %+v, want Busy with NO_QUORUM, to be asked again", busy)
		}
		if ready, why := rest[1].core.readiness(s.local(rest[1]), wire.NodeID{}); ready || why != rest[1].core.whyNot(wire.CodeNoQuorum) {
			t.Errorf("status says ready %v, %q", ready, why)
		}
	})
}

func TestMajorityWithoutALeaderYetNamesNone(t *testing.T) {
	s := newSim(t, 1, 3, election.Majority)
	s.startAll()
	leader := s.settled()
	rest := s.without(leader)
	s.crash(leader)
	if !s.run(10*time.Second, func() bool { _, l, _, _ := rest[0].core.elect.Beat(); return l.IsZero() }) {
		t.Fatal("the dead leader was not missed")
	}
	if m, ok := s.asks(rest[0]).(wire.NotLeader); !ok || !m.Leader.ID.IsZero() {
		t.Errorf("two of three voters between leaders answer %+v, want NotLeader without a name", m)
	}
}
