package node

import (
	"io"
	"net"
	"testing"

	"github.com/quic-go/quic-go"
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

// BenchmarkPieces compares how much is written to a stream at once.
func BenchmarkPieces(b *testing.B) {
	p := echoPayload(echoBytes)
	e := newEchoServer(b, udpOnLoopback(b, true), nil)
	c := e.dial(b, e.dialer(b, udpOnLoopback(b, true), nil))
	sizes := []int{64 << 10, 16 << 10, 256 << 10}
	costs := make([]cost, len(sizes))
	for b.Loop() {
		for i, n := range sizes {
			costs[i].measure(b, func() error { return echo(c, p, n) })
		}
	}
	costs[0].report(b, "64KiB", b.N*len(p))
	costs[0].compare(b, "16KiB", &costs[1])
	costs[0].compare(b, "256KiB", &costs[2])
}

// BenchmarkWindows compares what both sides may have under way: as we do it, with less, and with as much as there is.
func BenchmarkWindows(b *testing.B) {
	p := echoPayload(echoBytes)
	fixed := func(n uint64) func(*quic.Config) {
		return func(c *quic.Config) {
			c.InitialStreamReceiveWindow, c.InitialConnectionReceiveWindow = n, n
			c.MaxStreamReceiveWindow, c.MaxConnectionReceiveWindow = n, n
		}
	}
	changes := []func(*quic.Config){nil, fixed(256 << 10), fixed(512 << 10), fixed(1 << 20), fixed(3 << 20), fixed(16 << 20)}
	conns, costs := make([]*quic.Conn, len(changes)), make([]cost, len(changes))
	for i, change := range changes {
		e := newEchoServer(b, udpOnLoopback(b, true), change)
		conns[i] = e.dial(b, e.dialer(b, udpOnLoopback(b, true), change))
	}
	for b.Loop() {
		for i, c := range conns {
			costs[i].measure(b, func() error { return echo(c, p, copySize) })
		}
	}
	costs[0].report(b, "ours", b.N*len(p))
	for i, name := range []string{"256KiB", "512KiB", "1MiB", "3MiB", "16MiB"} {
		costs[0].compare(b, name, &costs[i+1])
	}
}

// BenchmarkConnection compares a small job's bytes on a connection that is there already with those on a new one.
func BenchmarkConnection(b *testing.B) {
	p := echoPayload(64 << 10)
	e := newEchoServer(b, udpOnLoopback(b, true), nil)
	old := e.dialer(b, udpOnLoopback(b, true), nil)
	e.dial(b, old)
	fresh := e.dialer(b, udpOnLoopback(b, true), nil)
	var reused, dialled cost
	for b.Loop() {
		reused.measure(b, func() error { return echo(e.dial(b, old), p, copySize) })
		dialled.measure(b, func() error {
			c := e.dial(b, fresh)
			defer fresh.drop(IDOf("echo"), c)
			return echo(c, p, copySize)
		})
	}
	reused.report(b, "reused", b.N*len(p))
	reused.compare(b, "new", &dialled)
}
