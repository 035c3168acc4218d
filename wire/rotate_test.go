package wire

import (
	"fmt"
	"testing"

	"p2pnode/wire/wiretest"
)

// The keys of a rotation's stages (PROTOCOL.md §5.1).
var (
	nextKey    = Key{77}
	onlyOld    = []Key{serverKey}
	oldThenNew = []Key{serverKey, nextKey}
	newThenOld = []Key{nextKey, serverKey}
	onlyNew    = []Key{nextKey}
)

// with adds a server that accepts keys, of which the first is spoken.
func (w *world) with(n byte, keys []Key) *host {
	return w.add(n, EndpointConfig{Self: nodeID(n), Hello: Hello{Name: fmt.Sprint(n)}, Peer: keys, Open: true, Entropy: entropy(n)})
}

// Any two nodes with a key in common talk, whoever greets: the neighbouring stages of a rotation, and who missed one.
func TestNodesWithAKeyInCommonTalk(t *testing.T) {
	stages := [][]Key{onlyOld, oldThenNew, newThenOld, onlyNew}
	for i, ours := range stages {
		for j, theirs := range stages {
			w := newWorld(t, 1, wiretest.Faults{Delay: ms})
			a, b := w.with(1, ours), w.with(2, theirs)
			a.Greet(w.now, b.addr, NodeID{})
			w.run(50 * ms)
			want := 1
			if i+j == 3 && i*j == 0 { // one has only the old key, the other only the new
				want = 0
			}
			if a.count(Up) != want || b.count(Up) != want {
				t.Errorf("stages %d and %d: up %d and %d times, want %d", i, j, a.count(Up), b.count(Up), want)
			}
			if want == 0 {
				if b.Counters().DatagramsOut != 0 {
					t.Errorf("stages %d and %d: an answer to who has no key of ours", i, j)
				}
				continue
			}
			mustSend(t, a, b.id, Leave{})
			mustSend(t, b, a.id, Leave{})
			w.run(100 * ms)
			if len(a.delivered()) != 1 || len(b.delivered()) != 1 {
				t.Errorf("stages %d and %d: %d and %d delivered, want 1 and 1", i, j, len(a.delivered()), len(b.delivered()))
			}
		}
	}
}

// What is said in a session is sealed with the speaker's first key that the other has.
func TestSessionIsSealedWithTheFirstKeyInCommon(t *testing.T) {
	for _, c := range []struct {
		ours, theirs []Key
		want         Key
	}{
		{newThenOld, newThenOld, nextKey}, {newThenOld, oldThenNew, nextKey}, {oldThenNew, newThenOld, serverKey},
		{newThenOld, onlyOld, serverKey}, {oldThenNew, onlyNew, nextKey},
	} {
		w := newWorld(t, 1, wiretest.Faults{Delay: ms})
		a, b := w.with(1, c.ours), w.with(2, c.theirs)
		b.Greet(w.now, a.addr, NodeID{}) // under its own first key, first
		w.run(50 * ms)
		w.tap, w.wires = true, nil
		mustSend(t, a, b.id, Leave{})
		a.pump()
		if len(w.wires) != 1 {
			t.Fatalf("%d datagrams, want 1", len(w.wires))
		}
		h, err := parseHeader(w.wires[0].Data)
		if err != nil || h.key != c.want.ID() {
			t.Errorf("%v to %v: key %x, %v; want %x", c.ours, c.theirs, h.key, err, c.want.ID())
		}
	}
}

// The windows of a session hold across keys: its datagrams are not heard twice, under whichever they came.
func TestReplayUnderTheOtherKeyIsRefused(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	a, b := w.with(1, oldThenNew), w.with(2, newThenOld)
	a.Greet(w.now, b.addr, NodeID{})
	w.run(50 * ms)
	w.tap, w.wires = true, nil
	mustSend(t, a, b.id, Leave{})
	mustSend(t, b, a.id, Leave{})
	w.run(200 * ms)
	was, heard := b.Counters().Replays, 0
	for _, p := range w.wires {
		if p.From == a.addr {
			heard++
			b.Receive(w.now, a.addr, p.Data)
		}
	}
	if got := int(b.Counters().Replays - was); heard == 0 || got != heard {
		t.Errorf("%d of %d replayed datagrams refused", got, heard)
	}
	if n := len(b.delivered()); n != 1 {
		t.Errorf("delivered %d times, want 1", n)
	}
}

// Who has two keys answers a greeting once, under the greeting's key, and with no more bytes.
func TestTwoKeysAmplifyNothing(t *testing.T) {
	for _, key := range oldThenNew {
		w := newWorld(t, 1, wiretest.Faults{Delay: ms})
		a, b := w.with(1, []Key{key}), w.with(2, newThenOld)
		w.tap = true
		a.Greet(w.now, b.addr, NodeID{})
		a.pump()
		question := w.wires[0]
		w.wires = nil
		b.Receive(w.now, addrOf(9), question.Data) // as if it came from a victim
		b.pump()
		if len(w.wires) != 1 || len(w.wires[0].Data) > len(question.Data) {
			t.Fatalf("%d answers, the first of %d bytes, to a question of %d", len(w.wires), len(w.wires[0].Data), len(question.Data))
		}
		if h, _ := parseHeader(w.wires[0].Data); h.key != key.ID() {
			t.Errorf("answer under key %x, question under %x", h.key, key.ID())
		}
	}
}

// A client is answered under the key of its question, and its owner learns which that was.
func TestClientsOfEitherKeyAreAnswered(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms})
	later := Key{78}
	s := w.add(1, EndpointConfig{Self: nodeID(1), Peer: onlyOld, Client: []Key{clientKey, later}, Entropy: entropy(1)})
	var asked []int
	s.hear = func(v Event) {
		asked = append(asked, v.Key.Index())
		if err := s.SendTo(w.now, v.Addr, v.Peer, v.Boot, v.Key, LeaderResponse{Nonce: 1}); err != nil {
			t.Error(err)
		}
	}
	for i, key := range []Key{clientKey, later, {79}} {
		c := w.add(byte(2+i), EndpointConfig{Self: nodeID(byte(2 + i)), Client: []Key{key}, Entropy: entropy(byte(2 + i))})
		if err := c.SendTo(w.now, s.addr, NodeID{}, Boot{}, KeyRef{Authority: AuthorityClient}, LeaderQuery{Nonce: 1}); err != nil {
			t.Fatal(err)
		}
		w.run(20 * ms)
		if got, want := len(c.delivered()), min(1, 2-i); got != want {
			t.Errorf("client %d: %d answers, want %d", i, got, want)
		}
	}
	if fmt.Sprint(asked) != "[0 1]" {
		t.Errorf("asked under keys %v, want 0 and 1", asked)
	}
}
