package node

import (
	"io"
	"net"
	"testing"
)

const echoBytes = 8 << 20

// tcpEcho connects to an echo server over TCP.
func tcpEcho(b *testing.B) *net.TCPAddr {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, copySize))
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr)
}

func echoTCP(to *net.TCPAddr, p []byte) error {
	c, err := net.DialTCP("tcp", nil, to)
	if err != nil {
		return err
	}
	defer c.Close()
	return echoBy(c, p, copySize, c.CloseWrite)
}

// BenchmarkEcho sends bytes there and back on one connection: QUIC as we use it, the same without joined datagrams, and
// TCP without any encryption. One round after the other, so that all three meet the same load of the machine.
func BenchmarkEcho(b *testing.B) {
	p := echoPayload(echoBytes)
	joined := newEchoServer(b, udpOnLoopback(b, true), nil)
	plain := newEchoServer(b, udpOnLoopback(b, false), nil)
	jc := joined.dial(b, joined.dialer(b, udpOnLoopback(b, true), nil))
	pc := plain.dial(b, plain.dialer(b, udpOnLoopback(b, false), nil))
	to := tcpEcho(b)
	var quic, unjoined, tcp cost
	for b.Loop() {
		quic.measure(b, func() error { return echo(jc, p, copySize) })
		unjoined.measure(b, func() error { return echo(pc, p, copySize) })
		tcp.measure(b, func() error { return echoTCP(to, p) })
	}
	quic.report(b, "quic", b.N*len(p))
	unjoined.report(b, "unjoined", b.N*len(p))
	tcp.report(b, "tcp", b.N*len(p))
	quic.compare(b, "unjoined", &unjoined)
	quic.compare(b, "tcp", &tcp)
}
