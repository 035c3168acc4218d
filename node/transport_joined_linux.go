package node

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	joinedBytes   = 64 << 10 // the most that the kernel joins
	controlBytes  = 128      // of control messages: as many as quic-go makes room for
	rememberPeers = 256      // addresses kept in the form that quic-go wants
)

// joinedConn is a UDP socket whose datagrams the kernel joins, when they come one after the other from one source (UDP_GRO):
// one system call and one walk through the network stack then bring up to 64 of them. It hands them out one by one to
// quic-go, which asks for them by ReadBatch. All else of the socket, sending above all, is as it was.
type joinedConn struct {
	*net.UDPConn

	// All of this is owned by the one goroutine that calls ReadBatch.
	buf     []byte
	oob     [controlBytes]byte
	rest    []byte // of buf: not yet handed out
	size    int    // of each datagram in rest; the last may be shorter
	control []byte // of oob: what the kernel says of every one of them
	from    *net.UDPAddr
	source  netip.AddrPort // from's
	peers   map[netip.AddrPort]*net.UDPAddr
}

// joinDatagrams has the kernel join what it receives for a socket of its own. Where it cannot, and for any other
// connection, it returns the same one: quic-go then reads without.
func joinDatagrams(conn net.PacketConn) net.PacketConn {
	u, ok := conn.(*net.UDPConn)
	if !ok || setOption(u, unix.IPPROTO_UDP, unix.UDP_GRO, 1) != nil {
		return conn
	}
	return &joinedConn{UDPConn: u, buf: make([]byte, joinedBytes), peers: map[netip.AddrPort]*net.UDPAddr{}}
}

// ReadBatch fills messages with one datagram each, and returns how many. It waits only for the first.
func (j *joinedConn) ReadBatch(ms []ipv4.Message, _ int) (int, error) {
	for len(j.rest) == 0 { // an empty datagram is not worth a word
		if err := j.read(); err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(ms) && len(j.rest) > 0 {
		j.next(&ms[n])
		n++
	}
	return n, nil
}

// next hands out one datagram. What is longer than quic-go's buffer is no QUIC packet, and cut.
func (j *joinedConn) next(m *ipv4.Message) {
	k := min(j.size, len(j.rest))
	m.N = copy(m.Buffers[0], j.rest[:k])
	m.NN = copy(m.OOB, j.control)
	m.Addr, m.Flags = j.from, 0
	j.rest = j.rest[k:]
}

func (j *joinedConn) read() error {
	n, oobn, _, from, err := j.ReadMsgUDPAddrPort(j.buf, j.oob[:])
	if err != nil {
		return err
	}
	j.rest = j.buf[:n]
	if j.size, j.control = segmentSize(j.oob[:oobn]); j.size == 0 {
		j.size = n
	}
	j.remember(from)
	return nil
}

// remember finds the address in the form that quic-go wants, without making it anew for every read.
func (j *joinedConn) remember(from netip.AddrPort) {
	if j.from != nil && j.source == from {
		return
	}
	a := j.peers[from]
	if a == nil {
		if len(j.peers) == rememberPeers {
			clear(j.peers)
		}
		a = net.UDPAddrFromAddrPort(from)
		j.peers[from] = a
	}
	j.from, j.source = a, from
}

// segmentSize takes the size of the joined datagrams out of a read's control messages; zero: there is only one. The other
// messages, on ECN and the address that the datagrams were sent to, hold for every one: the kernel joins no others.
func segmentSize(oob []byte) (size int, control []byte) {
	for at := 0; at < len(oob); {
		h, body, remainder, err := unix.ParseOneSocketControlMessage(oob[at:])
		if err != nil {
			return size, oob[:at]
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(body) >= 4 {
			size = int(binary.NativeEndian.Uint32(body))
			oob = append(oob[:at], remainder...)
			continue
		}
		at = len(oob) - len(remainder)
	}
	return size, oob
}
