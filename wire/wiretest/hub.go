package wiretest

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Hub is a Network in the time of its bubble, with sockets on it.
type Hub struct {
	mu    sync.Mutex
	net   *Network // guarded by mu
	conns map[netip.AddrPort]*Conn
	timer *time.Timer // runs deliver at net.Next
	port  uint16      // last given out for port 0
}

// NewHub returns a hub on n, which is the hub's from now on: use Do to change it.
func NewHub(n *Network) *Hub { return &Hub{net: n, conns: map[netip.AddrPort]*Conn{}, port: 39999} }

// Do runs f with the network, while nothing else uses it.
func (h *Hub) Do(f func(n *Network)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h.net)
}

// Listen opens a socket at an address of the hub; port 0 takes a free one. The IP has to be a host's, not unspecified.
func (h *Hub) Listen(a netip.AddrPort) (*Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a.Port() == 0 {
		h.port++
		if free := netip.AddrPortFrom(a.Addr(), h.port); h.conns[free] == nil {
			a = free
		}
	}
	if h.conns[a] != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: net.UDPAddrFromAddrPort(a), Err: fmt.Errorf("address in use")}
	}
	c := newConn(h, a)
	h.conns[a] = c
	h.net.Attach(a)
	return c, nil
}

// send puts a datagram on the way and sets the timer for it.
func (h *Hub) send(from, to netip.AddrPort, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.net.Send(time.Now(), from, to, data)
	h.arm()
}

// arm sets the timer for the next arrival. The caller holds mu.
func (h *Hub) arm() {
	next := h.net.Next()
	if next.IsZero() {
		return
	}
	if h.timer == nil {
		h.timer = time.AfterFunc(time.Until(next), h.deliver)
		return
	}
	h.timer.Reset(time.Until(next))
}

// deliver hands out what has arrived.
func (h *Hub) deliver() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.net.Deliver(time.Now()) {
		if c := h.conns[p.To]; c != nil {
			c.take(p)
		}
	}
	h.arm()
}

// remove closes a socket's address.
func (h *Hub) remove(a netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, a)
	h.net.Detach(a)
	if len(h.conns) == 0 && h.timer != nil {
		h.timer.Stop()
	}
}
