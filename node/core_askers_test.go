package node

import (
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
	"pgregory.net/rapid"
)

// Whatever the order in which an asker's datagrams and copies of them come, none is read twice, and whoever is not
// overtaken by more than 64 is read.
func TestAskersDatagramsAreReadOnce(t *testing.T) {
	var w asked
	for _, n := range []uint64{1, 70, 6, 69} { // 70−64 is the oldest remembered
		if !w.take(n) {
			t.Errorf("datagram %d is not read", n)
		}
	}
	for _, n := range []uint64{70, 69, 6, 5, 1} {
		if w.take(n) {
			t.Errorf("datagram %d is read, again or after 64 others", n)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var w asked
		read, top := map[uint64]bool{}, uint64(0)
		for _, n := range rapid.SliceOf(rapid.Uint64Range(1, 200)).Draw(t, "counters") {
			want := !read[n] && n+64 >= top
			if got := w.take(n); got != want {
				t.Fatalf("datagram %d, with %d the highest and read %v before, is read: %v, want %v", n, top, read[n], got, want)
			}
			read[n], top = read[n] || want, max(top, n)
		}
	})
}

// A copy of a question is not a second one, however much has been asked since: it would move a job again.
func TestReplayedQuestionMovesNothing(t *testing.T) {
	s := newSim(t, 1, 2, election.Available)
	s.startAll()
	x := s.settled()
	w := s.stranger(x, 1)
	met := w.met
	say := func(avoid ...wire.NodeID) (said []byte, r wire.Record) {
		q := wire.TaskAssignmentRequest{Job: wire.JobID{1}, Client: "sim", Size: 1, Cookie: met.Message.(wire.LeaderResponse).Cookie, Avoid: avoid}
		w.ep.SendTo(s.local(x), x.addr, met.Peer, met.Boot, met.Key, q)
		said = w.ep.Take()[0].Data
		x.core.Receive(s.local(x), w.from, said)
		s.flush(x)
		s.run(time.Second, nil)
		r, _ = x.core.ledger.Get(q.Job)
		return said, r
	}
	_, first := say()
	moved, second := say(first.Server)
	_, third := say(second.Server)
	if second.Attempt != 2 || third.Attempt != 3 || third.Server != first.Server {
		t.Fatalf("moved twice, a job is at attempts %d and %d", second.Attempt, third.Attempt)
	}
	for other := range byte(200) { // enough to make a small memory of datagrams forget
		v := s.stranger(x, 2+other%50)
		for range 40 {
			v.ep.SendTo(s.local(x), x.addr, wire.NodeID{}, wire.Boot{}, wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{Nonce: 2})
		}
		v.hear()
		s.run(100*time.Millisecond, nil)
	}
	x.core.Receive(s.local(x), w.from, moved)
	s.flush(x)
	s.run(time.Second, nil)
	if r, _ := x.core.ledger.Get(wire.JobID{1}); r.Attempt != third.Attempt {
		t.Errorf("a copy of a question moves the job to attempt %d", r.Attempt)
	}
}
