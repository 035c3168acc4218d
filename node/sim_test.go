package node

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"p2pnode/election"
	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// sim is a whole cluster of cores on one event heap: real codec, sealing, election and ledger; virtual time, the simulated
// network of wiretest, and disks that lose what they had not committed. One seed decides everything.
type sim struct {
	t       testing.TB
	rand    *rand.Rand
	now     time.Time
	begun   time.Time
	epoch   int64 // begun in nanoseconds
	net     *wiretest.Network
	events  wiretest.Queue[simEvent]
	nodes   []*simNode
	client  *simClient // the first of clients
	clients []*simClient
	trace   *xxhash.Digest // of everything delivered, and when
	mode    election.Quorum
	guests  map[spot]func(from netip.AddrPort, p []byte) // who hears what comes to an address that is no node's
	watch   func(x *simNode)                             // called after every event of a node; nil: nobody watches
	given   func(x *simNode, p wiretest.Packet)          // gives a node a datagram; nil: core.Receive
	taps    []func(from, to netip.AddrPort, p []byte)    // hear all that is sent
	ended   func(x *simNode)                             // a node has ended of its own; nil: that is an error
	upload  time.Duration                                // how soon a job has to begin; zero: as the product has it
	absent  time.Duration                                // how long a job waits for its client; likewise
	told    func(x, y *simNode) bool                     // whether x is told where y is when it starts; nil: of all
	log     func(format string, args ...any)

	rotation time.Duration // how long a leader leads; zero: for ever
}

type simNode struct {
	name  string
	id    wire.NodeID
	addr  netip.AddrPort
	core  *core
	disk  simDisk
	life  int // of the present process; events of an earlier one are void
	tick  time.Time
	due   time.Time // on its own clock: the deadline of the core when it was last asked
	rate  float64   // of its clock against the simulation's
	until time.Time // paused until then
	queue []wiretest.Packet
	fatal error
	ear   *ear // of the checker
	still bool // it takes no part in rotation
}

// spot is an address as a number, which a map finds sooner: all of the simulation are IPv4.
type spot uint64

func spotOf(a netip.AddrPort) spot {
	ip := a.Addr().As4()
	return spot(binary.BigEndian.Uint32(ip[:]))<<16 | spot(a.Port())
}

// simEvent is either something to do, or the tick of a node.
type simEvent struct {
	do   func()
	tick *simNode
	life int // of tick
}

// seeded is an entropy source that a seed decides.
type seeded struct{ r *rand.Rand }

func (s seeded) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s.r.Uint32())
	}
	return len(p), nil
}

var _ io.Reader = seeded{}

func newSim(t testing.TB, seed uint64, n int, mode election.Quorum) *sim {
	s := &sim{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), mode: mode,
		net: wiretest.New(seed), trace: xxhash.New(), guests: map[spot]func(netip.AddrPort, []byte){}, log: func(string, ...any) {},
	}
	s.begun, s.epoch = s.now, s.now.UnixNano()
	s.faults(wiretest.Faults{})
	for i := range n {
		x := &simNode{
			name: fmt.Sprintf("n%d", i+1), id: IDOf(fmt.Sprintf("n%d", i+1)), addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 47470), rate: 1,
			disk: newSimDisk(),
		}
		s.net.Attach(x.addr)
		s.nodes = append(s.nodes, x)
	}
	s.client = s.join()
	return s
}

// faults sets how the network mistreats datagrams; every link takes about a millisecond at least.
func (s *sim) faults(f wiretest.Faults) {
	f.Delay += 500 * time.Microsecond
	f.Jitter += time.Millisecond
	s.net.SetFaults(f)
}

// local is the time on a node's own clock, which runs at its own rate.
func (s *sim) local(x *simNode) time.Time {
	return s.begun.Add(time.Duration(float64(s.now.UnixNano()-s.epoch) * x.rate))
}

// global is when a node's clock will show a time.
func (s *sim) global(x *simNode, local time.Time) time.Time {
	return s.begun.Add(time.Duration(float64(local.Sub(s.begun))/x.rate) + 1)
}

func (s *sim) at(when time.Time, do func()) { s.events.Put(when, simEvent{do: do}) }

func (s *sim) after(d time.Duration, do func()) { s.at(s.now.Add(d), do) }

// start boots a node with what its disk holds.
func (s *sim) start(x *simNode) {
	x.life++
	x.until, x.queue, x.tick = time.Time{}, nil, time.Time{}
	ident := simIdentity()
	cfg, err := Config{
		Name: x.name, Secret: simSecret, Dir: "unused", Control: simConn{}, Data: simConn{}, OpenClients: true, Quorum: s.mode,
		Voters: s.names(), Entropy: seeded{s.rand}, Rand: s.rand, Load: func() wire.Load { return wire.Load{} },
		MaxMemory: 1 << 30, Upload: s.upload, Absent: s.absent, Rotation: s.rotationOf(x),
	}.withDefaults()
	if err != nil {
		s.t.Fatal(err)
	}
	k := coreConfig{
		Config: cfg, self: x.id, ident: ident, pid: uint32(x.life), rand: s.rand, snapshot: x.snapshot(),
		control: []netip.AddrPort{x.addr}, data: []netip.AddrPort{netip.AddrPortFrom(x.addr.Addr(), 47480)},
	}
	k.cookie[0] = byte(x.life)
	x.disk.used = true
	x.core = newCore(s.local(x), k)
	x.core.seek(s.local(x), nil, s.others(x))
	s.log("%s starts", x.name)
	s.flush(x)
}

var simSecret = Secret{7}

// simIdentity is what every node of every simulated cluster holds of it.
var simIdentity = sync.OnceValue(func() *Identity {
	ident, err := NewIdentity(simSecret)
	if err != nil {
		panic(err)
	}
	return ident
})

func (s *sim) names() []string {
	var out []string
	for _, x := range s.nodes {
		out = append(out, x.name)
	}
	return out
}

func (s *sim) others(x *simNode) (out []netip.AddrPort) {
	for _, y := range s.nodes {
		if y != x && (s.told == nil || s.told(x, y)) {
			out = append(out, y.addr)
		}
	}
	return out
}

func (s *sim) crash(x *simNode) {
	x.life++
	x.core = nil
	x.lose(s.rand)
}

// flush carries out what a core wants done and plans its next wake-up.
func (s *sim) flush(x *simNode) {
	c := x.core
	if c == nil {
		return
	}
	for _, d := range c.Take() {
		s.send(x.addr, d.To, d.Data)
	}
	s.save(x, c.takeBatches())
	c.takeDrops()
	for _, ch := range c.takeChanges() {
		s.log("%s: leader %q epoch %d role %v", x.name, ch.leader, ch.epoch, ch.role)
	}
	if c.fatal != nil {
		s.end(x)
		return
	}
	s.plan(x)
	if s.watch != nil {
		s.watch(x)
	}
}

// end lets a node's process go, whose core has given up.
func (s *sim) end(x *simNode) {
	x.fatal = x.core.fatal
	s.log("%s ends: %v", x.name, x.fatal)
	if s.ended == nil {
		s.t.Errorf("%s: %v", x.name, x.fatal)
	} else {
		s.ended(x)
	}
	s.crash(x)
}

// send puts a datagram on the way.
func (s *sim) send(from, to netip.AddrPort, p []byte) {
	for _, tap := range s.taps {
		tap(from, to, p)
	}
	s.net.Pass(s.now, from, to, p)
}

// plan makes the node wake at its core's deadline.
func (s *sim) plan(x *simNode) {
	x.due = x.core.Deadline()
	d := s.global(x, x.due)
	if d.Before(s.now) {
		d = s.now
	}
	if d.Before(x.until) {
		d = x.until
	}
	if !x.tick.IsZero() && !x.tick.After(d) && !x.tick.Before(s.now) {
		return
	}
	x.tick = d
	s.events.Put(d, simEvent{tick: x, life: x.life})
}

// happen is an event whose time has come: by another plan, or a crash, a tick may have become void.
func (s *sim) happen(at time.Time, e simEvent) {
	switch x := e.tick; {
	case x == nil:
		e.do()
	case x.life == e.life && x.tick.Equal(at):
		x.tick = time.Time{}
		s.wake(x)
	}
}

// wake is one turn of a node's loop: after an absence it first hears what has come in meanwhile.
func (s *sim) wake(x *simNode) {
	if s.now.Before(x.until) {
		s.plan(x)
		return
	}
	now := s.local(x)
	if now.After(x.due.Add(lateGap)) {
		x.core.late(now, now.Sub(x.due))
	}
	for _, p := range x.queue {
		s.give(x, p)
	}
	x.queue = nil
	x.core.Advance(now)
	s.flush(x)
}

// pause stops a node, as SIGSTOP would; its socket buffer goes on filling.
func (s *sim) pause(x *simNode, d time.Duration) {
	x.until = s.now.Add(d)
	s.log("%s pauses for %v", x.name, d)
}

func (s *sim) deliver(p wiretest.Packet) {
	var head [16]byte
	binary.BigEndian.PutUint64(head[:], uint64(s.now.UnixNano()))
	binary.BigEndian.PutUint64(head[8:], uint64(len(p.Data)))
	s.trace.Write(head[:])
	s.trace.Write(p.Data)
	if hear := s.guests[spotOf(p.To)]; hear != nil {
		hear(p.From, p.Data)
		return
	}
	for _, x := range s.nodes {
		if x.addr == p.To && x.core != nil {
			s.receive(x, p)
		}
	}
}

const simBuffer = 2048

func (s *sim) receive(x *simNode, p wiretest.Packet) {
	if s.now.Before(x.until) {
		if len(x.queue) < simBuffer {
			x.queue = append(x.queue, p)
		}
		return
	}
	s.give(x, p)
	x.core.Advance(s.local(x))
	s.flush(x)
}

func (s *sim) give(x *simNode, p wiretest.Packet) {
	if s.given != nil {
		s.given(x, p)
		return
	}
	x.core.Receive(s.local(x), p.From, p.Data)
}

// run lets virtual time pass, or stops when until holds; it reports whether it did.
func (s *sim) run(d time.Duration, until func() bool) bool {
	end := s.now.Add(d)
	for {
		if until != nil && until() {
			return true
		}
		next := s.next()
		if next.IsZero() || next.After(end) {
			break
		}
		s.now = next
		s.turn()
	}
	s.now = end
	return until != nil && until()
}

// next is when the next thing happens.
func (s *sim) next() time.Time {
	return earliest(s.net.Next(), s.events.Next())
}

func (s *sim) turn() {
	for _, p := range s.net.Deliver(s.now) {
		s.deliver(p)
	}
	if s.events.Due(s.now) {
		at := s.events.Next()
		s.happen(at, s.events.Take())
	}
}

// agreed returns the leader that all running nodes among xs name, if it is one of them.
func (s *sim) agreed(xs ...*simNode) *simNode {
	var leader wire.NodeID
	for i, x := range xs {
		if x.core == nil {
			return nil
		}
		_, l, _, _ := x.core.elect.Beat()
		if l.IsZero() || i > 0 && l != leader {
			return nil
		}
		leader = l
	}
	i := slices.IndexFunc(xs, func(x *simNode) bool { return x.id == leader })
	if i < 0 {
		return nil
	}
	return xs[i]
}

// equal reports whether the nodes hold the same ledger.
func (s *sim) equal(xs ...*simNode) bool {
	if slices.ContainsFunc(xs, func(x *simNode) bool { return x.core == nil }) {
		return false
	}
	for _, x := range xs[1:] {
		a, n := x.core.ledger.Digest()
		b, m := xs[0].core.ledger.Digest()
		if a != b || n != m {
			return false
		}
	}
	return true
}

// simConn stands where a core's Config wants a socket; the core never touches it.
type simConn struct{}

func (simConn) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, net.ErrClosed }
func (simConn) WriteTo([]byte, net.Addr) (int, error)  { return 0, net.ErrClosed }
func (simConn) Close() error                           { return nil }
func (simConn) LocalAddr() net.Addr                    { return &net.UDPAddr{} }
func (simConn) SetDeadline(time.Time) error            { return nil }
func (simConn) SetReadDeadline(time.Time) error        { return nil }
func (simConn) SetWriteDeadline(time.Time) error       { return nil }
