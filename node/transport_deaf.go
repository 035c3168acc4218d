package node

import (
	"net"
	"sync/atomic"

	"golang.org/x/net/ipv4"
)

// muffle makes a data socket that hears and says nothing while deaf is set. joined is what reads from raw; quic-go finds all
// that it looks for in a UDP socket.
func muffle(raw, joined net.PacketConn, deaf *atomic.Bool) net.PacketConn {
	u, ok := raw.(*net.UDPConn)
	if !ok {
		return &muffled{joined, deaf}
	}
	batch, ok := joined.(batchReader)
	if !ok {
		batch = ipv4.NewPacketConn(u)
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

// muffledUDP is a UDP socket.
type muffledUDP struct {
	*net.UDPConn
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
		if n, from, err = m.UDPConn.ReadFrom(p); err != nil || !m.deaf.Load() {
			return n, from, err
		}
	}
}

func (m *muffledUDP) ReadMsgUDP(p, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	for {
		if n, oobn, flags, from, err = m.UDPConn.ReadMsgUDP(p, oob); err != nil || !m.deaf.Load() {
			return n, oobn, flags, from, err
		}
	}
}

// WriteTo and WriteMsgUDP pretend to send while the socket is mute.
func (m *muffledUDP) WriteTo(p []byte, to net.Addr) (int, error) {
	if m.deaf.Load() {
		return len(p), nil
	}
	return m.UDPConn.WriteTo(p, to)
}

func (m *muffledUDP) WriteMsgUDP(p, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if m.deaf.Load() {
		return len(p), len(oob), nil
	}
	return m.UDPConn.WriteMsgUDP(p, oob, to)
}
