//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// captured is one UDP datagram as it passed.
type captured struct {
	from, to netip.AddrPort
	data     []byte
}

// flow is all datagrams of one address and port to another.
type flow struct{ from, to netip.AddrPort }

// volume is what a flow amounted to, UDP headers not counted.
type volume struct{ packets, bytes int }

// tap is a network card that listens to the cable of one host: all that the host sends and gets.
type tap struct {
	fd   int
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex
	kept  []captured      // guarded by mu
	keep  int             // guarded by mu; how many more datagrams to keep whole
	flows map[flow]volume // guarded by mu
}

// largestUDP is what fits Ethernet.
const largestUDP = 1472

// listen taps the cable of h at the hub; it keeps the first datagrams whole, and counts all.
func (l *lan) listen(h *host, keep int) *tap {
	l.t.Helper()
	p := &tap{stop: make(chan struct{}), done: make(chan struct{}), keep: keep, flows: map[flow]volume{}}
	if err := within(l.hub, func() error { return p.open(h.port) }); err != nil {
		l.t.Fatalf("listen to %s: %v", h.port, err)
	}
	go p.run()
	l.t.Cleanup(p.close)
	return p
}

func (p *tap) open(port string) (err error) {
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	if p.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all)); err != nil {
		return err
	}
	index, err := interfaceIndex(p.fd, port)
	if err != nil {
		return err
	}
	unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 128<<20)
	unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000})
	return unix.Bind(p.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index})
}

// interfaceIndex asks in the namespace of a socket.
func interfaceIndex(fd int, name string) (int, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r)
	return int(r.Uint32()), err
}

func (p *tap) run() {
	defer close(p.done)
	frame := make([]byte, 65536)
	for {
		n, err := unix.Read(p.fd, frame)
		if c, ok := parseUDP(frame[:max(n, 0)]); err == nil && ok {
			p.note(c)
		}
		select {
		case <-p.stop:
			return
		default:
		}
	}
}

func (p *tap) note(c captured) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.flows[flow{c.from, c.to}]
	p.flows[flow{c.from, c.to}] = volume{v.packets + 1, v.bytes + len(c.data)}
	if p.keep > 0 && len(c.data) <= largestUDP { // the kernel shows several of QUIC's as one
		p.keep--
		c.data = append([]byte(nil), c.data...)
		p.kept = append(p.kept, c)
	}
}

func (p *tap) close() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
		<-p.done
		unix.Close(p.fd)
	}
}

// sum is the volume of all flows that match.
func (p *tap) sum(match func(flow) bool) (v volume) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f, w := range p.flows {
		if match(f) {
			v = volume{v.packets + w.packets, v.bytes + w.bytes}
		}
	}
	return v
}

// whole returns the datagrams kept so far.
func (p *tap) whole() []captured {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]captured(nil), p.kept...)
}

// parseUDP reads an Ethernet frame; ok is false for anything but an unfragmented IPv4 UDP datagram.
func parseUDP(frame []byte) (c captured, ok bool) {
	const ethernet = 14
	if len(frame) < ethernet+28 || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_IP {
		return c, false
	}
	ip := frame[ethernet:]
	size := int(ip[0]&15) * 4
	if ip[9] != unix.IPPROTO_UDP || binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 || len(ip) < size+8 {
		return c, false
	}
	udp := ip[size:]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if length < 8 || length > len(udp) {
		return c, false
	}
	c.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:16])), binary.BigEndian.Uint16(udp[0:]))
	c.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:20])), binary.BigEndian.Uint16(udp[2:]))
	c.data = udp[8:length]
	return c, true
}

// forger sends datagrams from a host under any source address and port.
type forger struct{ fd int }

func (h *host) forger(t testing.TB) *forger {
	t.Helper()
	f := &forger{}
	err := h.inside(func() (err error) {
		if f.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
			return err
		}
		return unix.SetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	})
	if err != nil {
		t.Fatalf("raw socket in %s: %v", h.ns, err)
	}
	t.Cleanup(func() { unix.Close(f.fd) })
	return f
}

// send puts one datagram on the cable. It waits while the cable is full.
func (f *forger) send(c captured) error {
	p := make([]byte, 28, 28+len(c.data))
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(c.data)))
	from, to := c.from.Addr().As4(), c.to.Addr().As4()
	copy(p[12:], from[:])
	copy(p[16:], to[:])
	binary.BigEndian.PutUint16(p[20:], c.from.Port())
	binary.BigEndian.PutUint16(p[22:], c.to.Port())
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(c.data))) // checksum zero: none
	p = append(p, c.data...)
	for {
		err := unix.Sendto(f.fd, p, 0, &unix.SockaddrInet4{Addr: to})
		if err != unix.ENOBUFS && err != unix.EAGAIN {
			return err
		}
		<-time.After(time.Millisecond)
	}
}
