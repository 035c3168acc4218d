package wiretest

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// backlog is how many datagrams a socket holds before it drops, as a socket's receive buffer does.
const backlog = 4096

// Conn is a socket of a Hub; it is a net.PacketConn.
type Conn struct {
	hub     *Hub
	local   netip.AddrPort
	in      chan Packet
	closed  chan struct{}
	close   sync.Once
	reading deadline
	writing deadline
}

var _ net.PacketConn = (*Conn)(nil)

func newConn(h *Hub, a netip.AddrPort) *Conn {
	return &Conn{hub: h, local: a, in: make(chan Packet, backlog), closed: make(chan struct{})}
}

// take puts a datagram into the buffer; a full one drops it.
func (c *Conn) take(p Packet) {
	select {
	case c.in <- p:
	default:
	}
}

// ReadFrom waits for one datagram; what does not fit into p is cut off.
func (c *Conn) ReadFrom(p []byte) (int, net.Addr, error) {
	expired := c.reading.wait()
	select {
	case <-c.closed:
		return 0, nil, c.fail("read", net.ErrClosed)
	case <-expired:
		return 0, nil, c.fail("read", os.ErrDeadlineExceeded)
	default:
	}
	select {
	case d := <-c.in:
		return copy(p, d.Data), net.UDPAddrFromAddrPort(d.From), nil
	case <-c.closed:
		return 0, nil, c.fail("read", net.ErrClosed)
	case <-expired:
		return 0, nil, c.fail("read", os.ErrDeadlineExceeded)
	}
}

// WriteTo sends one datagram. It never waits.
func (c *Conn) WriteTo(p []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, c.fail("write", net.ErrClosed)
	case <-c.writing.wait():
		return 0, c.fail("write", os.ErrDeadlineExceeded)
	default:
	}
	a, err := addrPort(to)
	if err != nil {
		return 0, c.fail("write", err)
	}
	c.hub.send(c.local, a, p)
	return len(p), nil
}

// addrPort reads any UDP address.
func addrPort(a net.Addr) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), err
}

// Close ends every call that waits.
func (c *Conn) Close() error {
	err := c.fail("close", net.ErrClosed)
	c.close.Do(func() {
		close(c.closed)
		c.hub.remove(c.local)
		c.reading.set(time.Time{})
		c.writing.set(time.Time{})
		err = nil
	})
	return err
}

// LocalAddr returns the socket's address.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}

// SetReadDeadline ends calls of ReadFrom, also waiting ones, at t; zero: never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.reading.set(t)
	return nil
}

// SetWriteDeadline makes WriteTo fail from t on; zero: never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writing.set(t)
	return nil
}

// SetReadBuffer accepts any size; the buffer holds a fixed number of datagrams.
func (c *Conn) SetReadBuffer(int) error { return nil }

// SetWriteBuffer accepts any size; nothing is buffered.
func (c *Conn) SetWriteBuffer(int) error { return nil }

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
}
