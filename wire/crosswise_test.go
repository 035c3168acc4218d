package wire

import (
	"net/netip"
	"testing"

	"p2pnode/wire/wiretest"
)

// homes are the two addresses of each of two nodes: a first one and one of another kind, as IPv4 and IPv6 are.
type homes map[*host][2]netip.AddrPort

// carry delivers what a host has said to its peer, from the address of the same kind as that it is sent to.
func (o homes) carry(to, from *host, said []Datagram) {
	for _, d := range said {
		kind := 0
		if d.To == o[to][1] {
			kind = 1
		}
		to.Receive(to.w.now, o[from][kind], d.Data)
	}
}

// exchange carries what both have said, at the same time, and returns how much it was.
func (o homes) exchange(a, b *host) int {
	said, answered := a.Take(), b.Take()
	o.carry(b, a, said)
	o.carry(a, b, answered)
	return len(said) + len(answered)
}

// Two nodes may each hold the other to be at the address at which it does not hear it: one lost greeting is enough. They
// have to agree on one address, and not to greet each other without end.
func TestCrosswiseAddressesAreSettled(t *testing.T) {
	for _, swapped := range []bool{false, true} {
		w, a, b := pair(t, 1, wiretest.Faults{})
		if swapped {
			a, b = b, a
		}
		o := homes{a: {a.addr, addrOf(101)}, b: {b.addr, addrOf(102)}}
		a.Greet(w.now, o[b][1], b.id)
		o.exchange(a, b)
		o.exchange(a, b)
		if a.Take(); a.where(b) != o[b][1] || b.where(a) != o[a][0] {
			t.Fatalf("not crosswise: the peers are at %v and %v", a.where(b), b.where(a))
		}
		carried := 0
		for i := range 100 {
			w.now = w.now.Add(50 * ms)
			a.Advance(w.now)
			b.Advance(w.now)
			if i%5 == 0 {
				a.Send(w.now, b.id, Heartbeat{Sequence: 1, Leader: a.id})
				b.Send(w.now, a.id, Heartbeat{Sequence: 1, Leader: a.id})
			}
			for n := 1; n > 0 && carried < 1000; carried += n {
				n = o.exchange(a, b)
			}
		}
		if carried > 100 {
			t.Errorf("%d datagrams in 5 s, for 40 heartbeats", carried)
		}
		if (a.where(b) == o[b][0]) != (b.where(a) == o[a][0]) {
			t.Errorf("still crosswise: the peers are at %v and %v", a.where(b), b.where(a))
		}
	}
}
