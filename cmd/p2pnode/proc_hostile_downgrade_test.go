//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/node"
	"p2pnode/wire"
)

// TestNothingIsSpokenButOurProtocol offers a server other protocols, none, older TLS, and versions of QUIC there are not.
func TestNothingIsSpokenButOurProtocol(t *testing.T) {
	on := newLAN(t, "n1", "liar")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	s := c.stranger(t, on.host("liar"))
	for _, offer := range [][]string{{"h3"}, {"p2pnode/0"}, {"p2pnode/2"}, {"p2pnode"}, {"http/1.1", "h2"}, nil} {
		if err := s.offer(c, c.procs[0], func(conf *tls.Config) { conf.NextProtos = offer }); err == nil {
			t.Errorf("a client that speaks %q is served", offer)
		}
	}
	if err := s.offer(c, c.procs[0], func(conf *tls.Config) { conf.MinVersion, conf.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }); err == nil {
		t.Error("a client that speaks TLS 1.2 is served")
	}
	if err := s.offer(c, c.procs[0], func(conf *tls.Config) { conf.NextProtos = []string{"h3", "p2pnode/1"} }); err != nil {
		t.Errorf("a client that speaks ours among others: %v", err)
	}
	for _, version := range []uint32{0xff00001d, 0x1a2a3a4a, 0x51303530, 2} {
		offered, size := s.versions(c.homes[c.procs[0]].addr, version)
		if size > 1200 || slices.ContainsFunc(offered, func(v uint32) bool {
			return v != uint32(quic.Version1) && v != uint32(quic.Version2) && v&0x0f0f0f0f != 0x0a0a0a0a
		}) {
			t.Errorf("QUIC version %#x is answered with %#x in %d bytes", version, offered, size)
		}
		t.Logf("QUIC version %#x: %d bytes, that name %#x", version, size, offered)
	}
}

// offer dials with a changed TLS configuration; nil: a stream would be served.
func (s *stranger) offer(c *crew, p *proc, change func(*tls.Config)) error {
	conf, err := node.ClientTLS(s.ca, node.IDOf(p.name))
	if err != nil {
		s.t.Fatal(err)
	}
	change(conf)
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second)
	defer cancel()
	to := netip.AddrPortFrom(c.homes[p].addr, 47480)
	conn, err := s.quic.Dial(ctx, net.UDPAddrFromAddrPort(to), conf, &quic.Config{})
	if err != nil {
		return err
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStream()
	if err != nil {
		return err
	}
	stream.SetDeadline(time.Now().Add(3 * time.Second))
	if err := wire.WriteFrame(stream, wire.Query{What: "status"}); err != nil {
		return err
	}
	_, err = wire.ReadFrame(stream, wire.MaxFrame)
	return err
}

// versions begins a connection of some version of QUIC, and returns the versions named in the answer and its size.
func (s *stranger) versions(server netip.Addr, version uint32) (named []uint32, size int) {
	s.t.Helper()
	p := make([]byte, 1200)
	p[0] = 0xc0
	binary.BigEndian.PutUint32(p[1:], version)
	p[5], p[14] = 8, 8 // the lengths of both connection ids
	var conn *net.UDPConn
	err := s.home.inside(func() (err error) {
		conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(server, 47480)))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 2048)
	for range 5 {
		conn.Write(p)
		conn.SetReadDeadline(time.Now().Add(time.Second))
		if size, err = conn.Read(answer); err == nil {
			break
		}
	}
	if err != nil || size < 23 || binary.BigEndian.Uint32(answer[1:]) != 0 {
		s.t.Fatalf("QUIC version %#x is answered with %x, %v", version, answer[:size], err)
	}
	for rest := answer[23:size]; len(rest) >= 4; rest = rest[4:] {
		named = append(named, binary.BigEndian.Uint32(rest))
	}
	return named, size
}

// TestPeersOfOtherVersionsAreRefused greets a server as a holder of the secret that speaks only later versions
// of the protocol, and one that would speak both.
func TestPeersOfOtherVersionsAreRefused(t *testing.T) {
	l := newLab(t)
	n1 := l.cluster(1)[0]
	n1.start()
	before, _ := n1.status(t.Context())
	for _, v := range []struct {
		low, high uint8
		want      error
	}{{2, 255, errRefused}, {3, 2, errRefused}, {0, 1, nil}, {1, 200, nil}} {
		tr := l.traitor(nil, "guest", n1.control)
		tr.hello(wire.Hello{MinVersion: v.low, MaxVersion: v.high, Name: "guest"})
		if err := tr.join(5 * time.Second); !errors.Is(err, v.want) {
			t.Errorf("versions %d to %d: %v, want %v", v.low, v.high, err, v.want)
		}
		tr.quit()
	}
	if after, err := n1.status(t.Context()); err != nil || after.Epoch != before.Epoch && before.Leader != nil {
		t.Errorf("epoch %d before, %d after, %v", before.Epoch, after.Epoch, err)
	}
}

// TestTokenIsNotTradedForOpenAnswers: a client with a token meets an open cluster only, and one that claims to be its own.
func TestTokenIsNotTradedForOpenAnswers(t *testing.T) {
	on := newLAN(t, "a1", "b1", "liar", "client")
	l := newLab(t)
	a := staff(l, on, []string{"a1"}, "--clients", "token")
	a.agree(10 * time.Second)
	home, token := on.host("client"), l.tokenFile("own", "--client", "--token-file", l.token)
	wantExit(t, "a job with the token", a.hides(t.Context(), home, l.photos()[0], "mine", "--token-file", token).outcome, 0)
	a.procs[0].kill()
	b := staff(newLab(t), on, []string{"b1"})
	b.agree(10 * time.Second)
	p := pretend(t, on.host("liar"), "a1", node.Secret{1}, a.titleOf)
	r := a.hides(t.Context(), home, l.photos()[0], "mine", "--token-file", token, "--timeout", "4s")
	wantExit(t, "only open answers", r.outcome, 4, "NO_CLUSTER")
	if p.met.Load() != 0 || p.asked.Load() != 0 {
		t.Errorf("the pretender read %d questions and met %d clients", p.asked.Load(), p.met.Load())
	}
	a.procs[0].start()
	r = a.hides(t.Context(), home, l.photos()[0], "mine", "--token-file", token, "--timeout", "20s")
	wantExit(t, "its own cluster is back", r.outcome, 0)
	if r.Server != "a1" || p.met.Load() != 0 {
		t.Errorf("served by %s; the pretender met %d clients", r.Server, p.met.Load())
	}
}
