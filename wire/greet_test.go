package wire

import (
	"bytes"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// A Hello to whoever is there carries the cookie of the time at which it is sent, and what is said of the sender now.
func TestGreetingCarriesTheCookieOfItsTime(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a := w.serve(1, 1)
	for i, after := range []time.Duration{0, time.Millisecond - 1, time.Millisecond, 3 * cookieLife, 4*cookieLife + 1} {
		if i == 3 {
			a.SetHello(Hello{Name: "renamed"})
		}
		now := begun.Add(after)
		a.Call(now, addrOf(2))
		h := greetingIn(t, a)
		if want := a.baker.bake(uint32(after/time.Millisecond), nil); !bytes.Equal(h.Cookie, want) {
			t.Errorf("after %v the cookie is %x, want %x", after, h.Cookie, want)
		}
		a.Greet(now, addrOf(3), NodeID{})
		if got, want := greetingIn(t, a).Cookie, a.baker.bake(uint32(after/time.Millisecond), a.baker.place(addrOf(3))); !bytes.Equal(got, want) {
			t.Errorf("after %v the cookie to one host is %x, want %x", after, got, want)
		}
		if renamed := h.Name == "renamed"; renamed != (i >= 3) {
			t.Errorf("after %v the greeting is of %q", after, h.Name)
		}
	}
}

// greetingIn returns the Hello in the one datagram that a has to send.
func greetingIn(t *testing.T, a *host) Hello {
	t.Helper()
	out := a.Take()
	if len(out) != 1 {
		t.Fatalf("%d datagrams, want a greeting", len(out))
	}
	h, err := parseHeader(out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := newRing([]Key{serverKey}, nil, false).open(nil, h, out[0].Data)
	b, err := parseBody(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMessage(KindHello, b.Frames[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	return m.(Hello)
}
