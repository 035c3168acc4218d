package wire

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// TestNewcomerWithALiveNodesIDIsRefused checks that the node that was there first stays, however often the other greets.
func TestNewcomerWithALiveNodesIDIsRefused(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(host string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(host), 47470) }
	ends := map[netip.AddrPort]*Endpoint{}
	add := func(host string, id byte) *Endpoint {
		e := NewEndpoint(now, EndpointConfig{Self: NodeID{id}, Peer: []Key{{1}}, Rand: rand.New(rand.NewPCG(uint64(len(ends)), 1)), Hello: Hello{Name: host}})
		ends[at(host)] = e
		return e
	}
	witness, old := add("10.0.0.1", 1), add("10.0.0.2", 2)
	var refused []Event
	pass := func() { // everything said is heard at once
		for range 8 {
			for from, e := range ends {
				for _, d := range e.Take() {
					if to := ends[d.To]; to != nil {
						to.Receive(now, from, d.Data)
					}
				}
			}
		}
	}
	old.Greet(now, at("10.0.0.1"), NodeID{})
	pass()
	witness.Events()
	newcomer := add("10.0.0.3", 2)
	for range 40 {
		now = now.Add(100 * time.Millisecond)
		newcomer.Greet(now, at("10.0.0.1"), NodeID{})
		old.Send(now, NodeID{1}, Heartbeat{Sequence: 1})
		pass()
		for _, v := range newcomer.Events() {
			if v.What == Refused {
				refused = append(refused, v)
			}
		}
	}
	if s, ok := witness.Session(NodeID{2}); !ok || s.Addr != at("10.0.0.2") {
		t.Errorf("Session(2) = %+v, %v, want the node at 10.0.0.2", s, ok)
	}
	if len(refused) == 0 || refused[0].Code != CodeConflict {
		t.Errorf("newcomer was told %v, want a refusal", refused)
	}
	now = now.Add(time.Second) // the old one has gone silent
	newcomer.Greet(now, at("10.0.0.1"), NodeID{})
	pass()
	if s, _ := witness.Session(NodeID{2}); s.Addr != at("10.0.0.3") {
		t.Errorf("after the old node's silence the session is with %v, want the newcomer", s.Addr)
	}
}
