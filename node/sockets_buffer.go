package node

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// SocketBuffer is how many bytes of received and of sent data a socket asks the kernel to hold: what comes in while this
// process has no turn would be lost otherwise.
const SocketBuffer = 4 << 20

// Buffers are what a socket got, in bytes.
type Buffers struct{ Receive, Send int }

func (b Buffers) least(o Buffers) Buffers {
	return Buffers{min(b.Receive, o.Receive), min(b.Send, o.Send)}
}

// Advice is the command that lets sockets have what they ask for; empty: they have it.
func (b Buffers) Advice() string {
	var limits []string
	if b.Receive < SocketBuffer {
		limits = append(limits, fmt.Sprintf("net.core.rmem_max=%d", SocketBuffer))
	}
	if b.Send < SocketBuffer {
		limits = append(limits, fmt.Sprintf("net.core.wmem_max=%d", SocketBuffer))
	}
	if limits == nil {
		return ""
	}
	return "sysctl -w " + strings.Join(limits, " ")
}

// tune asks for large buffers, and returns what the kernel gave. Any other connection than a UDP socket needs none.
func tune(conn net.PacketConn) Buffers {
	b := Buffers{SocketBuffer, SocketBuffer}
	if u, ok := conn.(*net.UDPConn); ok {
		b = widen(u)
	}
	if b.Advice() != "" {
		os.Setenv(quicWarning, "true")
	}
	return b
}

// quicWarning keeps quic-go from writing on stderr, in words of its own, what Advice says already.
const quicWarning = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
