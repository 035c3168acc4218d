package node

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// shared lets a socket have an address and port that another has.
func shared(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
}

// widen sets a socket's buffers; root may go beyond the system's limits.
func widen(u *net.UDPConn) Buffers {
	return Buffers{
		Receive: atLeast(u, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE),
		Send:    atLeast(u, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE),
	}
}

// atLeast sets one buffer, by force if need be, and returns its size.
func atLeast(u *net.UDPConn, polite, force int) (size int) {
	if setOption(u, unix.SOL_SOCKET, force, SocketBuffer) != nil {
		setOption(u, unix.SOL_SOCKET, polite, SocketBuffer)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) { size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, polite) })
	return size / 2 // the kernel reports twice what it was asked for
}

func setOption(u *net.UDPConn, level, name, value int) (err error) {
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, name, value) }); e != nil {
		return e
	}
	return err
}
