package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// joinedPair is a socket that receives joined datagrams and one that sends them. listen may be unspecified.
func joinedPair(t *testing.T, network, listen, send string) (*joinedConn, *net.UDPConn, *net.UDPAddr) {
	t.Helper()
	open := func(host string) *net.UDPConn {
		c, err := net.ListenUDP(network, &net.UDPAddr{IP: net.ParseIP(host)})
		if err != nil {
			t.Skipf("no %s at %s here: %v", network, host, err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	in, out := open(listen), open(send)
	j, ok := joinDatagrams(in).(*joinedConn)
	if !ok {
		t.Skip("this kernel joins no datagrams")
	}
	j.SetReadDeadline(time.Now().Add(10 * time.Second))
	return j, out, &net.UDPAddr{IP: net.ParseIP(send), Port: in.LocalAddr().(*net.UDPAddr).Port}
}

// batch is what quic-go hands to ReadBatch.
func batch() []ipv4.Message {
	ms := make([]ipv4.Message, 8)
	for i := range ms {
		ms[i].Buffers, ms[i].OOB = [][]byte{make([]byte, 1452)}, make([]byte, controlBytes)
	}
	return ms
}

// control is one control message.
func control(level, kind int, body []byte) []byte {
	p := make([]byte, unix.CmsgSpace(len(body)))
	order := binary.NativeEndian
	if unix.SizeofPtr == 8 {
		order.PutUint64(p, uint64(unix.CmsgLen(len(body))))
	} else {
		order.PutUint32(p, uint32(unix.CmsgLen(len(body))))
	}
	order.PutUint32(p[unix.SizeofPtr:], uint32(level))
	order.PutUint32(p[unix.SizeofPtr+4:], uint32(kind))
	copy(p[unix.CmsgLen(0):], body)
	return p
}

func segmentsOf(size uint16) []byte {
	return control(unix.IPPROTO_UDP, unix.UDP_SEGMENT, binary.NativeEndian.AppendUint16(nil, size))
}

// TestJoinedDatagramsAreTakenApart sends one joined datagram as quic-go does: what comes out are the datagrams, each with
// the ECN bits and the address it was sent to.
func TestJoinedDatagramsAreTakenApart(t *testing.T) {
	for _, c := range []struct {
		name, network, listen, send string
		mark                        []byte
		level, kind                 int // of the ECN bits' control message
		info                        int // kind of the packet info's
	}{
		{"IPv4", "udp4", "0.0.0.0", "127.0.0.1", control(unix.IPPROTO_IP, unix.IP_TOS, []byte{2}), unix.IPPROTO_IP, unix.IP_TOS, unix.IP_PKTINFO},
		{"IPv6", "udp6", "::", "::1", control(unix.IPPROTO_IPV6, unix.IPV6_TCLASS, binary.NativeEndian.AppendUint32(nil, 2)), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, unix.IPV6_PKTINFO},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, out, to := joinedPair(t, c.network, c.listen, c.send)
			// What quic-go sets on a socket bound to all addresses.
			if c.network == "udp4" {
				must(t, setOption(j.UDPConn, unix.IPPROTO_IP, unix.IP_RECVTOS, 1), setOption(j.UDPConn, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
			} else {
				must(t, setOption(j.UDPConn, unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1), setOption(j.UDPConn, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
			}
			sent := echoPayload(10*1200 + 77)
			if _, _, err := out.WriteMsgUDP(sent, append(segmentsOf(1200), c.mark...), to); err != nil {
				t.Fatal(err)
			}
			got := takeBatch(t, j, batch(), 8, out.LocalAddr(), c.level, c.kind, c.info)
			j.SetReadDeadline(past) // the other three are here already, in one read with these
			got = append(got, takeBatch(t, j, batch(), 3, out.LocalAddr(), c.level, c.kind, c.info)...)
			if !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came out, other than the %d sent", len(got), len(sent))
			}
			if _, err := j.ReadBatch(batch(), 0); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("ReadBatch after all of them = %v, want a timeout", err)
			}
		})
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// takeBatch reads one batch of so many datagrams, and checks what it says of each.
func takeBatch(t *testing.T, j *joinedConn, ms []ipv4.Message, want int, from net.Addr, level, kind, info int) (all []byte) {
	t.Helper()
	n, err := j.ReadBatch(ms, 0)
	if err != nil || n != want {
		t.Fatalf("ReadBatch = %d, %v, want %d datagrams", n, err, want)
	}
	for _, m := range ms[:n] {
		all = append(all, m.Buffers[0][:m.N]...)
		if addrPort(m.Addr).Port() != addrPort(from).Port() {
			t.Errorf("datagram from %v, want port of %v", m.Addr, from)
		}
		found, err := unix.ParseSocketControlMessage(m.OOB[:m.NN])
		if err != nil {
			t.Fatal(err)
		}
		var marked, informed bool
		for _, f := range found {
			marked = marked || int(f.Header.Level) == level && int(f.Header.Type) == kind && f.Data[0]&3 == 2
			informed = informed || int(f.Header.Level) == level && int(f.Header.Type) == info
		}
		if len(found) != 2 || !marked || !informed {
			t.Errorf("control messages %+v, want ECN bits 2 and the packet's address", found)
		}
	}
	return all
}

// TestJoinedDatagramsThatAreNone: single, empty and too long datagrams do no harm.
func TestJoinedDatagramsThatAreNone(t *testing.T) {
	j, out, to := joinedPair(t, "udp4", "127.0.0.1", "127.0.0.1")
	for _, n := range []int{0, 1, 1452, 9000} {
		if _, err := out.WriteToUDP(echoPayload(n), to); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1, 1452, 1452} {
		ms := batch()
		n, err := j.ReadBatch(ms, 0)
		if err != nil || n != 1 || ms[0].N != want || !bytes.Equal(ms[0].Buffers[0][:want], echoPayload(want)) {
			t.Errorf("ReadBatch = %d, %v with %d bytes, want one of %d", n, err, ms[0].N, want)
		}
	}
}

// TestJoinedDatagramsCostNoMemory: nothing is allocated for a datagram, whoever sends it in turn.
func TestJoinedDatagramsCostNoMemory(t *testing.T) {
	j, one, to := joinedPair(t, "udp4", "127.0.0.1", "127.0.0.1")
	_, two, _ := joinedPair(t, "udp4", "127.0.0.1", "127.0.0.1")
	p, ms, dst := echoPayload(1200), batch(), addrPort(to)
	allocs := testing.AllocsPerRun(200, func() {
		for _, c := range []*net.UDPConn{one, two} {
			if _, err := c.WriteToUDPAddrPort(p, dst); err != nil {
				t.Fatal(err)
			}
			if n, err := j.ReadBatch(ms, 0); n != 1 || err != nil {
				t.Fatalf("ReadBatch = %d, %v", n, err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for two datagrams, want none", allocs)
	}
}

// TestJoinedSourcesAreBounded: a flood from many addresses leaves no more of them than the bound.
func TestJoinedSourcesAreBounded(t *testing.T) {
	j := &joinedConn{peers: map[netip.AddrPort]*net.UDPAddr{}}
	for i := range 3 * rememberPeers {
		from := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(i))
		if j.remember(from); addrPort(j.from) != from {
			t.Fatalf("remember(%v) is %v", from, j.from)
		}
	}
	if len(j.peers) > rememberPeers {
		t.Errorf("%d addresses remembered, want at most %d", len(j.peers), rememberPeers)
	}
}

// countingConn counts reads that brought more than one datagram, and packets written joined and marked.
type countingConn struct {
	*joinedConn
	joined, segmented, marked atomic.Int64
}

func (c *countingConn) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	n, err := c.joinedConn.ReadBatch(ms, flags)
	if n > 1 {
		c.joined.Add(1)
	}
	return n, err
}

func (c *countingConn) WriteMsgUDP(p, oob []byte, to *net.UDPAddr) (int, int, error) {
	for rest := oob; len(rest) > 0; {
		h, _, remainder, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_SEGMENT:
			c.segmented.Add(1)
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TOS:
			c.marked.Add(1)
		}
		rest = remainder
	}
	return c.joinedConn.WriteMsgUDP(p, oob, to)
}

// TestQUICSendsAndReceivesJoined: under quic-go the server's socket receives joined datagrams, and all that quic-go does for
// an ordinary UDP socket is still done: it sends joined, marks packets for ECN, finds the path's MTU with DF set.
func TestQUICSendsAndReceivesJoined(t *testing.T) {
	socket, ok := joinDatagrams(udpOnLoopback(t, true)).(*joinedConn)
	if !ok {
		t.Skip("this kernel joins no datagrams")
	}
	data := &countingConn{joinedConn: socket}
	e := newEchoServer(t, data, nil)
	conn := e.dial(t, e.dialer(t, udpOnLoopback(t, true), nil))
	if err := echo(conn, echoPayload(2<<20), copySize); err != nil {
		t.Fatal(err)
	}
	if data.joined.Load() == 0 || data.segmented.Load() == 0 || data.marked.Load() == 0 {
		t.Errorf("%d joined reads, %d joined writes, %d packets with ECN bits: want some of each",
			data.joined.Load(), data.segmented.Load(), data.marked.Load())
	}
	if got := option(t, socket.UDPConn, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER); got != unix.IP_PMTUDISC_PROBE {
		t.Errorf("IP_MTU_DISCOVER = %d, want %d: DF set", got, unix.IP_PMTUDISC_PROBE)
	}
}

func option(t *testing.T, u *net.UDPConn, level, name int) (v int) {
	t.Helper()
	raw, err := u.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { v, err = unix.GetsockoptInt(int(fd), level, name) }), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
