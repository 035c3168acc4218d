package node

import (
	"encoding/binary"
	"net/netip"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// ear is what the checker has seen go into one process of a node, and out of it to addresses that are no node's.
type ear struct {
	life     int
	canvass  uint64
	born     time.Time // on its own clock
	promised uint64    // when it was
	digest   uint64    // of its ledger, when that was looked at
	count    int
	buckets  [bucketCount]seenBucket // likewise
	sealed   map[wire.Boot]*numbers  // counters of datagrams that brought a message; no two of one sender have the same
	asked    map[asker]*numbers      // likewise, of clients' questions: sent from elsewhere, one is another, whose cookie is none
	messages map[wire.Boot]*numbers  // ids of messages, in sessions with its present boot
	boot     wire.Boot
	records  map[wire.JobID]wire.Record // as they were then
	in, out  map[spot]int
	proven   map[spot]bool // a client of this cluster has asked from there, with its cookie

	offered wire.NodeID // to whom it offers the lead
	reign   uint64      // the epoch it leads; zero: none
	since   time.Time   // when it began to, on its own clock
}

// seenBucket is what tells whether a bucket of a ledger has changed.
type seenBucket struct {
	sum   uint64
	count int
}

// numbers is a set of them, most of which are small.
type numbers struct {
	low  []uint64 // a bit for each
	high map[uint64]bool
}

const lowNumbers = 1 << 20

// take adds n to the numbers of one sender, and reports whether it was there.
func take[K comparable](of map[K]*numbers, whose K, n uint64) bool {
	s := of[whose]
	if s == nil {
		s = &numbers{high: map[uint64]bool{}}
		of[whose] = s
	}
	if n >= lowNumbers {
		was := s.high[n]
		s.high[n] = true
		return was
	}
	at, bit := int(n/64), uint64(1)<<(n%64)
	if at >= len(s.low) {
		s.low = append(s.low, make([]uint64, at+1-len(s.low))...)
	}
	was := s.low[at]&bit != 0
	s.low[at] |= bit
	return was
}

// ear returns what is known of a node's present process.
func (c *check) ear(x *simNode) *ear {
	if e := x.ear; e != nil && e.life == x.life {
		return e
	}
	e := &ear{
		life: x.life, born: c.s.local(x), promised: x.disk.promised, sealed: map[wire.Boot]*numbers{}, asked: map[asker]*numbers{}, messages: map[wire.Boot]*numbers{}, records: map[wire.JobID]wire.Record{}, in: map[spot]int{}, out: map[spot]int{},
		proven: map[spot]bool{},
	}
	x.ear = e
	return e
}

// give gives a node a datagram as core.Receive does, and looks at what its endpoint makes of it.
func (c *check) give(x *simNode, p wiretest.Packet) {
	e, now := c.ear(x), c.s.local(x)
	if x.core.deaf() {
		c.unheard(x, now, p)
		return
	}
	if boot := x.core.ep.Boot(); e.boot != boot { // a node that was silent on purpose goes on as another session
		e.boot, e.messages = boot, map[wire.Boot]*numbers{}
	}
	e.in[spotOf(p.From)] += len(p.Data)
	x.core.ep.Receive(now, p.From, p.Data)
	events := x.core.ep.Events()
	again := c.again(x, e, p.Data, events)
	before, kind := uint64(0), wire.Kind(0)
	if again {
		x.core.digest(now) // a leader asked by a worker may have pings to send still: they are not the copy's doing
		before, kind = stateOf(x.core), events[len(events)-1].Message.Kind()
	}
	for _, v := range events {
		x.core.event(now, v)
	}
	x.core.digest(now)
	if again && stateOf(x.core) != before {
		c.fail("%s takes a copy of a datagram for a second one: %v", x.name, kind)
	}
}

// unheard: a node that is silent on purpose hears nothing.
func (c *check) unheard(x *simNode, now time.Time, p wiretest.Packet) {
	before := stateOf(x.core)
	if x.core.Receive(now, p.From, p.Data); stateOf(x.core) != before {
		c.fail("%s is to be silent, and hears", x.name)
	}
}

// again: a replayed or duplicated datagram runs no handler twice, nor does a message that came in two datagrams. Of peers'
// messages the endpoint delivers no copy. A client's question it may deliver again: the core is to do nothing then, which
// again reports. Questions that change nothing, who leads, are answered again.
func (c *check) again(x *simNode, e *ear, p []byte, events []wire.Event) bool {
	counted, client := false, false
	for _, v := range events {
		if v.What != wire.Delivered || v.Message.Kind() == wire.KindLeaderQuery {
			continue
		}
		counted, client = true, v.Authority != wire.AuthorityPeer
		if at := spotOf(v.Addr); c.honest[at] && !e.proven[at] {
			e.proven[at] = true
		}
		if v.ID != 0 && take(e.messages, v.Boot, v.ID) {
			c.fail("%s has %v, message %d of %v, delivered twice", x.name, v.Message.Kind(), v.ID, v.Peer)
		}
	}
	if !counted {
		return false
	}
	boot, counter := wire.Boot(p[8:24]), binary.BigEndian.Uint64(p[24:])
	if client {
		return take(e.asked, asker{boot, events[len(events)-1].Addr}, counter)
	}
	if take(e.sealed, boot, counter) {
		c.fail("%s takes datagram %d of %x twice: %v", x.name, counter, boot[:4], events[len(events)-1].Message.Kind())
	}
	return false
}

// sent: an address that has proved nothing gets no more bytes than came from there. The other nodes' addresses are left out:
// every node is configured to greet them; and so is that of an expelled member, who can show any cookie.
func (c *check) sent(from, to netip.AddrPort, p []byte) {
	x, there := c.nodes[spotOf(from)], spotOf(to)
	if x != nil && x.core != nil && x.core.deaf() && c.s.local(x).Sub(x.core.drill.from) > time.Second { // what left before may come now
		c.fail("%s is to be silent, and talks", x.name)
	}
	if x == nil || c.nodes[there] != nil || c.member[there] {
		return
	}
	e := c.ear(x)
	e.out[there] += len(p)
	if e.proven[there] || e.out[there] <= e.in[there] {
		return
	}
	c.fail("%s has sent %d bytes to %v, which has proved nothing and sent %d", x.name, e.out[there], to, e.in[there])
}

// forge gives a node a datagram that nobody has sealed: nothing that matters may change by it.
func (c *check) forge(x *simNode, from netip.AddrPort, p []byte) {
	if x.core == nil || c.s.now.Before(x.until) {
		return
	}
	before := stateOf(x.core)
	c.give(x, wiretest.Packet{At: c.s.now, From: from, To: x.addr, Data: p})
	if stateOf(x.core) != before {
		c.fail("a forged datagram of %d bytes from %v changes the state of %s", len(p), from, x.name)
	}
	x.core.Advance(c.s.local(x))
	c.s.flush(x)
}
