//go:build !linux

package node

import (
	"net"
	"syscall"
)

// shared has no portable form: broadcasts to a specifically bound socket may go unheard.
func shared(_, _ string, _ syscall.RawConn) error { return nil }

// widen asks for large buffers. Nobody says portably what came of it, or what to do about it.
func widen(u *net.UDPConn) Buffers {
	u.SetReadBuffer(SocketBuffer)
	u.SetWriteBuffer(SocketBuffer)
	return Buffers{SocketBuffer, SocketBuffer}
}
