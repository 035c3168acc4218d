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
