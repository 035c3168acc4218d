package wire

import (
	"net/netip"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

func (h *host) where(peer *host) any {
	s, _ := h.Session(peer.id)
	return s.Addr
}

func TestSessionFollowsAPeerThatHasMoved(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	w.net.Detach(b.addr)
	b.addr = addrOf(9)
	w.net.Attach(b.addr)
	w.beat(500*ms, [2]*host{b, a}, [2]*host{a, b})
	if got := a.where(b); got != b.addr {
		t.Errorf("two heartbeats after it moved the peer is at %v, want %v", got, b.addr)
	}
	if n := a.count(Up); n != 0 {
		t.Errorf("up %d times more, want 0: it is the same process", n)
	}
}

// Whoever holds back a peer's newest datagram can send it from any address. That address gets one answer, not longer than
// the datagram, and not the session.
func TestSessionFollowsNoCopyOfADatagram(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	home, elsewhere := a.where(b), addrOf(9)
	w.net.Cut(wiretest.Link{From: b.addr.Addr(), To: a.addr.Addr()})
	w.tap = true
	w.beat(250*ms, [2]*host{b, a})
	held := w.wires[len(w.wires)-1]
	w.wires = nil
	a.Receive(w.now, elsewhere, held.Data)
	if a.pump(); a.count(Heard) == 0 {
		t.Fatal("the held datagram is not of the session")
	}
	w.beat(5*time.Second, [2]*host{a, b})
	if got := a.where(b); got != home {
		t.Errorf("the session is at %v, want %v", got, home)
	}
	sent := 0
	for _, p := range w.wires {
		if p.To == elsewhere {
			sent += len(p.Data)
		}
	}
	if sent > len(held.Data) {
		t.Errorf("%d bytes go to an address that has proved nothing, for %d from it", sent, len(held.Data))
	}
}

// A Hello to all opens sessions too, whoever has more to say of itself.
func TestCallEndsInASession(t *testing.T) {
	for _, long := range []byte{1, 2} {
		w := newWorld(t, 1, wiretest.Faults{Delay: 5 * ms})
		a, b := w.serve(1, 1), w.serve(2, 1)
		for _, h := range []*host{a, b} {
			if h.id == nodeID(long) {
				h.SetHello(Hello{Name: "one of sixty-four letters, whose greeting is longer than others", Control: make8(), Data: make8()})
			}
		}
		a.Call(w.now, netip.MustParseAddrPort("10.0.0.255:47470"))
		w.run(100 * ms)
		if a.count(Up) != 1 || b.count(Up) != 1 {
			t.Errorf("with long names on %d, up %d and %d times, want 1 and 1", long, a.count(Up), b.count(Up))
		}
	}
}

func make8() (out []netip.AddrPort) {
	for n := range byte(8) {
		out = append(out, addrOf(100+n))
	}
	return out
}

// An answer to a greeting, held back and sent from elsewhere, opens no session, and draws no more than it brought.
func TestStolenAnswerOpensNothing(t *testing.T) {
	for what, greet := range map[string]func(w *world, a *host){
		"to one": func(w *world, a *host) { a.Greet(w.now, addrOf(2), NodeID{}) },
		"to all": func(w *world, a *host) { a.Call(w.now, netip.MustParseAddrPort("10.0.0.255:47470")) },
	} {
		w := newWorld(t, 1, wiretest.Faults{Delay: 5 * ms})
		a, b := w.serve(1, 1), w.serve(2, 1)
		w.net.Cut(wiretest.Link{From: b.addr.Addr(), To: a.addr.Addr()})
		w.tap = true
		greet(w, a)
		w.run(50 * ms)
		answer := w.wires[len(w.wires)-1]
		if answer.From != b.addr {
			t.Fatalf("%s: no answer", what)
		}
		w.wires = nil
		a.Receive(w.now, addrOf(9), answer.Data)
		w.run(5 * time.Second)
		if n := a.count(Up); n != 0 {
			t.Errorf("%s: %d sessions by an answer from elsewhere", what, n)
		}
		sent := 0
		for _, p := range w.wires {
			sent += len(p.Data)
		}
		if sent > len(answer.Data) {
			t.Errorf("%s: %d bytes for %d", what, sent, len(answer.Data))
		}
	}
}
