package wire

import (
	"errors"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

const ms = time.Millisecond

// pair is two servers with a session.
func pair(t testing.TB, seed uint64, f wiretest.Faults) (w *world, a, b *host) {
	w = newWorld(t, seed, f)
	a, b = w.serve(1, 1), w.serve(2, 1)
	w.meet(a, b)
	w.run(100 * ms)
	a.events, b.events = nil, nil
	return w, a, b
}

func mustSend(t testing.TB, h *host, to NodeID, m Message) uint64 {
	t.Helper()
	id, err := h.Send(h.w.now, to, m)
	if err != nil {
		t.Fatalf("Send(%v) = %v", m.Kind(), err)
	}
	return id
}

func TestSessionOpensWithinOneRoundTrip(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: 10 * ms})
	a, b := w.serve(1, 1), w.serve(2, 1)
	a.Greet(w.now, b.addr, NodeID{})
	w.run(20 * ms)
	if a.count(Up) != 1 {
		t.Errorf("after one round trip the greeting side has %d sessions, want 1", a.count(Up))
	}
	w.run(10 * ms)
	if b.count(Up) != 1 {
		t.Errorf("after one and a half the greeted side has %d sessions, want 1", b.count(Up))
	}
	if s, ok := a.Session(b.id); !ok || s.Hello.Name != "c" || s.Addr != b.addr || s.RTT != 20*ms {
		t.Errorf("Session = %+v, %v", s, ok)
	}
}

func TestReliableMessageIsDeliveredAndAcknowledged(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	id := mustSend(t, a, b.id, Leave{Epoch: 7})
	w.run(50 * ms)
	if got := b.delivered(); len(got) != 1 || got[0] != (Leave{Epoch: 7}) {
		t.Fatalf("delivered %v", got)
	}
	if a.count(Acknowledged) != 1 || a.events[len(a.events)-1].ID != id {
		t.Errorf("events of the sender: %v, want an acknowledgement of %d", a.events, id)
	}
}

func TestUnreliableMessageNeverWaitsBehindReliableOnes(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	for range 500 {
		mustSend(t, a, b.id, HistoryAdd{Record{Client: "somebody with a fairly long name"}})
	}
	mustSend(t, a, b.id, Heartbeat{Sequence: 9})
	w.run(ms)
	if got := b.delivered(); len(got) == 0 || got[0].Kind() != KindHeartbeat {
		t.Errorf("the heartbeat was not the first of %d deliveries", len(got))
	}
}

func TestHeldMessageIsAcknowledgedOnlyWhenReleased(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	mustSend(t, a, b.id, HistoryAdd{Record{Attempt: 1}})
	w.run(300 * ms)
	if n := len(b.delivered()); n != 1 || a.count(Acknowledged) != 0 {
		t.Fatalf("before Release: %d delivered, %d acknowledged, want 1 and 0", n, a.count(Acknowledged))
	}
	v := b.events[len(b.events)-1]
	for _, e := range b.events {
		if e.What == Delivered {
			v = e
		}
	}
	b.Release(w.now, a.id, Boot{1}, v.ID) // a process that is no more
	w.run(100 * ms)
	if a.count(Acknowledged) != 0 {
		t.Fatal("acknowledged for another boot")
	}
	b.Release(w.now, a.id, v.Boot, v.ID)
	w.run(ms + ms/2)
	if a.count(Acknowledged) != 1 {
		t.Errorf("%d acknowledged one trip after Release, want 1", a.count(Acknowledged))
	}
	if n := len(b.delivered()); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

func TestHeldMessageIsNotTakenForLost(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	mustSend(t, a, b.id, HistoryAdd{Record{Attempt: 1}}) // on its way to a slow disk
	for range 50 {
		mustSend(t, a, b.id, Leave{})
		w.run(10 * ms)
	}
	if n := b.Counters().Duplicates; n > 5 {
		t.Errorf("sent again %d times in half a second, want what the timer does", n)
	}
}

func TestQueueIsBounded(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	w.net.Partition(addrs(a), addrs(b))
	for i := range 1024 {
		if _, err := a.Send(w.now, b.id, Leave{}); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if _, err := a.Send(w.now, b.id, Leave{}); !errors.Is(err, ErrQueueFull) {
		t.Errorf("message 1025: %v, want ErrQueueFull", err)
	}
	if _, err := a.Send(w.now, b.id, Heartbeat{}); err != nil {
		t.Errorf("heartbeat behind a full queue: %v", err)
	}
	if _, err := a.Send(w.now, nodeID(9), Leave{}); !errors.Is(err, ErrNoSession) {
		t.Errorf("to a stranger: %v, want ErrNoSession", err)
	}
	w.run(10 * time.Second)
	if s, _ := a.Session(b.id); s.Queued != 1024 {
		t.Errorf("%d queued, want 1024", s.Queued)
	}
	if n := len(a.sessions[b.id].out.flight); n != 64 {
		t.Errorf("%d in flight, want 64", n)
	}
}

func TestSilenceMakesSuspectOnceAndQuietEndsTheSending(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	w.net.Partition(addrs(a), addrs(b))
	mustSend(t, a, b.id, Leave{})
	w.run(30 * time.Second)
	if a.count(Suspect) != 1 {
		t.Errorf("suspect %d times, want 1", a.count(Suspect))
	}
	a.Quiet(b.id)
	sent := a.Counters().DatagramsOut
	w.run(10 * time.Second)
	if n := a.Counters().DatagramsOut - sent; n != 0 {
		t.Errorf("%d datagrams to a peer held dead", n)
	}
	w.net.Heal()
	for range 200 { // more than the window: the dropped message must not leave a hole
		mustSend(t, a, b.id, Leave{Epoch: 1})
	}
	w.run(5 * time.Second)
	if n := len(b.delivered()); n != 200 {
		t.Errorf("%d delivered after the partition, want 200 and not the dropped one", n)
	}
	if a.count(Acknowledged) != 200 {
		t.Errorf("%d acknowledged, want 200", a.count(Acknowledged))
	}
}

func TestFramesArePackedUpToTheLimit(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	sent := a.Counters().DatagramsOut
	for range 60 {
		mustSend(t, a, b.id, Leave{Epoch: 1 << 40})
	}
	w.run(2 * ms)
	if n := len(b.delivered()); n != 60 {
		t.Fatalf("%d delivered, want 60", n)
	}
	if n := a.Counters().DatagramsOut - sent; n > 2 || a.outMax > MaxDatagram {
		t.Errorf("%d datagrams of at most %d bytes, want at most 2 of 1200", n, a.outMax)
	}
}

func TestAddressChangeIsFollowed(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	w.net.Detach(b.addr)
	b.addr = addrOf(77)
	w.net.Attach(b.addr)
	mustSend(t, b, a.id, Heartbeat{Sequence: 1})
	w.run(5 * ms)
	if s, _ := a.Session(b.id); s.Addr != b.addr {
		t.Fatalf("session at %v, want %v", s.Addr, b.addr)
	}
	mustSend(t, a, b.id, Leave{})
	w.run(5 * ms)
	if n := len(b.delivered()); n != 1 {
		t.Errorf("%d delivered at the new address, want 1", n)
	}
}

func TestForgottenSessionOpensAgainAndStaysInStep(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	for range 100 {
		mustSend(t, a, b.id, Leave{})
		mustSend(t, b, a.id, Leave{})
	}
	w.run(time.Second)
	a.Forget(b.id)
	if _, ok := a.Session(b.id); ok {
		t.Fatal("the session is still there")
	}
	mustSend(t, b, a.id, Heartbeat{}) // is challenged, and proves itself
	w.run(20 * ms)
	if a.count(Up) != 1 {
		t.Fatalf("up %d times, want 1", a.count(Up))
	}
	a.events, b.events = nil, nil
	for range 100 {
		mustSend(t, a, b.id, Leave{Epoch: 1})
		mustSend(t, b, a.id, Leave{Epoch: 1})
	}
	w.run(time.Second)
	if x, y := len(a.delivered()), len(b.delivered()); x != 100 || y != 100 {
		t.Errorf("%d and %d delivered, want 100 each", x, y)
	}
}

func TestRefusalReachesThePeer(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	a, b := w.serve(1, 1), w.serve(2, 1)
	b.hear = func(v Event) {
		if v.What == Up {
			b.Refuse(w.now, v.Peer, CodeConflict, "that name is taken")
		}
	}
	a.Greet(w.now, b.addr, NodeID{})
	w.run(50 * ms)
	if a.count(Refused) != 1 {
		t.Fatalf("refused %d times, want 1", a.count(Refused))
	}
	v := a.events[len(a.events)-1]
	if v.Code != CodeConflict || v.Detail != "that name is taken" {
		t.Errorf("refused with %v %q", v.Code, v.Detail)
	}
	if _, ok := a.Session(b.id); ok {
		t.Error("the refused side still has a session")
	}
}
