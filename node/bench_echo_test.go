package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sys/unix"

	"p2pnode/wire"
)

// echoServer sends back what comes, stream by stream: with the socket, TLS and bounds of a server of ours, and nothing
// else. What a request through a server costs is told as a ratio to it.
type echoServer struct {
	tls    *tls.Config
	config *quic.Config
	ident  *Identity
	addr   net.Addr
}

// echoPayload is what benchmarks send: nothing that anybody could compress.
func echoPayload(size int) []byte {
	r, p := rand.New(rand.NewPCG(1, 2)), make([]byte, size)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// plainConn is a socket that is read as quic-go reads any other: its type hides what joinDatagrams looks for.
type plainConn struct{ *net.UDPConn }

// udpOnLoopback opens a socket as Listen does, joined or not.
func udpOnLoopback(t testing.TB, join bool) net.PacketConn {
	t.Helper()
	c, err := bind("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if !join {
		return plainConn{c}
	}
	return c
}

// newEchoServer serves until the test ends. change may be nil.
func newEchoServer(t testing.TB, data net.PacketConn, change func(*quic.Config)) *echoServer {
	t.Helper()
	secret, err := NewSecret(seeded{rand.New(rand.NewPCG(3, 4))})
	if err != nil {
		t.Fatal(err)
	}
	e := &echoServer{addr: data.LocalAddr()}
	if e.ident, err = NewIdentity(secret); err != nil {
		t.Fatal(err)
	}
	if e.tls, err = e.ident.ServerTLS(IDOf("echo")); err != nil {
		t.Fatal(err)
	}
	tr := newTransport(Config{Name: "echo", Data: data, Workers: 1}, e.tls, e.ident, nil, nil, new(atomic.Bool))
	q, err := tr.listen()
	if err != nil {
		t.Fatal(err)
	}
	e.config = tr.quicConfig()
	if change != nil {
		change(e.config)
	}
	l, err := q.Listen(e.tls, e.config)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { serveEcho(l) })
	t.Cleanup(func() {
		l.Close()
		q.Close()
		serving.Wait()
	})
	return e
}

func serveEcho(l *quic.Listener) {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.Accept(context.Background())
		if err != nil {
			return
		}
		conns.Go(func() {
			for {
				s, err := c.AcceptStream(context.Background())
				if err != nil {
					return
				}
				conns.Go(func() { sendBack(s) })
			}
		})
	}
}

func sendBack(s *quic.Stream) {
	io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{s}, make([]byte, wire.MaxChunk))
	s.Close()
}

// dialer connects a client of ours, whose dialer it is.
func (e *echoServer) dialer(t testing.TB, conn net.PacketConn, change func(*quic.Config)) *dialer {
	t.Helper()
	d := newDialer(conn, func() []link { return nil }, 0)
	if change != nil {
		change(d.config)
	}
	t.Cleanup(func() { d.close() })
	return d
}

// assignment is what a leader would have said of this server.
func (e *echoServer) assignment() *assignment {
	at := addrPort(e.addr)
	a := &assignment{From: at, Authority: e.ident.Authority}
	a.Server.ID, a.Server.Name = IDOf("echo"), "echo"
	a.Server.Data = append(a.Server.Data, at)
	return a
}

// dial opens a connection by d.
func (e *echoServer) dial(t testing.TB, d *dialer) *quic.Conn {
	t.Helper()
	c, _, err := d.connect(context.Background(), e.assignment())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// echo sends p on a stream of its own, in pieces of so many bytes, and takes it back: the anchor of our benchmarks.
func echo(c *quic.Conn, p []byte, piece int) error {
	s, err := c.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	s.SetDeadline(time.Now().Add(time.Minute))
	return echoBy(s, p, piece, s.Close)
}

// echoBy is echo on any stream of bytes; end closes its sending half.
func echoBy(s io.ReadWriter, p []byte, piece int, end func() error) error {
	sent := make(chan error, 1)
	go func() {
		for rest := p; len(rest) > 0; {
			n, err := s.Write(rest[:min(piece, len(rest))])
			if err != nil {
				sent <- err
				return
			}
			rest = rest[n:]
		}
		sent <- end()
	}()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s}, make([]byte, copySize))
	if err == nil && n != int64(len(p)) {
		err = fmt.Errorf("%d bytes came back, want %d", n, len(p))
	}
	return errors.Join(err, <-sent)
}

// cost is what one side of a comparison took.
type cost struct{ wall, cpu time.Duration }

// measure adds what f takes. Nothing else of this process may run meanwhile: the processor's time is the process's.
func (c *cost) measure(b *testing.B, f func() error) {
	b.Helper()
	wall, cpu := time.Now(), processorTime(b)
	if err := f(); err != nil {
		b.Fatal(err)
	}
	c.wall += time.Since(wall)
	c.cpu += processorTime(b) - cpu
}

func processorTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report writes a side's rate and cost.
func (c *cost) report(b *testing.B, name string, bytes int) {
	mb := float64(bytes) / 1e6
	b.ReportMetric(mb/c.wall.Seconds(), name+"-MB/s")
	b.ReportMetric(float64(c.cpu.Nanoseconds())/mb, name+"-cpu-ns/MB")
}

// compare writes how many times as much another side took.
func (c *cost) compare(b *testing.B, name string, other *cost) {
	b.ReportMetric(float64(other.wall)/float64(c.wall), name+"-wall-ratio")
	b.ReportMetric(float64(other.cpu)/float64(c.cpu), name+"-cpu-ratio")
}
