package wire

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// talk makes two servers say a bit of everything, with everything on the wire recorded.
func talk(w *world, a, b *host) {
	for i := range uint64(40) {
		a.Send(w.now, b.id, Leave{Epoch: i})
		b.Send(w.now, a.id, HistoryAdd{Record{Attempt: uint32(i)}})
		a.Send(w.now, b.id, Heartbeat{Sequence: i})
		w.run(20 * ms)
	}
	w.run(time.Second)
}

// spoofed replays a datagram from an attacker's address and returns how many bytes came back in answer.
func (h *host) spoofed(from netip.AddrPort, p []byte) (back int) {
	h.Receive(h.w.now, from, p)
	for _, d := range h.Take() {
		back += len(d.Data)
	}
	return back
}

var attacker = netip.MustParseAddrPort("192.0.2.66:666")

func TestReplayOfAWholeCaptureChangesNothing(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	w.tap = true
	a, b := w.serve(1, 1), w.serve(2, 1)
	w.meet(a, b)
	talk(w, a, b)
	w.run(time.Minute) // cookies have gone stale
	a.pump()
	a.events = nil
	before, in, out := a.Sessions(), 0, 0
	for _, p := range w.wires {
		in += len(p.Data)
		out += a.spoofed(attacker, p.Data)
	}
	if n := len(a.Endpoint.Events()); n != 0 {
		t.Errorf("%d events from replayed datagrams", n)
	}
	if out > in {
		t.Errorf("%d bytes answered to %d replayed", out, in)
	}
	after := a.Sessions()
	if len(after) != 1 || after[0].Addr != before[0].Addr || after[0].Boot != before[0].Boot || after[0].Heard != before[0].Heard {
		t.Errorf("session %+v, was %+v", after, before)
	}
	if got := a.Counters().Replays; got == 0 {
		t.Error("no replay counted")
	}
}

func TestReplayOpensNothingAtTheNextProcess(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	w.tap = true
	a, b := w.serve(1, 1), w.serve(2, 1)
	w.meet(a, b)
	talk(w, a, b)
	a = w.restart(a, 2)
	for _, p := range w.wires {
		if back := a.spoofed(b.addr, p.Data); back > len(p.Data) {
			t.Fatalf("%d bytes answered to %d replayed", back, len(p.Data))
		}
	}
	for _, v := range a.Endpoint.Events() {
		t.Errorf("event %v from replayed datagrams", v.What)
	}
}

func TestReplayToAnotherServerIsNotDelivered(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	a, b, c := w.serve(1, 1), w.serve(2, 1), w.serve(3, 1)
	w.meet(a, b, c)
	w.run(time.Second)
	w.tap, w.wires = true, nil
	talk(w, a, b)
	c.pump()
	c.events = nil
	for _, p := range w.wires {
		if back := c.spoofed(p.From, p.Data); back != 0 {
			t.Fatalf("%d bytes answered to a datagram for another", back)
		}
	}
	if n := len(c.Endpoint.Events()); n != 0 {
		t.Errorf("%d events from datagrams for another", n)
	}
	mustSend(t, a, c.id, Leave{}) // the session is none the worse
	w.run(20 * ms)
	if n := len(c.delivered()); n != 1 {
		t.Errorf("%d delivered afterwards, want 1", n)
	}
}

func TestEveryCorruptedBitIsRefused(t *testing.T) {
	_, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	p := seal(a, b, Leave{Epoch: 3})[0]
	for bit := range len(p) * 8 {
		p[bit/8] ^= 1 << (bit % 8)
		if back := b.spoofed(a.addr, p); back != 0 || len(b.Endpoint.Events()) != 0 {
			t.Fatalf("bit %d: accepted", bit)
		}
		p[bit/8] ^= 1 << (bit % 8)
	}
	b.Receive(b.w.now, a.addr, p)
	if len(b.Endpoint.Events()) != 2 {
		t.Error("the intact datagram was not accepted afterwards")
	}
}

// TestFloodCostsNoMemoryAndNoPeer sends garbage, replays and open-key questions from many addresses.
func TestFloodCostsNoMemoryAndNoPeer(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	w.tap = true
	a, b := w.serve(1, 1), w.serve(2, 1)
	stranger := w.client(3)
	w.meet(a, b)
	talk(w, a, b)
	replays := w.wires
	garbage := make([]byte, 300)
	rnd := entropy(5)
	question := func() []byte {
		stranger.SendTo(w.now, a.addr, NodeID{}, Boot{}, KeyRef{Authority: AuthorityOpen}, LeaderQuery{})
		return stranger.Take()[0].Data
	}
	a.pump()
	flood := func(n int) (answers int) {
		for i := range n {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 9)
			rnd.Read(garbage)
			p := garbage
			switch i % 4 {
			case 1:
				p = replays[i%len(replays)].Data
			case 2:
				p = question()
			case 3:
				copy(garbage, magic[:])
				garbage[4], garbage[5] = 1, 0
				id := serverKey.ID()
				copy(garbage[6:], id[:])
				binary.BigEndian.PutUint64(garbage[24:], uint64(i+1))
			}
			if back := a.spoofed(from, p); back > len(p) {
				t.Fatalf("%d bytes answered to %d", back, len(p))
			}
			answers += len(a.Endpoint.Events())
		}
		return answers
	}
	flood(2000) // makes the tables that are made once
	before := heap()
	delivered := flood(20000)
	if grown := int64(heap()) - int64(before); grown > 256<<10 {
		t.Errorf("the flood left %d bytes behind", grown)
	}
	if delivered > 3000 {
		t.Errorf("%d strangers' questions delivered in no time at all, want at most a burst", delivered)
	}
	mustSend(t, b, a.id, Leave{Epoch: 99})
	w.run(20 * ms)
	if got := a.delivered(); len(got) == 0 || got[len(got)-1] != (Leave{Epoch: 99}) {
		t.Error("the peer was not heard during the flood")
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestOnlyWhatAKeyAllowsIsHeard(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a, stranger := w.serve(1, 1), w.client(3)
	open := KeyRef{Authority: AuthorityOpen}
	key := stranger.ring.find(AuthorityOpen, 0)
	for k := range rules {
		r := Kind(k).rule()
		if r == nil {
			continue
		}
		f := frame{Kind: Kind(k), Payload: []byte{0xA0}}
		stranger.ship(a.addr, key, body{Source: stranger.id, Dest: a.id, Boot: a.Boot(), Frames: []frame{f}})
	}
	w.run(ms)
	for _, v := range a.events {
		if k := v.Message.Kind(); k != KindLeaderQuery && k != KindTaskAssignmentRequest && k != KindTaskStatusQuery {
			t.Errorf("a stranger said %v", k)
		}
	}
	if len(a.events) != 3 {
		t.Errorf("%d questions delivered, want 3", len(a.events))
	}
	if err := stranger.SendTo(w.now, a.addr, a.id, a.Boot(), open, LeaderResponse{}); err != ErrForbidden {
		t.Errorf("a client's LeaderResponse: %v, want ErrForbidden", err)
	}
	if err := stranger.SendTo(w.now, a.addr, a.id, a.Boot(), KeyRef{Authority: AuthorityClient}, LeaderQuery{}); err != ErrForbidden {
		t.Errorf("under a key it does not hold: %v, want ErrForbidden", err)
	}
}

func TestClientAsksAndIsAnswered(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	a, c := w.serve(1, 1), w.client(3)
	a.hear = func(v Event) {
		if q, ok := v.Message.(LeaderQuery); ok {
			m := LeaderResponse{Nonce: q.Nonce, Authority: make([]byte, 32)}
			for range maxNodes {
				m.Nodes = append(m.Nodes, Node{ID: a.id, Name: "a name so long that sixteen of its kind fill a whole datagram", Control: []netip.AddrPort{a.addr, a.addr}})
			}
			if a.SendTo(w.now, v.Addr, v.Peer, v.Boot, v.Key, m) == nil {
				t.Error("an answer of 16 nodes was sent")
			}
			for Size(m) > v.Room {
				m.Nodes = m.Nodes[:len(m.Nodes)-1]
			}
			if err := a.SendTo(w.now, v.Addr, v.Peer, v.Boot, v.Key, m); err != nil {
				t.Errorf("answer of %d bytes in a room of %d: %v", Size(m), v.Room, err)
			}
		}
	}
	if err := c.SendTo(w.now, addrOf(255), NodeID{}, Boot{}, KeyRef{Authority: AuthorityOpen}, LeaderQuery{Nonce: 5}); err != nil {
		t.Fatal(err)
	}
	w.run(5 * ms)
	if len(c.events) != 1 || c.events[0].Boot != a.Boot() || c.events[0].Peer != a.id || c.events[0].Authority != AuthorityOpen {
		t.Fatalf("events %+v", c.events)
	}
	if m := c.events[0].Message.(LeaderResponse); m.Nonce != 5 || len(m.Nodes) < 8 || len(m.Nodes) == maxNodes {
		t.Errorf("nonce %d, %d nodes", m.Nonce, len(m.Nodes))
	}
	if err := a.SendTo(w.now, c.addr, c.id, c.Boot(), KeyRef{Authority: AuthorityOpen}, Busy{}); err != ErrRoom {
		t.Errorf("an answer to nothing: %v, want ErrRoom", err)
	}
	if err := a.SendTo(w.now, c.addr, c.id, c.Boot(), KeyRef{Authority: AuthorityOpen}, TaskMoved{}); err != nil {
		t.Errorf("TaskMoved unasked: %v", err)
	}
}

func TestTokenModeIsSilentToStrangers(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a := w.add(1, EndpointConfig{Self: nodeID(1), Peer: []Key{serverKey}, Client: []Key{clientKey}, Entropy: entropy(1)})
	stranger := w.client(3)
	friend := w.add(4, EndpointConfig{Self: nodeID(4), Client: []Key{clientKey}, Entropy: entropy(4)})
	stranger.SendTo(w.now, a.addr, NodeID{}, Boot{}, KeyRef{Authority: AuthorityOpen}, LeaderQuery{})
	friend.SendTo(w.now, a.addr, NodeID{}, Boot{}, KeyRef{Authority: AuthorityClient}, LeaderQuery{})
	w.run(ms)
	if len(a.events) != 1 || a.events[0].Peer != friend.id || a.events[0].Authority != AuthorityClient {
		t.Errorf("events %+v, want the friend's question alone", a.events)
	}
}

func TestUnprovenRefusalIsNotBelieved(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	key := b.ring.find(AuthorityPeer, 0)
	p := key.seal(nil, Boot{9}, 1, marshal(body{Source: b.id, Dest: a.id, Boot: a.Boot(), Frames: []frame{
		{Kind: KindHelloAck, Payload: marshal(HelloAck{Refused: CodeConflict})}}})) // an earlier process of b said so
	if back := a.spoofed(b.addr, p); back != 0 || len(a.Endpoint.Events()) != 0 {
		t.Error("an old refusal was believed")
	}
	if _, ok := a.Session(b.id); !ok {
		t.Error("the session is gone")
	}
	w.run(ms)
}

func TestStrangersAskOneQuestionPerDatagram(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{})
	a, stranger := w.serve(1, 1), w.client(3)
	f := frame{Kind: KindLeaderQuery, Payload: marshal(LeaderQuery{})}
	stranger.ship(a.addr, stranger.ring.find(AuthorityOpen, 0), body{Source: stranger.id, Frames: []frame{f, f}})
	w.run(ms)
	if len(a.events) != 0 {
		t.Errorf("%d questions of one datagram delivered", len(a.events))
	}
}

func TestHelloAloneIsNoEvidence(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{})
	hello := frame{Kind: KindHello, Payload: marshal(Hello{MinVersion: 1, MaxVersion: 1})}
	say := func(frames ...frame) {
		a.ship(b.addr, a.ring.find(AuthorityPeer, 0), body{Source: a.id, Dest: b.id, Boot: b.Boot(), Frames: frames})
		w.run(ms)
	}
	say(hello)
	if b.count(Heard) != 0 {
		t.Error("a Hello is evidence")
	}
	say(hello, frame{Kind: KindHeartbeat, Payload: marshal(Heartbeat{})})
	say()
	if b.count(Heard) != 2 {
		t.Errorf("heard %d times, want 2", b.count(Heard))
	}
}
