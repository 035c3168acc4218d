//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

// stranger is a client of a test's own making: it checks nothing, and says what it is told to.
type stranger struct {
	t    *testing.T
	home *host
	quic *quic.Transport
	ca   []byte    // the authority of the cluster
	key  *wire.Key // K_client, if it has a token
}

func (c *crew) stranger(t *testing.T, h *host) *stranger {
	t.Helper()
	s := &stranger{t: t, home: h, ca: c.readToken().Authority}
	var conn net.PacketConn
	err := h.inside(func() (err error) {
		conn, err = net.ListenUDP("udp4", nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.quic = &quic.Transport{Conn: conn}
	t.Cleanup(func() { s.quic.Close(); conn.Close() })
	return s
}

// dial opens a connection to a server.
func (s *stranger) dial(c *crew, p *proc) (*quic.Conn, error) {
	conf, err := node.ClientTLS(s.ca, node.IDOf(p.name))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	to := netip.AddrPortFrom(c.homes[p].addr, 47480)
	return s.quic.Dial(ctx, net.UDPAddrFromAddrPort(to), conf, &quic.Config{MaxIdleTimeout: time.Minute, KeepAlivePeriod: time.Second})
}

// speech is one stream of a stranger.
type speech struct {
	t *testing.T
	*quic.Stream
	conn  *quic.Conn // its own
	proof []byte     // that the stranger holds a token, on this connection
}

// open opens a stream to a server, on a connection of its own.
func (s *stranger) open(c *crew, p *proc) speech {
	s.t.Helper()
	conn, err := s.dial(c, p)
	if err != nil {
		s.t.Fatalf("dial %s: %v", p.name, err)
	}
	stream, err := conn.OpenStreamSync(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	stream.SetDeadline(time.Now().Add(time.Minute))
	var proof []byte
	if s.key != nil {
		tls := conn.ConnectionState().TLS
		if proof, err = node.Prove(*s.key, &tls); err != nil {
			s.t.Fatal(err)
		}
	}
	return speech{s.t, stream, conn, proof}
}

// leave closes the connection: a source has few.
func (s speech) leave() { s.conn.CloseWithError(0, "") }

func (s speech) say(f wire.Frame) {
	s.t.Helper()
	if err := wire.WriteFrame(s, s.proving(f)); err != nil {
		s.t.Fatalf("write %T: %v", f, err)
	}
}

// proving puts the proof into a frame that has room for one.
func (s speech) proving(f wire.Frame) wire.Frame {
	switch q := f.(type) {
	case wire.TaskRequest:
		q.Proof = s.proof
		return q
	case wire.TaskRange:
		q.Proof = s.proof
		return q
	case wire.Fetch:
		q.Proof = s.proof
		return q
	case wire.Query:
		q.Proof = s.proof
		return q
	}
	return f
}

// hear reads a frame of one type.
func hear[F wire.Frame](s speech) F {
	s.t.Helper()
	f, err := wire.ReadFrame(s, wire.MaxFrame)
	if err != nil {
		s.t.Fatalf("read %T: %v", *new(F), err)
	}
	got, ok := f.(F)
	if !ok {
		s.t.Fatalf("read %+v, want a %T", f, *new(F))
	}
	return got
}

// result reads chunks and the trailer that follows them.
func (s speech) result() ([]byte, wire.TaskTrailer) {
	s.t.Helper()
	var b bytes.Buffer
	if _, err := io.Copy(&b, wire.NewChunkReader(s)); err != nil {
		s.t.Fatalf("read result: %v", err)
	}
	return b.Bytes(), hear[wire.TaskTrailer](s)
}

// secretOf makes a job's secret of a letter, and jobOf its public id.
func secretOf(c byte) []byte { return bytes.Repeat([]byte{c}, 16) }

func jobOf(secret []byte) wire.JobID {
	sum := sha256.Sum256(secret)
	return wire.JobID(sum[:16])
}

// request is the first frame of a job that no leader has assigned, with a text sealed for an image of a size as well as anybody can.
func request(t *testing.T, secret, image []byte, info stego.Info, text string) wire.TaskRequest {
	t.Helper()
	e, err := stego.Seal(stego.Payload{Kind: stego.Text, Data: []byte(text)}, info, stego.SealOptions{})
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return wire.TaskRequest{
		Secret: secret, Attempt: 1, Epoch: 1, Leader: node.IDOf("n1"), Client: "stranger", Size: uint64(len(image)), Image: sha256.Sum256(image),
		Format: uint8(e.Format), Rate: e.Rate, Sealed: e.Sealed, Place: e.Place, Change: e.Change,
	}
}

// measured is what stego knows of an image.
func measured(t *testing.T, image []byte) stego.Info {
	t.Helper()
	info, err := stego.Measure(bytes.NewReader(image), stego.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}
