package node

import (
	"net/netip"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// What a client is told to be durable is on the disks of a majority at that moment, not in their memories (PROTOCOL.md §8).
func TestSimulatedDurableMeansOnDisk(t *testing.T) {
	for _, mode := range []election.Quorum{election.Available, election.Majority} {
		told := 0
		scenario(t, func(t *testing.T, seed uint64) {
			s := newSim(t, seed, 2+int(seed%4), mode)
			s.faults(wiretest.Faults{Loss: 0.1})
			s.startAll()
			s.settled()
			s.client.told = func(_ *simAsk, m wire.TaskAssignmentResponse) {
				if m.Durable {
					told++
					s.onDisks(m)
				}
			}
			for range 30 {
				s.client.submit()
				s.run(50*time.Millisecond, nil)
			}
		})
		if told < 10 {
			t.Errorf("%v: only %d assignments were told as durable", mode, told)
		}
	}
}

// onDisks checks that a majority of all nodes has stored an assignment, or what became of it.
func (s *sim) onDisks(m wire.TaskAssignmentResponse) {
	have := 0
	for _, x := range s.nodes {
		if r, ok := x.disk.records[m.Job]; ok && r.Attempt >= m.Attempt {
			have++
		}
	}
	if 2*have <= len(s.nodes) {
		s.t.Errorf("job %v, attempt %d, is told as durable; it is on %d of %d disks", m.Job, m.Attempt, have, len(s.nodes))
	}
}

// A record that comes again while its first copy waits for the disk is acknowledged when that is stored.
func TestRepeatedRecordWaitsForTheDisk(t *testing.T) {
	s := newSim(t, 1, 1, election.Available)
	s.startAll()
	x := s.settled()
	r := aRecord(1, wire.Running)
	first := x.core.put(Batch{})
	x.core.learn(s.now, wire.Event{}, []wire.Record{r})
	waits := len(x.core.waits)
	x.core.learn(s.now, wire.Event{}, []wire.Record{r})
	if len(x.core.waits) != waits+1 || x.core.waits[waits].n != first+1 {
		t.Errorf("after a second copy %d acknowledgements wait, want %d, for batch %d", len(x.core.waits), waits+1, first+1)
	}
}

// A result's file goes when the disk has forgotten its record, and when no other job's record names it.
func TestResultGoesAfterItsRecord(t *testing.T) {
	s := newSim(t, 1, 1, election.Available)
	s.startAll()
	c := s.settled().core
	result := wire.Digest{7}
	for job := range uint8(2) {
		c.mine[jobOf(job)] = &Mine{Job: jobOf(job), Result: result}
	}
	drops := func(when string, want int) {
		t.Helper()
		if got := len(c.takeDrops()); got != want {
			t.Errorf("%s: %d files go, want %d", when, got, want)
		}
	}
	c.discard(s.now, jobOf(0))
	c.Stored(s.now, c.queued)
	drops("another job has the same result", 0)
	c.discard(s.now, jobOf(1))
	drops("the record is still on disk", 0)
	c.Stored(s.now, c.queued)
	drops("the record is gone", 1)
}

// stranger is a client at an address of its own that talks to one core directly.
type stranger struct {
	s    *sim
	x    *simNode
	from netip.AddrPort
	ep   *wire.Endpoint
	met  wire.Event
}

func (s *sim) stranger(x *simNode, host byte) *stranger {
	w := &stranger{s: s, x: x, from: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, host}), 5000)}
	w.ep = wire.NewEndpoint(s.now, wire.EndpointConfig{Self: wire.NodeID{host}, Open: true, Rand: s.rand, Entropy: seeded{s.rand}})
	w.ep.SendTo(s.local(x), x.addr, wire.NodeID{}, wire.Boot{}, wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{Nonce: 1})
	w.hear()
	return w
}

// hear exchanges datagrams and returns the newest answer.
func (w *stranger) hear() (last wire.Message) {
	now := w.s.local(w.x)
	for _, d := range w.ep.Take() {
		w.x.core.Receive(now, w.from, d.Data)
	}
	for _, d := range w.x.core.Take() {
		if d.To == w.from {
			w.ep.Receive(now, w.x.addr, d.Data)
		}
	}
	for _, e := range w.ep.Events() {
		w.met, last = e, e.Message
	}
	return last
}

func (w *stranger) ask(m wire.TaskAssignmentRequest) wire.Message {
	w.ep.SendTo(w.s.local(w.x), w.x.addr, w.met.Peer, w.met.Boot, w.met.Key, m)
	return w.hear()
}

// A source address is believed when its cookie has come back, and no sooner: nothing is recorded, nothing is answered.
func TestStrangersNeedACookieOfTheirOwn(t *testing.T) {
	s := newSim(t, 1, 1, election.Available)
	s.startAll()
	x := s.settled()
	honest, liar := s.stranger(x, 1), s.stranger(x, 2)
	cookie := honest.met.Message.(wire.LeaderResponse).Cookie
	q := wire.TaskAssignmentRequest{Job: wire.JobID{1}, Client: "sim", Size: 1}
	for _, q.Cookie = range [][]byte{nil, make([]byte, 16), cookie} {
		if m := liar.ask(q); m != nil {
			t.Errorf("a request with cookie %x is answered with %+v", q.Cookie, m)
		}
	}
	if x.core.ledger.Len() > 0 {
		t.Error("a request without its own cookie is in the ledger")
	}
	if honest.ask(q); x.core.ledger.Len() != 1 {
		t.Error("a request with its cookie is not in the ledger")
	}
}

// A job's id is public; only who asked for it may say that its server is to be avoided.
func TestStrangersMoveNobodysJob(t *testing.T) {
	s := newSim(t, 1, 3, election.Available)
	s.startAll()
	x := s.settled()
	ask := func(w *stranger, avoid ...wire.NodeID) wire.Record {
		q := wire.TaskAssignmentRequest{Job: wire.JobID{1}, Client: "sim", Size: 1, Avoid: avoid}
		q.Cookie = w.met.Message.(wire.LeaderResponse).Cookie
		met := w.met
		w.ask(q)
		w.met = met
		s.run(time.Second, nil)
		r, _ := x.core.ledger.Get(q.Job)
		return r
	}
	owner, other := s.stranger(x, 1), s.stranger(x, 2)
	first := ask(owner)
	if r := ask(other, first.Server); r.Attempt != first.Attempt || r.Server != first.Server {
		t.Errorf("another client moved the job from attempt %d to %d", first.Attempt, r.Attempt)
	}
	if r := ask(owner, first.Server); r.Attempt != first.Attempt+1 || r.Server == first.Server {
		t.Errorf("its own client did not move the job: attempt %d, then %d", first.Attempt, r.Attempt)
	}
}

// The lease is looked at when a client is answered, not only when it asked (PROTOCOL.md §6 L5).
func TestLeaseIsCheckedAtTheAnswer(t *testing.T) {
	s := newSim(t, 1, 3, election.Majority)
	s.startAll()
	x := s.settled()
	w := s.stranger(x, 1)
	job := wire.JobID{1}
	q := wire.TaskAssignmentRequest{Job: job, Client: "sim", Size: 1, Cookie: w.met.Message.(wire.LeaderResponse).Cookie}
	if m := w.ask(q); m != nil {
		t.Fatalf("answered before any disk has it: %+v", m)
	}
	f := x.core.confirms[job]
	for _, y := range s.without(x) {
		f.holders[IDOf(y.name)] = true
	}
	s.now = s.now.Add(time.Second) // in which nobody was heard
	x.core.settle(s.local(x), f)
	if m, ok := w.hear().(wire.Busy); !ok || m.Code != wire.CodeNoQuorum {
		t.Errorf("a leader whose lease has run out answers %+v, want NO_QUORUM", m)
	}
}
