package wire

import (
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
