package node

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// sim is a whole cluster of cores on one event heap: real codec, sealing, election and ledger; virtual time, a simulated
// network and disks. One seed decides everything.
type sim struct {
	t      *testing.T
	rand   *rand.Rand
	now    time.Time
	events simHeap
	count  int
	nodes  []*simNode
	client *simClient
	loss   float64
	delay  time.Duration
	cut    func(from, to netip.AddrPort) bool
	trace  [32]byte // running hash of everything delivered
	mode   election.Quorum
}

type simNode struct {
	name  string
	addr  netip.AddrPort
	core  *core
	disk  simDisk
	life  int // of the present process; events of an earlier one are void
	tick  time.Time
	pause time.Time
}

// simDisk is what survives a crash: the batches committed so far.
type simDisk struct {
	promised uint64
	voted    wire.NodeID
	used     bool
	records  map[wire.JobID]wire.Record
	mine     map[wire.JobID]*Mine
	inFlight int
}

type simEvent struct {
	at  time.Time
	seq int
	do  func()
}

type simHeap []simEvent

func (h simHeap) Len() int { return len(h) }
func (h simHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h simHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *simHeap) Push(x any)   { *h = append(*h, x.(simEvent)) }
func (h *simHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
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

func newSim(t *testing.T, seed uint64, n int, mode election.Quorum) *sim {
	s := &sim{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		delay: time.Millisecond, cut: func(_, _ netip.AddrPort) bool { return false }, mode: mode,
	}
	for i := range n {
		s.nodes = append(s.nodes, &simNode{
			name: fmt.Sprintf("n%d", i+1), addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 47470),
			disk: simDisk{records: map[wire.JobID]wire.Record{}, mine: map[wire.JobID]*Mine{}},
		})
	}
	s.client = newSimClient(s)
	return s
}

func (s *sim) at(when time.Time, do func()) {
	s.count++
	heap.Push(&s.events, simEvent{when, s.count, do})
}

func (s *sim) after(d time.Duration, do func()) { s.at(s.now.Add(d), do) }

// start boots a node with what its disk holds.
func (s *sim) start(x *simNode) {
	x.life++
	var secret Secret
	secret[0] = 7
	ident, err := NewIdentity(secret)
	if err != nil {
		s.t.Fatal(err)
	}
	cfg, err := Config{
		Name: x.name, Secret: secret, Dir: "unused", Control: simConn{}, Data: simConn{}, OpenClients: true, Quorum: s.mode,
		Voters: s.names(), Entropy: seeded{s.rand}, Rand: s.rand, Load: func() wire.Load { return wire.Load{} },
	}.withDefaults()
	if err != nil {
		s.t.Fatal(err)
	}
	k := coreConfig{
		Config: cfg, self: IDOf(x.name), ident: ident, pid: uint32(x.life), rand: s.rand, snapshot: x.snapshot(s.now),
		control: []netip.AddrPort{x.addr}, data: []netip.AddrPort{netip.AddrPortFrom(x.addr.Addr(), 47480)},
	}
	k.cookie[0] = byte(x.life)
	x.disk.used = true
	x.core = newCore(s.now, k)
	x.core.seek(s.now, s.others(x))
	s.flush(x)
}

func (s *sim) names() []string {
	var out []string
	for _, x := range s.nodes {
		out = append(out, x.name)
	}
	return out
}

func (s *sim) others(x *simNode) (out []netip.AddrPort) {
	for _, y := range s.nodes {
		if y != x {
			out = append(out, y.addr)
		}
	}
	return out
}

func (s *sim) crash(x *simNode) {
	x.life++
	x.core = nil
}

// flush carries out what a core wants done and plans its next wake-up.
func (s *sim) flush(x *simNode) {
	c, life := x.core, x.life
	if c == nil {
		return
	}
	for _, d := range c.Take() {
		s.send(x.addr, d)
	}
	for _, b := range c.takeBatches() {
		x.disk.inFlight++
		s.after(time.Duration(1+s.rand.IntN(4))*time.Millisecond*time.Duration(x.disk.inFlight), func() {
			x.disk.inFlight--
			if x.life == life {
				x.commit(b)
				c.Stored(s.now, c.stored+1)
				s.flush(x)
			}
		})
	}
	c.takeDrops()
	c.takeChanges()
	if c.fatal != nil {
		s.t.Fatalf("%s: %v", x.name, c.fatal)
	}
	d := c.Deadline()
	if !x.tick.IsZero() && !d.Before(x.tick) && x.tick.After(s.now) {
		return
	}
	if d.Before(s.now) {
		d = s.now
	}
	x.tick = d
	s.at(d, func() {
		if x.life != life || !x.tick.Equal(d) {
			return
		}
		x.tick = time.Time{}
		c.Advance(s.now)
		s.flush(x)
	})
}

// send carries a datagram over the simulated network.
func (s *sim) send(from netip.AddrPort, d wire.Datagram) {
	if s.rand.Float64() < s.loss || s.cut(from, d.To) {
		return
	}
	delay := s.delay/2 + time.Duration(s.rand.Int64N(int64(s.delay)+1))
	s.after(delay, func() { s.deliver(from, d) })
}

func (s *sim) deliver(from netip.AddrPort, d wire.Datagram) {
	h := sha256.New()
	h.Write(s.trace[:])
	h.Write(binary.BigEndian.AppendUint64(d.Data, uint64(s.now.UnixNano())))
	h.Sum(s.trace[:0])
	if d.To == s.client.addr {
		s.client.receive(from, d.Data)
		return
	}
	for _, x := range s.nodes {
		if x.addr == d.To && x.core != nil {
			x.core.Receive(s.now, from, d.Data)
			x.core.Advance(s.now)
			s.flush(x)
		}
	}
}

// run lets virtual time pass, or stops when until holds; it reports whether it did.
func (s *sim) run(d time.Duration, until func() bool) bool {
	end := s.now.Add(d)
	for len(s.events) > 0 && !s.events[0].at.After(end) {
		if until != nil && until() {
			return true
		}
		e := heap.Pop(&s.events).(simEvent)
		s.now = e.at
		e.do()
	}
	s.now = end
	return until != nil && until()
}

// agreed returns the leader that all running nodes among xs name, if it is one of them.
func (s *sim) agreed(xs ...*simNode) *simNode {
	var leader wire.NodeID
	for i, x := range xs {
		_, l, _, _ := x.core.elect.Beat()
		if l.IsZero() || i > 0 && l != leader {
			return nil
		}
		leader = l
	}
	i := slices.IndexFunc(xs, func(x *simNode) bool { return IDOf(x.name) == leader })
	if i < 0 {
		return nil
	}
	return xs[i]
}

// equal reports whether the nodes hold the same ledger.
func (s *sim) equal(xs ...*simNode) bool {
	for _, x := range xs[1:] {
		a, n := x.core.ledger.Digest()
		b, m := xs[0].core.ledger.Digest()
		if a != b || n != m {
			return false
		}
	}
	return true
}

// commit is what the store's transaction would do.
func (x *simNode) commit(b Batch) {
	if b.Epoch != nil && b.Epoch.Epoch >= x.disk.promised {
		x.disk.promised, x.disk.voted = b.Epoch.Epoch, b.Epoch.For
	}
	for _, r := range b.Records {
		if old, ok := x.disk.records[r.Job]; ok {
			r = Merge(old, r)
		}
		x.disk.records[r.Job] = r
	}
	for _, m := range b.Mine {
		x.disk.mine[m.Job] = &m
	}
	for _, j := range b.Unmine {
		delete(x.disk.mine, j)
	}
	for _, j := range b.Forget {
		delete(x.disk.records, j)
	}
}

// snapshot is what a new process finds on the disk.
func (x *simNode) snapshot(now time.Time) Snapshot {
	d := &x.disk
	s := Snapshot{Promised: d.promised, Voted: d.voted, Fresh: !d.used, Last: now, Since: map[wire.JobID]time.Time{}, Mine: map[wire.JobID]Mine{}}
	for job, m := range d.mine {
		s.Mine[job] = *m
	}
	for job, r := range d.records {
		s.Records = append(s.Records, r)
		s.Since[job] = now
	}
	slices.SortFunc(s.Records, func(a, b wire.Record) int { return a.Job.Compare(b.Job) })
	d.inFlight = 0
	return s
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
