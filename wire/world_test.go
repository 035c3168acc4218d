package wire

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// begun is when every simulated world begins.
var begun = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

var serverKey, clientKey = Key{1}, Key{2}

// world is endpoints on a simulated network.
type world struct {
	t     testing.TB
	net   *wiretest.Network
	now   time.Time
	hosts []*host
	wires []wiretest.Packet // everything sent, if tapped
	tap   bool
}

type host struct {
	*Endpoint
	w      *world
	id     NodeID
	addr   netip.AddrPort
	events []Event
	hear   func(Event) // sees each event as it happens
	outMax int
}

func newWorld(t testing.TB, seed uint64, f wiretest.Faults) *world {
	w := &world{t: t, net: wiretest.New(seed), now: begun}
	w.net.SetFaults(f)
	return w
}

// entropy is a reader without end, the same for the same seed.
func entropy(seed ...byte) io.Reader {
	sum := sha256.Sum256(seed)
	return rand.NewChaCha8(sum)
}

func nodeID(n byte) NodeID { return NodeID{0: n, 15: n} }

func addrOf(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 47470)
}

// serve adds a server; boot tells its processes apart.
func (w *world) serve(n, boot byte) *host {
	return w.add(n, EndpointConfig{
		Self: nodeID(n), Hello: Hello{Name: string(rune('a' + n)), Control: []netip.AddrPort{addrOf(n)}},
		Peer: []Key{serverKey}, Client: []Key{clientKey}, Open: true,
		Rand: rand.New(rand.NewPCG(uint64(n), uint64(boot))), Entropy: entropy(n, boot),
	})
}

// client adds a client without a token.
func (w *world) client(n byte) *host {
	return w.add(n, EndpointConfig{Self: nodeID(n), Open: true, Rand: rand.New(rand.NewPCG(uint64(n), 1)), Entropy: entropy(n, 99)})
}

func (w *world) add(n byte, c EndpointConfig) *host {
	h := &host{Endpoint: NewEndpoint(w.now, c), w: w, id: c.Self, addr: addrOf(n)}
	w.hosts = append(w.hosts, h)
	w.net.Attach(h.addr)
	return h
}

// kill stops a host as kill -9 does.
func (w *world) kill(h *host) {
	w.net.Detach(h.addr)
	for i, x := range w.hosts {
		if x == h {
			w.hosts = append(w.hosts[:i], w.hosts[i+1:]...)
			return
		}
	}
}

// pump drains one host.
func (h *host) pump() {
	for {
		events := h.Endpoint.Events()
		for _, v := range events {
			h.events = append(h.events, v)
			if h.hear != nil {
				h.hear(v)
			}
		}
		if len(events) == 0 {
			break
		}
	}
	for _, d := range h.Take() {
		h.outMax = max(h.outMax, len(d.Data))
		if h.w.tap {
			h.w.wires = append(h.w.wires, wiretest.Packet{At: h.w.now, From: h.addr, To: d.To, Data: bytes.Clone(d.Data)})
		}
		h.w.net.Send(h.w.now, h.addr, d.To, d.Data)
	}
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for {
		for _, h := range w.hosts {
			h.pump()
		}
		next := w.net.Next()
		for _, h := range w.hosts {
			next = sooner(next, h.Deadline())
		}
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		for _, p := range w.net.Deliver(w.now) {
			w.arrive(p)
		}
		for _, h := range w.hosts {
			h.Advance(w.now)
		}
	}
}

func (w *world) arrive(p wiretest.Packet) {
	for _, h := range w.hosts {
		if h.addr == p.To {
			h.Receive(w.now, p.From, p.Data)
			h.pump()
		}
	}
}

// meet makes sessions between all servers.
func (w *world) meet(hosts ...*host) {
	w.t.Helper()
	for i := 0; i < 200; i++ {
		all := true
		for _, a := range hosts {
			for _, b := range hosts {
				if _, ok := a.Session(b.id); a != b && !ok {
					all = false
					a.Greet(w.now, b.addr, NodeID{})
				}
			}
		}
		if all {
			return
		}
		w.run(40 * time.Millisecond)
	}
	w.t.Fatal("the hosts did not meet")
}

// count returns how many events of a kind a host has seen.
func (h *host) count(k EventKind) (n int) {
	for _, v := range h.events {
		if v.What == k {
			n++
		}
	}
	return n
}

// delivered returns the messages a host was given.
func (h *host) delivered() (ms []Message) {
	for _, v := range h.events {
		if v.What == Delivered {
			ms = append(ms, v.Message)
		}
	}
	return ms
}

func addrs(h *host) []netip.Addr { return []netip.Addr{h.addr.Addr()} }
