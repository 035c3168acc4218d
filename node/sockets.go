package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// Sockets are what one server listens on.
type Sockets struct {
	Control   net.PacketConn   // datagrams
	Data      net.PacketConn   // QUIC
	Broadcast []net.PacketConn // receive-only, for broadcasts that a specifically bound Control does not hear
	Buffers   Buffers          // the least that Control and Data got; its Advice is worth a word to the user
}

// Listen opens a server's two sockets. An empty address, or one without a port, takes the next free of ten ports from
// 47470 (control) and 47480 (data); port 0 any.
func Listen(control, data string) (s Sockets, err error) {
	c, err := listenUDP(control, controlPort)
	if err != nil {
		return s, fmt.Errorf("listen for datagrams: %w", err)
	}
	d, err := listenUDP(data, dataPort)
	if err != nil {
		return s, errors.Join(fmt.Errorf("listen for QUIC: %w", err), c.Close())
	}
	s = Sockets{Control: c, Data: d, Broadcast: broadcastSockets(c), Buffers: tune(c).least(tune(d))}
	if on, err := links(nil); err == nil {
		joinGroup(c, on)
	}
	return s, nil
}

// Close closes all sockets.
func (s Sockets) Close() error {
	err := errors.Join(s.Control.Close(), s.Data.Close())
	for _, b := range s.Broadcast {
		err = errors.Join(err, b.Close())
	}
	return err
}

func listenUDP(addr string, from int) (*net.UDPConn, error) {
	host, port, err := splitListen(addr)
	if err != nil {
		return nil, err
	}
	if port >= 0 {
		return bind(host, port)
	}
	for p := from; p < from+portCount; p++ {
		conn, err := bind(host, p)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return conn, err
		}
	}
	return nil, fmt.Errorf("ports %d to %d are all taken: name another with a port, or :0 for any", from, from+portCount-1)
}

// splitListen reads host:port, host or nothing; port -1 means one of the ten.
func splitListen(addr string) (host string, port int, err error) {
	if addr == "" {
		return "", -1, nil
	}
	if a, err := netip.ParseAddr(addr); err == nil {
		return a.String(), -1, nil
	}
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: want HOST:PORT, :PORT or an IP address", addr)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("address %q: port %q is not a number from 0 to 65535", addr, text)
	}
	return host, port, nil
}

func bind(host string, port int) (*net.UDPConn, error) {
	conn, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// broadcastSockets opens the sockets that hear what is broadcast at a specifically bound control socket's port: the
// limited broadcast and its subnet's. Where that fails, unicast and configured peers remain.
func broadcastSockets(control *net.UDPConn) (out []net.PacketConn) {
	local := addrPort(control.LocalAddr())
	if !local.Addr().Is4() || local.Addr().IsUnspecified() {
		return nil
	}
	on, err := links(nil)
	if err != nil {
		return nil
	}
	l, ok := linkOf(on, local.Addr())
	if !ok {
		return nil
	}
	for _, a := range l.targets() {
		if a == local.Addr() || !a.Is4() {
			continue
		}
		c := net.ListenConfig{Control: shared}
		if conn, err := c.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(a, local.Port()).String()); err == nil {
			tune(conn)
			out = append(out, conn)
		}
	}
	return out
}

// advertised lists where a socket is reached: an unspecified address stands for wherever a datagram came from, and is
// followed by the addresses of the usable interfaces; loopback comes last.
func advertised(conn net.PacketConn, more []netip.AddrPort, on []link) []netip.AddrPort {
	local := addrPort(conn.LocalAddr())
	out := []netip.AddrPort{local}
	add := func(a netip.AddrPort) {
		if !contains(out, a) && len(out) < maxAdvertised {
			out = append(out, a)
		}
	}
	for _, a := range more {
		add(a)
	}
	if !local.Addr().IsUnspecified() {
		return out
	}
	for _, l := range on {
		for _, p := range l.Prefixes {
			if a := p.Addr(); !a.IsLinkLocalUnicast() && !l.loopback {
				add(netip.AddrPortFrom(a, local.Port()))
			}
		}
	}
	return out
}

const maxAdvertised = 8
