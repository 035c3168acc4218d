package wire

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"p2pnode/wire/wiretest"
)

func TestForgottenPeersMakeRoomAndLiveOnesDoNot(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a := w.add(1, EndpointConfig{Self: nodeID(1), Peer: []Key{serverKey}, Entropy: entropy(1), Peers: 2})
	b, c, d := w.serve(2, 1), w.serve(3, 1), w.serve(4, 1)
	w.meet(a, b)
	w.run(ms)
	w.meet(a, c)
	w.run(ms)
	d.Greet(w.now, a.addr, NodeID{})
	w.run(10 * ms)
	if _, ok := a.Session(d.id); ok || d.count(Refused) != 1 || d.events[len(d.events)-1].Code != CodeBusy {
		t.Fatalf("a third peer of two: %v, events %+v", ok, d.events)
	}
	a.Forget(c.id)
	d.Greet(w.now, a.addr, NodeID{})
	w.run(10 * ms)
	if got := a.Sessions(); len(got) != 2 || got[0].Peer != b.id || got[1].Peer != d.id {
		t.Errorf("sessions %+v, want those of b and d", got)
	}
}

func TestPeersWithoutACommonVersionAreRefused(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a, b := w.serve(1, 1), w.serve(2, 1)
	b.SetHello(Hello{MinVersion: 2, MaxVersion: 3, Name: "from the future"})
	b.Greet(w.now, a.addr, NodeID{})
	w.run(10 * ms)
	if b.count(Refused) != 1 || b.events[0].Code != CodeUnsupported || len(a.Sessions()) != 0 {
		t.Errorf("events %+v", b.events)
	}
}

func TestFramesOfALaterVersionAreAcknowledgedAndSkipped(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	s := a.sessions[b.id]
	for _, f := range []frame{
		{Kind: 200, Payload: []byte("what is this")},
		{Kind: KindLeave, Payload: []byte{0xFF}},         // not CBOR
		{Kind: KindLeaderQuery, Payload: []byte{0xA0}},   // not a peer's to say
		{Kind: KindHeartbeat, Payload: marshal(Leave{})}, // NON, but with an id
	} {
		a.post(s, letter{frame: f}, true)
	}
	mustSend(t, a, b.id, Leave{Epoch: 5})
	w.run(100 * ms)
	if a.count(Acknowledged) != 5 {
		t.Errorf("%d acknowledged, want 5", a.count(Acknowledged))
	}
	if got := b.delivered(); len(got) != 1 || got[0] != (Leave{Epoch: 5}) {
		t.Errorf("delivered %v", got)
	}
	if c := b.Counters(); c.Unknown != 1 || c.Malformed != 1 || c.Forbidden != 2 {
		t.Errorf("counted %+v", c)
	}
}

func TestFrameBeyondTheWindowIsDropped(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	a.sessions[b.id].out.last = 64
	mustSend(t, a, b.id, Leave{})
	w.run(10 * ms)
	if len(b.delivered()) != 0 || a.count(Acknowledged) != 0 {
		t.Error("message 65 was taken while 1 is missing")
	}
}

// TestKeyIDsMayCollide gives an endpoint two keys with one id.
func TestKeyIDsMayCollide(t *testing.T) {
	first := Key{1}
	second := Key{2}
	for second.ID() != first.ID() {
		for i := 0; ; i++ {
			if second[i]++; second[i] != 0 {
				break
			}
		}
	}
	r := newRing([]Key{first, second}, nil, false)
	p := r[1].seal(nil, Boot{1}, 1, []byte("body"))
	h, err := parseHeader(p)
	if err != nil {
		t.Fatal(err)
	}
	if body, k := r.open(nil, h, p); string(body) != "body" || k != &r[1] {
		t.Errorf("opened %q", body)
	}
}

func TestHelloIsRenewedInASession(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	h := b.hello
	h.Data = []netip.AddrPort{addrOf(200)}
	b.SetHello(h)
	b.Greet(w.now, a.addr, a.id)
	w.run(10 * ms)
	if s, _ := a.Session(b.id); len(s.Hello.Data) != 1 || s.Hello.Data[0] != addrOf(200) {
		t.Errorf("a knows %+v", s.Hello)
	}
	if a.count(Up) != 0 || a.count(Heard) != 0 {
		t.Error("a Hello is no news and no evidence")
	}
	if b.count(Heard) == 0 {
		t.Error("a HelloAck is evidence")
	}
}

func TestUnprovenPeersHaveABudget(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a, b := w.serve(1, 1), w.serve(2, 1)
	for range 500 {
		b.Greet(w.now, a.addr, NodeID{})
	}
	for _, d := range b.Take() {
		a.Receive(w.now, b.addr, d.Data)
	}
	answers := len(a.Take())
	if answers != srcBurst || a.Counters().Starved != uint64(500-srcBurst) {
		t.Errorf("%d answers, %d starved, want %d and %d", answers, a.Counters().Starved, srcBurst, 500-srcBurst)
	}
	w.meet(a, b) // the flooded side can still greet
}

func TestSendRefusesWhatCannotPass(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	for _, c := range []struct {
		m    Message
		want error
	}{
		{LeaderQuery{}, ErrForbidden},
		{HistoryChunk{Records: make([]Record, 30)}, ErrTooLarge},
		{HistoryAdd{Record{Client: strings.Repeat("x", 65)}}, FormatError("client of 65, at most 64")},
		{HistoryAdd{Record{Client: "\x07"}}, FormatError("control character in client")},
	} {
		if _, err := a.Send(w.now, b.id, c.m); !errors.Is(err, c.want) {
			t.Errorf("Send(%v) = %v, want %v", c.m.Kind(), err, c.want)
		}
	}
	if Fits(HistoryChunk{Records: make([]Record, 30)}) || !Fits(HistoryChunk{Records: make([]Record, 5)}) {
		t.Error("Fits disagrees")
	}
}

func TestLongestMessagesFillADatagramAndNoMore(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	m := HistoryChunk{Buckets: 1<<64 - 1}
	for Fits(HistoryChunk{Buckets: m.Buckets, Records: append(m.Records, sampleRecord)}) {
		m.Records = append(m.Records, sampleRecord)
	}
	a.counter, a.sessions[b.id].in.base, a.sessions[b.id].out.last = 1<<62, 1<<62, 0
	mustSend(t, a, b.id, m)
	w.run(10 * ms)
	if got := b.delivered(); len(got) != 1 || len(got[0].(HistoryChunk).Records) != len(m.Records) || len(m.Records) < 5 {
		t.Errorf("%d delivered of a chunk with %d records", len(got), len(m.Records))
	}
	if a.outMax > MaxDatagram || a.outMax < 900 {
		t.Errorf("the datagram had %d bytes", a.outMax)
	}
}
