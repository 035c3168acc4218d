package node

import (
	"net/netip"
	"testing"
	"time"

	"p2pnode/wire"
)

// resumed is a search for another job that goes by what a search has found, in which n1 led and gave the assignment.
func resumed(t *testing.T) *seeking {
	id := identityOf(t, 1)
	s := newSeeking(t, trust{known: []Pin{{Cluster: id.Cluster}}})
	s.hear(1, s.says(1, 1, 5, 1))
	s.hear(2, s.says(2, 1, 5, 1))
	s.hear(1, assignedTo(2, 1))
	r := s.recollect(s.now)
	if r == nil || r.leader != nodeOf(1) {
		t.Fatalf("recollected %+v, want that n1 leads", r)
	}
	n := &seeking{search: &search{trust: s.trust, targets: []netip.AddrPort{askAt}, places: "the test"}, t: t, now: s.now.Add(time.Second), sent: sent{}}
	n.job = &wire.TaskAssignmentRequest{Job: wire.JobID{2}}
	n.resume(n.now, r)
	n.collect()
	return n
}

func assignedTo(server, job uint8) wire.TaskAssignmentResponse {
	return wire.TaskAssignmentResponse{Job: wire.JobID{job}, Attempt: 1, Server: wire.Node{ID: nodeOf(server), Data: []netip.AddrPort{addrOf(server)}}}
}

func (s *seeking) queries() (n int) {
	for what, times := range s.sent {
		if what[:len("LeaderQuery")] == "LeaderQuery" {
			n += times
		}
	}
	return n
}

func TestNextJobIsAskedOfTheLeaderAlone(t *testing.T) {
	s := resumed(t)
	s.wait(90 * time.Millisecond)
	if s.asked(1) != 1 || len(s.sent) != 1 {
		t.Fatalf("asked %v, want n1 once and nobody else", s.sent)
	}
	if s.hear(1, assignedTo(2, 2)); s.found == nil || s.found.Server.ID != nodeOf(2) || s.queries() != 0 {
		t.Errorf("found %+v, asked %v", s.found, s.sent)
	}
}

// A leader that is gone costs a moment: then all are asked as if nothing had been known, and the new one is believed.
func TestRecollectionOfADeadLeaderIsGivenUp(t *testing.T) {
	s := resumed(t)
	s.wait(110 * time.Millisecond)
	if s.queries() != 3 {
		t.Fatalf("after 110 ms without an answer %v were asked, want the target and both servers", s.sent)
	}
	s.hear(2, s.says(2, 2, 6, 1))
	s.wait(200 * time.Millisecond)
	if s.asked(2) == 0 {
		t.Errorf("asked %v, want n2, which leads by a higher epoch", s.sent)
	}
	if s.hear(2, assignedTo(2, 2)); s.found == nil || s.found.From != addrOf(2) {
		t.Errorf("found %+v", s.found)
	}
}

// One that leads no more says so, and who does.
func TestRecollectionOfADeposedLeaderIsMended(t *testing.T) {
	s := resumed(t)
	s.hear(1, wire.NotLeader{Job: wire.JobID{2}, Epoch: 6, Leader: wire.Node{ID: nodeOf(2), Control: []netip.AddrPort{addrOf(2)}}})
	s.wait(60 * time.Millisecond)
	if s.asked(2) != 1 {
		t.Errorf("asked %v, want n2 once", s.sent)
	}
}

func TestRecollectionsGrowOld(t *testing.T) {
	cl := &Client{}
	now := time.Now()
	cl.remember(&recollection{at: now})
	if cl.recall(now.Add(recalled-1)) == nil {
		t.Error("forgotten too early")
	}
	if cl.recall(now.Add(recalled)) != nil {
		t.Error("never forgotten")
	}
	if cl.remember(nil); cl.recall(now) != nil {
		t.Error("not forgotten when told to")
	}
}
