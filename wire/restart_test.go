package wire

import (
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// restart replaces a server by its next process, without a word.
func (w *world) restart(h *host, boot byte) *host {
	w.kill(h)
	return w.serve(h.id[0], boot)
}

// beat makes a host say a heartbeat to peer every 250 ms while it has a session.
func (w *world) beat(d time.Duration, pairs ...[2]*host) {
	for end := w.now.Add(d); w.now.Before(end); {
		for _, p := range pairs {
			p[0].Send(w.now, p[1].id, Heartbeat{Sequence: 1, Leader: p[0].id, Digest: 1 << 60, PID: 70000})
		}
		w.run(250 * ms)
	}
}

func TestFastRestartIsNoticedAtTheFirstHello(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	old := b.Boot()
	b = w.restart(b, 2)
	w.run(200 * ms)
	b.Greet(w.now, a.addr, NodeID{})
	w.run(10 * ms)
	if b.count(Up) != 1 {
		t.Fatalf("one round trip later the new process has %d sessions, want 1", b.count(Up))
	}
	w.run(5 * ms)
	if a.count(Up) != 1 {
		t.Fatalf("one and a half later its peer is up %d times, want 1", a.count(Up))
	}
	for _, v := range a.events {
		if v.What == Up && (v.Replaced != old || v.Boot != b.Boot()) {
			t.Errorf("up with %v replacing %v, want %v replacing %v", v.Boot, v.Replaced, b.Boot(), old)
		}
	}
}

func TestWhatWasForTheOldProcessIsDropped(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	for range 100 {
		mustSend(t, a, b.id, HistoryAdd{Record{Attempt: 1}}) // never released
	}
	w.run(50 * ms)
	b = w.restart(b, 2)
	w.meet(a, b)
	w.run(time.Minute)
	if a.count(Acknowledged) != 0 || len(b.delivered()) != 0 {
		t.Errorf("%d acknowledged, %d delivered, want none", a.count(Acknowledged), len(b.delivered()))
	}
	mustSend(t, a, b.id, Leave{})
	w.run(50 * ms)
	if n := len(b.delivered()); n != 1 {
		t.Errorf("%d delivered of what was said to the new one, want 1", n)
	}
}

func TestRestartedPeerIsFoundByOrdinaryTraffic(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	b = w.restart(b, 2)
	mustSend(t, a, b.id, Heartbeat{Sequence: 1, Leader: a.id, Digest: 1 << 60, PID: 70000}) // for the old process: challenged
	w.run(50 * ms)
	if a.count(Up) != 1 || b.count(Up) != 1 {
		t.Errorf("up %d and %d times, want 1 and 1; %+v", a.count(Up), b.count(Up), b.Counters())
	}
}

func TestRestartAtAnotherAddressNeedsNoLongerAnswer(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	hello := a.hello
	hello.Control = append(hello.Control, addrOf(1), addrOf(2), addrOf(3), addrOf(4), addrOf(5), addrOf(6))
	a.SetHello(hello)
	b = w.restart(b, 2)
	w.net.Detach(b.addr)
	b.addr = addrOf(88)
	w.net.Attach(b.addr)
	b.SetHello(hello)
	w.run(defended) // only then is silence believed of a process at another address
	for _, d := range seal(a, b, Heartbeat{Sequence: 1, Leader: a.id, Digest: 1 << 60, PID: 70000}) {
		w.net.Send(w.now, a.addr, b.addr, d) // a's heartbeat to the old process finds the new one elsewhere
	}
	w.run(60 * ms)
	if a.count(Up) != 1 || b.count(Up) != 1 {
		t.Errorf("up %d and %d times, want 1 and 1; %+v", a.count(Up), b.count(Up), b.Counters())
	}
}

// seal returns the datagrams that carry m from a to b, without sending them.
func seal(a, b *host, m Message) (out [][]byte) {
	a.Send(a.w.now, b.id, m)
	for _, d := range a.Take() {
		out = append(out, d.Data)
	}
	return out
}

func TestRetiredProcessIsRefusedAndNeverFlaps(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	ghost := b // stays alive behind the back of its successor
	ghost.addr = addrOf(66)
	w.net.Attach(ghost.addr)
	b = w.serve(2, 2)
	w.meet(a, b)
	a.events = nil
	w.beat(5*time.Second, [2]*host{ghost, a}, [2]*host{b, a}, [2]*host{a, b})
	ghost.Greet(w.now, a.addr, NodeID{})
	w.run(time.Second)
	if a.count(Up) != 0 {
		t.Errorf("%d flaps", a.count(Up))
	}
	if s, _ := a.Session(b.id); s.Boot != b.Boot() {
		t.Errorf("session with boot %v, want the newer %v", s.Boot, b.Boot())
	}
	refusals := 0
	for _, v := range ghost.events {
		if v.What == Refused && v.Code == CodeConflict && v.Peer == a.id {
			refusals++
		}
	}
	if refusals == 0 {
		t.Error("the retired process was not told")
	}
	w.kill(b) // nor does it come back when its successor is silent
	w.run(5 * time.Second)
	a.events = nil
	ghost.Greet(w.now, a.addr, NodeID{})
	w.beat(time.Second, [2]*host{ghost, a})
	if a.count(Up)+a.count(Delivered) != 0 {
		t.Errorf("the retired process came back: %+v", a.events)
	}
}

func TestDatagramForAnEarlierProcessIsNotDelivered(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	f, err := pack(nil, Leave{})
	if err != nil {
		t.Fatal(err)
	}
	f.ID = 1
	for _, boot := range []Boot{{}, {7}} {
		a.ship(b.addr, a.ring.find(AuthorityPeer, 0), body{Source: a.id, Dest: b.id, Boot: boot, AckBase: 9, Frames: []frame{f}})
	}
	w.run(10 * ms)
	if n := len(b.delivered()); n != 0 {
		t.Errorf("%d delivered", n)
	}
}

func TestTwoLiveHoldersOfOneIDLearnOfEachOther(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	a, b := w.serve(1, 1), w.serve(1, 2)
	b.addr = addrOf(2)
	w.net.Attach(b.addr)
	a.Greet(w.now, b.addr, NodeID{})
	w.run(100 * ms)
	if a.count(Conflict) == 0 {
		t.Errorf("no conflict seen; %+v", a.events)
	}
	if a.count(Up)+b.count(Up) != 0 {
		t.Error("a session with ourselves")
	}
	if n := a.Counters().DatagramsOut + b.Counters().DatagramsOut; n > 8 {
		t.Errorf("%d datagrams about it", n)
	}
}

func TestOwnBroadcastIsIgnored(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a, b := w.serve(1, 1), w.serve(2, 1)
	everybody := addrOf(255)
	a.Greet(w.now, everybody, NodeID{})
	w.run(ms)
	if a.Counters().Looped != 1 || a.count(Up) != 1 || b.count(Up) != 1 {
		t.Errorf("looped %d, up %d and %d, want 1, 1 and 1", a.Counters().Looped, a.count(Up), b.count(Up))
	}
}
