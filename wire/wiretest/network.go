// Package wiretest is a simulated datagram network for tests: loss, delay, reordering, duplication, corruption,
// partitions and broadcast, all of them a function of one seed.
//
// Network is pure: an event heap that is told the time. Hub puts a net.PacketConn on top of one, for bubbles of
// testing/synctest.
package wiretest

import (
	"net/netip"
	"slices"
	"time"
)

// MTU is the longest payload that passes; longer datagrams are lost, as with the don't-fragment bit.
const MTU = 1472

// Packet is one datagram that arrives. Data is only to be read: other packets may share it.
type Packet struct {
	At       time.Time
	From, To netip.AddrPort
	Data     []byte
}

// Network carries datagrams between attached addresses. Whether and how one is hurt is a hash of the seed, the link and
// how many the link has carried: the same calls give the same network.
type Network struct {
	seed     uint64
	usual    Faults
	links    map[Link]*state
	attached []netip.AddrPort // sorted
	flying   Queue[Packet]
	due      []Packet // what Deliver returned last
	carried  uint64
	lost     uint64
}

// Link is one direction between two hosts.
type Link struct{ From, To netip.Addr }

// state is what is particular to one link.
type state struct {
	faults   *Faults // nil: the network's usual ones
	cut      bool
	bursting bool
	count    uint64
	root     uint64 // of the fates of what it carries
}

// New returns a network without faults.
func New(seed uint64) *Network { return &Network{seed: seed, links: map[Link]*state{}} }

// SetFaults sets the faults of every link that has none of its own.
func (n *Network) SetFaults(f Faults) { n.usual = f }

// SetLink gives one direction faults of its own.
func (n *Network) SetLink(l Link, f Faults) { n.link(l).faults = &f }

// Cut lets nothing pass in one direction, until Heal.
func (n *Network) Cut(l Link) { n.link(l).cut = true }

// Partition cuts both directions between every host of a and every host of b.
func (n *Network) Partition(a, b []netip.Addr) {
	for _, x := range a {
		for _, y := range b {
			n.Cut(Link{x, y})
			n.Cut(Link{y, x})
		}
	}
}

// Heal ends every cut.
func (n *Network) Heal() {
	for _, s := range n.links {
		s.cut = false
	}
}

// Attach makes an address exist: datagrams reach it, broadcasts to its port as well.
func (n *Network) Attach(a netip.AddrPort) {
	if i, found := slices.BinarySearchFunc(n.attached, a, netip.AddrPort.Compare); !found {
		n.attached = slices.Insert(n.attached, i, a)
	}
}

// Detach makes an address vanish; what flies to it is lost.
func (n *Network) Detach(a netip.AddrPort) {
	if i, found := slices.BinarySearchFunc(n.attached, a, netip.AddrPort.Compare); found {
		n.attached = slices.Delete(n.attached, i, i+1)
	}
}

// Send puts a copy of data on the way. A broadcast or multicast address reaches every attached address with that port,
// the sender's host included.
func (n *Network) Send(now time.Time, from, to netip.AddrPort, data []byte) {
	n.Pass(now, from, to, slices.Clone(data))
}

// Pass is Send without the copy: from now on nobody may write to data.
func (n *Network) Pass(now time.Time, from, to netip.AddrPort, data []byte) {
	if !broadcast(to.Addr()) {
		n.carry(now, from, to, data)
		return
	}
	for _, a := range n.attached {
		if a.Port() == to.Port() {
			n.carry(now, from, a, data)
		}
	}
}

func broadcast(a netip.Addr) bool {
	if a.IsMulticast() {
		return true
	}
	return a.Is4() && a.As4()[3] == 255
}

// carry subjects one datagram to the faults of its link.
func (n *Network) carry(now time.Time, from, to netip.AddrPort, data []byte) {
	n.carried++
	l := Link{from.Addr(), to.Addr()}
	s := n.link(l)
	f := &n.usual
	if s.faults != nil {
		f = s.faults
	}
	d := s.draw()
	if s.cut || len(data) > MTU || f.lose(d, &s.bursting) {
		n.lost++
		return
	}
	n.launch(now.Add(f.delay(d)), from, to, f.hurt(d, data))
	if d.chance(duplicated) < f.Duplicate {
		n.launch(now.Add(f.delay(d.again())), from, to, data)
	}
}

func (n *Network) launch(at time.Time, from, to netip.AddrPort, data []byte) {
	n.flying.Put(at, Packet{At: at, From: from, To: to, Data: data})
}

// Next returns when the next datagram arrives; zero: none flies.
func (n *Network) Next() time.Time { return n.flying.Next() }

// Deliver returns what has arrived by now at attached addresses, in order. The slice is good until the next call.
func (n *Network) Deliver(now time.Time) []Packet {
	due := n.due[:0]
	for n.flying.Due(now) {
		p := n.flying.Take()
		if slices.Contains(n.attached, p.To) { // sooner than a search: they are few
			due = append(due, p)
		}
	}
	n.due = due
	return due
}

// Carried returns how many datagrams were sent over links, and how many of them the network lost.
func (n *Network) Carried() (sent, lost uint64) { return n.carried, n.lost }

func (n *Network) link(l Link) *state {
	s := n.links[l]
	if s == nil {
		s = &state{root: n.root(l)}
		n.links[l] = s
	}
	return s
}
