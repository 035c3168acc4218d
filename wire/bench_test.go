package wire

import (
	"testing"

	"p2pnode/wire/wiretest"
)

// BenchmarkHeartbeat is one heartbeat from Send to its events at the peer.
func BenchmarkHeartbeat(b *testing.B) {
	w, x, y := pair(b, 1, wiretest.Faults{})
	m := sampleMessages[KindHeartbeat-1]
	b.ReportAllocs()
	for b.Loop() {
		x.Send(w.now, y.id, m)
		for _, d := range x.Take() {
			y.Receive(w.now, x.addr, d.Data)
		}
		y.Endpoint.Events()
	}
}

// BenchmarkEncodeAndSeal is a heartbeat from Send to its datagram.
func BenchmarkEncodeAndSeal(b *testing.B) {
	w, x, y := pair(b, 1, wiretest.Faults{})
	m := sampleMessages[KindHeartbeat-1]
	b.ReportAllocs()
	for b.Loop() {
		x.Send(w.now, y.id, m)
		if len(x.Take()) != 1 {
			b.Fatal("no datagram")
		}
	}
}

// BenchmarkOpenAndDecode is the way back, without what the session makes of it.
func BenchmarkOpenAndDecode(b *testing.B) {
	_, x, y := pair(b, 1, wiretest.Faults{})
	p := seal(x, y, sampleMessages[KindHeartbeat-1])[0]
	b.ReportAllocs()
	for b.Loop() {
		_, text := y.admit(x.addr, p)
		body, err := parseBody(text, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParseMessage(KindHeartbeat, body.Frames[0].Payload); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGarbage is a datagram that no key opens.
func BenchmarkGarbage(b *testing.B) {
	w, x, y := pair(b, 1, wiretest.Faults{})
	p := seal(x, y, sampleMessages[KindHeartbeat-1])[0]
	p[len(p)-1] ^= 1
	b.ReportAllocs()
	for b.Loop() {
		y.Receive(w.now, attacker, p)
	}
}
