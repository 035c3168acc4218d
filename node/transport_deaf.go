package node

import (
	"net"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv4"
)

// muffle makes a data socket that hears and says nothing while deaf is set. quic-go finds in it all that it looks for in a UDP
// socket.
func muffle(conn net.PacketConn, deaf *atomic.Bool) net.PacketConn {
	u, ok := conn.(udpSocket)
	if !ok {
		return &muffled{conn, deaf}
	}
	batch, ok := conn.(batchReader)
	if !ok {
		batch = ipv4.NewPacketConn(conn)
	}
	return &muffledUDP{u, batch, deaf}
}

// muffled is any socket.
type muffled struct {
	net.PacketConn
	deaf *atomic.Bool
}

// ReadFrom leaves out what comes while the socket is deaf.
func (m *muffled) ReadFrom(p []byte) (n int, from net.Addr, err error) {
	for {
		if n, from, err = m.PacketConn.ReadFrom(p); err != nil || !m.deaf.Load() {
			return n, from, err
		}
	}
}

// WriteTo pretends to send while the socket is mute.
func (m *muffled) WriteTo(p []byte, to net.Addr) (int, error) {
	if m.deaf.Load() {
		return len(p), nil
	}
	return m.PacketConn.WriteTo(p, to)
}

// batchReader is how quic-go reads several datagrams at once.
type batchReader interface {
	ReadBatch(ms []ipv4.Message, flags int) (int, error)
}

// udpSocket is what quic-go uses of a UDP socket.
type udpSocket interface {
	net.PacketConn
	SyscallConn() (syscall.RawConn, error)
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
	ReadMsgUDP(p, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error)
	WriteMsgUDP(p, oob []byte, to *net.UDPAddr) (n, oobn int, err error)
}

// muffledUDP is a UDP socket.
type muffledUDP struct {
	udpSocket
	batch batchReader
	deaf  *atomic.Bool
}

// ReadBatch, ReadFrom and ReadMsgUDP leave out what comes while the socket is deaf.
func (m *muffledUDP) ReadBatch(ms []ipv4.Message, flags int) (n int, err error) {
	for {
		if n, err = m.batch.ReadBatch(ms, flags); err != nil || !m.deaf.Load() {
			return n, err
		}
	}
}

func (m *muffledUDP) ReadFrom(p []byte) (n int, from net.Addr, err error) {
	for {
		if n, from, err = m.udpSocket.ReadFrom(p); err != nil || !m.deaf.Load() {
			return n, from, err
		}
	}
}

func (m *muffledUDP) ReadMsgUDP(p, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	for {
		if n, oobn, flags, from, err = m.udpSocket.ReadMsgUDP(p, oob); err != nil || !m.deaf.Load() {
			return n, oobn, flags, from, err
		}
	}
}

// WriteTo and WriteMsgUDP pretend to send while the socket is mute.
func (m *muffledUDP) WriteTo(p []byte, to net.Addr) (int, error) {
	if m.deaf.Load() {
		return len(p), nil
	}
	return m.udpSocket.WriteTo(p, to)
}

func (m *muffledUDP) WriteMsgUDP(p, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if m.deaf.Load() {
		return len(p), len(oob), nil
	}
	return m.udpSocket.WriteMsgUDP(p, oob, to)
}
