package wire

import (
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// A greeting that was held back until its sender was dead and a newer process known takes no session from that one, though
// its cookie is still good: it was made before the newer one was met. (Swarm seed 16 -sim.for 120s: the newer process was
// then told that it is an older one, and ended.)
func TestGreetingHeldBackTakesNoSession(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	w.kill(b)
	b = w.serve(2, 2)
	a.Greet(w.now, b.addr, b.id)
	for _, d := range a.Take() {
		b.Receive(w.now, a.addr, d.Data)
	}
	held := b.Take() // whoever holds it back
	w.run(time.Second)
	w.kill(b)
	b = w.serve(2, 3)
	w.meet(a, b)
	a.events, b.events = nil, nil
	for range 3 {
		w.beat(500*ms, [2]*host{a, b}, [2]*host{b, a})
		for _, d := range held {
			a.Receive(w.now, b.addr, d.Data)
		}
		w.run(100 * ms)
	}
	if s, _ := a.Session(b.id); s.Boot != b.Boot() || a.count(Up) != 0 || b.count(Refused) != 0 {
		t.Errorf("a has a session with boot %v, want %v; up %d times more; b was refused %d times", s.Boot, b.Boot(), a.count(Up), b.count(Refused))
	}
	if a.count(Heard) == 0 {
		t.Error("a did not hear b meanwhile")
	}
}

// It is the session's beginning that counts: a process started later proves itself with what it was sent later.
func TestGreetingOfALaterProcessTakesTheSession(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: 5 * ms})
	for boot := byte(2); boot < 6; boot++ {
		w.kill(b)
		b = w.serve(2, boot)
		a.Greet(w.now, b.addr, b.id)
		w.run(11 * ms)
		if s, _ := a.Session(b.id); s.Boot != b.Boot() {
			t.Fatalf("a round trip after its start boot %v has no session", b.Boot())
		}
	}
}
