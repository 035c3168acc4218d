package node

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// coreWorld is one core and everybody who talks to it. What comes from a script's bytes is all that happens.
type coreWorld struct {
	t      testing.TB
	script script
	sim    *sim // lends its clock, disk and seeds
	node   *simNode
	core   *core
	config coreConfig

	features uint64 // that the peers announce
	check    *check

	peers     []*fuzzPeer
	client    *fuzzClient // answers cookies
	stranger  *fuzzClient // never does
	outsiders []netip.AddrPort
	log       [][]byte // datagrams the core has been given by those who made them
	deaf      bool     // what the core sends gets lost
	obliging  bool     // peers answer as followers would
	slow      bool     // the disk waits for the script
	undone    []Batch

	in, out map[netip.AddrPort]int  // bytes
	proven  map[netip.AddrPort]bool // somebody there has spoken who shows cookies
}

// fuzzPeer is a holder of the cluster's key: an endpoint that says what the script says.
type fuzzPeer struct {
	name   string
	addr   netip.AddrPort
	ep     *wire.Endpoint
	leader wire.Coordinator // the last it was told
	beats  uint64
}

// fuzzClient asks under the open key.
type fuzzClient struct {
	addr   netip.AddrPort
	ep     *wire.Endpoint
	cookie []byte
	asked  time.Time // for the cookie
}

func newCoreWorld(t testing.TB, data []byte) *coreWorld {
	w := &coreWorld{t: t, script: script{data}, in: map[netip.AddrPort]int{}, out: map[netip.AddrPort]int{}, proven: map[netip.AddrPort]bool{}}
	switches := w.script.byte()
	w.sim = newSim(t, 1, 1, election.Quorum(switches&1))
	w.node = w.sim.nodes[0]
	w.check = &check{s: w.sim}
	w.obliging, w.slow = switches&2 == 0, switches&4 != 0
	ident, err := NewIdentity(secretOf(7))
	if err != nil {
		t.Fatal(err)
	}
	if switches&32 != 0 {
		w.sim.rotation, w.features = time.Second, wire.FeatureRotation
	}
	c, err := Config{
		Name: "n1", Secret: secretOf(7), Dir: "unused", Control: simConn{}, Data: simConn{}, OpenClients: switches&8 == 0,
		Quorum: w.sim.mode, Voters: []string{"n1", "n2", "n3"}, MaxJobs: 12, MaxOwned: 4, MaxResults: 400, Entropy: seeded{w.sim.rand}, Rand: w.sim.rand,
		Load: func() wire.Load { return wire.Load{} }, Rotation: w.sim.rotation,
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	w.config = coreConfig{Config: c, self: IDOf("n1"), ident: ident, rand: w.sim.rand, control: []netip.AddrPort{w.node.addr}}
	for i, name := range []string{"n2", "n3", "n4", "liar", "n1"} {
		w.peers = append(w.peers, &fuzzPeer{name: name, addr: hostAt(2 + i)})
		w.rebirth(w.peers[i])
	}
	w.client, w.stranger = w.newClient(hostAt(20)), w.newClient(hostAt(21))
	w.outsiders = []netip.AddrPort{hostAt(30), hostAt(31), netip.MustParseAddrPort("[2001:db8::1]:1000")}
	w.boot()
	if switches&16 == 0 {
		w.pass(3 * time.Second)
	}
	return w
}

func hostAt(host int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(host)}), 47470)
}

func (w *coreWorld) newClient(a netip.AddrPort) *fuzzClient {
	e := wire.EndpointConfig{Self: wire.NodeID{byte(a.Addr().As4()[3])}, Open: true, Rand: w.sim.rand, Entropy: seeded{w.sim.rand}}
	return &fuzzClient{addr: a, ep: wire.NewEndpoint(w.sim.now, e)}
}

// rebirth starts a peer's process anew.
func (w *coreWorld) rebirth(p *fuzzPeer) {
	r := rand.New(rand.NewPCG(uint64(len(w.log)), uint64(p.addr.Addr().As4()[3])))
	id := IDOf(p.name)
	if p.name == "liar" {
		id = IDOf("somebody else")
	}
	p.ep = wire.NewEndpoint(w.sim.now, wire.EndpointConfig{
		Self: id, Hello: wire.Hello{MinVersion: 1, MaxVersion: 1, Features: w.features, Name: p.name}, Rand: r, Entropy: seeded{r},
		Peer: []wire.Key{w.config.ident.Server}, Client: []wire.Key{w.config.ident.Client},
	})
}

// boot starts the core with what its disk holds.
func (w *coreWorld) boot() {
	w.node.life++
	w.undone, w.client.cookie = nil, nil
	w.config.snapshot = w.node.snapshot()
	w.config.cookie[0] = byte(w.node.life)
	w.node.disk.used = true
	w.core = newCore(w.sim.now, w.config)
	w.node.core = w.core
	var near []netip.AddrPort
	for _, p := range w.peers[:2] {
		near = append(near, p.addr)
	}
	w.core.seek(w.sim.now, nil, near)
}

// places are the addresses that exist.
func (w *coreWorld) places() []netip.AddrPort {
	out := slices.Clone(w.outsiders)
	for _, p := range w.peers {
		out = append(out, p.addr)
	}
	return append(out, w.client.addr, w.stranger.addr, netip.MustParseAddrPort("0.0.0.0:47480"))
}

// give hands the core a datagram, and lets everybody hear what it says to it.
func (w *coreWorld) give(from netip.AddrPort, p []byte) {
	w.in[from] += len(p)
	before := w.out[from]
	w.core.Receive(w.sim.now, from, p)
	w.flush()
	if back := w.out[from] - before; back > len(p) && !w.proven[from] {
		w.t.Fatalf("%d bytes to %v, which has proved nothing, in answer to %d", back, from, len(p))
	}
}

const logged = 64

// say hands the core a datagram of somebody who has a key; others may replay it.
func (w *coreWorld) say(from netip.AddrPort, p []byte) {
	if w.log = append(w.log, p); len(w.log) > logged {
		w.log = w.log[1:]
	}
	w.proven[from] = w.proven[from] || from != w.stranger.addr
	w.give(from, p)
}

// flush carries what the core wants said and stored, and checks that it may.
func (w *coreWorld) flush() {
	for _, d := range w.core.Take() {
		if len(d.Data) > wire.MaxDatagram {
			w.t.Fatalf("a datagram of %d bytes", len(d.Data))
		}
		w.out[d.To] += len(d.Data)
		if !w.deaf {
			w.hear(d)
		}
	}
	w.undone = append(w.undone, w.core.takeBatches()...)
	w.core.takeDrops()
	w.core.takeChanges()
	if !w.slow {
		w.store(len(w.undone))
	}
	w.lawful()
	if w.core.fatal != nil {
		w.boot() // the process has ended, and was started again
	}
}

// store makes some batches durable.
func (w *coreWorld) store(n int) {
	n = min(n, len(w.undone))
	for _, b := range w.undone[:n] {
		w.node.commit(b)
	}
	w.undone = w.undone[n:]
	if n > 0 {
		w.node.disk.last = w.sim.now
		w.core.Stored(w.sim.now, w.core.stored+uint64(n))
	}
}

// hear lets a peer or client take what the core says. What they say to it waits for their turn.
func (w *coreWorld) hear(d wire.Datagram) {
	for _, p := range w.peers {
		if p.addr == d.To {
			p.ep.Receive(w.sim.now, w.node.addr, d.Data)
		}
	}
	for _, c := range []*fuzzClient{w.client, w.stranger} {
		if c.addr == d.To {
			c.ep.Receive(w.sim.now, w.node.addr, d.Data)
			c.learn()
		}
	}
}

func (c *fuzzClient) learn() {
	for _, e := range c.ep.Events() {
		if m, ok := e.Message.(wire.LeaderResponse); ok {
			c.cookie = m.Cookie
		}
	}
}

// lawful holds the core to its bounds, and to its word that it sends nobody unproven more than came from there.
func (w *coreWorld) lawful() {
	w.check.bounds(w.node)
	if len(w.check.broken) > 0 {
		w.t.Fatal(w.check.broken[0])
	}
	for _, a := range w.places() {
		configured := a == w.peers[0].addr || a == w.peers[1].addr
		if w.out[a] > w.in[a] && !configured && !w.proven[a] {
			w.t.Fatalf("%d bytes to %v, which has proved nothing, for %d from it", w.out[a], a, w.in[a])
		}
	}
	if n := len(w.core.ep.Sessions()); n > maxKnown+1 {
		w.t.Fatalf("%d sessions", n)
	}
	for job := range w.core.touched {
		if r, ok := w.core.ledger.Get(job); !ok || !working(r.State) {
			w.t.Fatalf("job %v is watched over in state %v", job, r.State)
		}
	}
}

// turn lets every peer answer what it has heard, once.
func (w *coreWorld) turn() {
	for _, p := range w.peers {
		for _, e := range p.ep.Events() {
			if w.obliging {
				w.oblige(p, e)
			}
		}
		p.ep.Advance(w.sim.now)
		for _, d := range p.ep.Take() {
			if d.To == w.node.addr {
				w.say(p.addr, d.Data)
			}
		}
	}
}

// oblige answers as a follower without a will of its own would.
func (w *coreWorld) oblige(p *fuzzPeer, e wire.Event) {
	switch m := e.Message.(type) {
	case wire.Election:
		p.ep.Send(w.sim.now, e.Peer, wire.Grant{Phase: m.Phase, Epoch: m.Epoch})
	case wire.Coordinator:
		p.leader = m
	case wire.Ping:
		p.ep.Send(w.sim.now, e.Peer, wire.Pong{Sequence: m.Sequence, Epoch: p.leader.Epoch, Leader: p.leader.Leader})
	case wire.Heartbeat:
		p.beats++
		digest, count := w.core.ledger.Digest()
		p.ep.Send(w.sim.now, e.Peer, wire.Heartbeat{
			Sequence: p.beats, Epoch: p.leader.Epoch, Leader: p.leader.Leader, Echo: m.Sequence, View: 3, Digest: digest, Count: uint32(count),
		})
	case wire.HistoryAdd, wire.HistoryRemove, wire.HistoryChunk:
		p.ep.Release(w.sim.now, e.Peer, e.Boot, e.ID)
	}
}

// pass lets time go by: the core is woken whenever it wants to be, within reason.
func (w *coreWorld) pass(d time.Duration) {
	end := w.sim.now.Add(d)
	for range 400 {
		w.turn()
		next := w.core.Deadline()
		if next.IsZero() || next.After(end) {
			break
		}
		w.wake(next)
	}
	w.wake(end)
}

// wake moves the clock on, if that is on, and does what is due. Afterwards nothing may be due at once for ever.
func (w *coreWorld) wake(at time.Time) {
	if at.After(w.sim.now) {
		w.sim.now = at
	}
	for range 8 {
		w.core.Advance(w.sim.now)
		w.flush()
		if d := w.core.Deadline(); d.IsZero() || d.After(w.sim.now) {
			return
		}
	}
	w.t.Fatalf("the core wants to be woken at %v again and again: %s", w.core.Deadline(), w.deadlines())
}

// deadlines tells which parts of the core want to be woken when.
func (w *coreWorld) deadlines() (text string) {
	c := w.core
	for _, d := range []struct {
		what string
		at   time.Time
	}{{"endpoint", c.ep.Deadline()}, {"election", c.elect.Deadline()}, {"heartbeat", c.beatAt}, {"greeting", c.greeting.next}, {"answers", c.answerDeadline()}} {
		text += fmt.Sprintf("%s in %v, ", d.what, d.at.Sub(w.sim.now))
	}
	for _, p := range c.sorted() {
		text += fmt.Sprintf("%s %s in %v, ", standingOf(p.standing), p.name, c.peerDeadline(p).Sub(w.sim.now))
	}
	return text
}
