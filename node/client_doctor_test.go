package node

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

// showing listens for QUIC with a configuration and takes handshakes, no more.
func showing(t *testing.T, conf *tls.Config) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := quic.Listen(conn, conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := l.Accept(context.Background()); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		conn.Close()
		<-done
	})
	return addrPort(conn.LocalAddr())
}

func newProber(t *testing.T) *Client {
	t.Helper()
	cl, err := NewClient(ClientConfig{Pins: t.TempDir() + "/pins", Interfaces: []string{"lo"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	return cl
}

func newIdentityForTest(t *testing.T) *Identity {
	t.Helper()
	s, err := NewSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := NewIdentity(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestStrangerIsIdentified(t *testing.T) {
	id, self := newIdentityForTest(t), IDOf("n1")
	conf, err := id.ServerTLS(self)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newProber(t).Identify(t.Context(), showing(t, conf))
	if want := (Claim{Node: self.String(), Cluster: id.Cluster.String()}); err != nil || got != want {
		t.Errorf("Identify() = %v, %v, want %v", got, err, want)
	}
}

func TestExaminationSaysWhatAHandshakeFailedOf(t *testing.T) {
	id, other, self := newIdentityForTest(t), newIdentityForTest(t), IDOf("n1")
	foreign, err := other.ServerTLS(self)
	if err != nil {
		t.Fatal(err)
	}
	newer, err := id.ServerTLS(self)
	if err != nil {
		t.Fatal(err)
	}
	newer.NextProtos = []string{"p2pnode/9"}
	cl := newProber(t)
	for _, c := range []struct {
		conf *tls.Config
		want error
	}{{foreign, ErrForeign}, {newer, ErrOtherProtocol}} {
		at := showing(t, c.conf)
		x := cl.Examine(t.Context(), Sighting{contact: &assignment{
			TaskAssignmentResponse: wire.TaskAssignmentResponse{Server: wire.Node{ID: self, Name: "n1", Data: []netip.AddrPort{at}}},
			Authority:              id.Authority, From: at,
		}})
		if !errors.Is(x.Err, c.want) || x.Data != at {
			t.Errorf("Examine() = %v at %v, want %v at %v", x.Err, x.Data, c.want, at)
		}
	}
}

func TestInterfacesSayWhyTheyAreNotUsed(t *testing.T) {
	prefix := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}
	lo, eth, docker := link{Name: "lo", loopback: true, Prefixes: prefix}, link{Name: "eth0", Prefixes: prefix}, link{Name: "docker0", Prefixes: prefix}
	rows := func() []Interface {
		return []Interface{{Name: "lo"}, {Name: "eth0"}, {Name: "docker0"}, {Name: "wlan0", Reason: "down"}}
	}
	for _, c := range []struct {
		found []link
		only  []string
		want  [4]string // reasons; empty: used
	}{
		{[]link{lo, eth, docker}, nil, [4]string{"", "", "of containers or a tunnel", "down"}},
		{[]link{lo, eth, docker}, []string{"docker0"}, [4]string{"not among --interface", "not among --interface", "", "down"}},
	} {
		for i, got := range chosen(rows(), c.found, c.only) {
			if got.Reason != c.want[i] || got.Used != (c.want[i] == "") {
				t.Errorf("%v only %v: %s is used %v, %q, want %q", c.found, c.only, got.Name, got.Used, got.Reason, c.want[i])
			}
		}
	}
	for _, c := range []struct {
		flags net.Flags
		ok    bool
		want  string
	}{{net.FlagUp, true, ""}, {0, false, "down"}, {net.FlagUp, false, "cannot broadcast"}, {net.FlagUp | net.FlagBroadcast, false, "without an address"}} {
		if got := unusable(c.flags, c.ok); got != c.want {
			t.Errorf("unusable(%v, %v) = %q, want %q", c.flags, c.ok, got, c.want)
		}
	}
}

func TestEchoesAreTheirOwn(t *testing.T) {
	ear, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Close()
	to := addrPort(ear.LocalAddr())
	tag, foreign := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	for _, p := range [][]byte{echoOf(foreign, 0), []byte("noise"), echoOf(tag, 7), echoOf(tag, 1), echoOf(tag, 1)} {
		if _, err := ear.WriteToUDPAddrPort(p, to); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	out := []Echo{{Err: net.ErrClosed}, {}}
	if err := hearEchoes(ctx, ear, tag, out); err != nil || out[0].Heard || !out[1].Heard {
		t.Errorf("hearEchoes() = %v, %+v", err, out)
	}
	missing := []Echo{{}}
	if err := hearEchoes(ctx, ear, tag, missing); err != nil || missing[0].Heard {
		t.Errorf("hearEchoes() of silence = %v, %+v", err, missing)
	}
}

func TestNarrowSearchAsksItsTargetsOnly(t *testing.T) {
	target, named := netip.MustParseAddrPort("10.0.0.1:47470"), netip.MustParseAddrPort("10.0.0.2:47470")
	for _, narrow := range []bool{true, false} {
		s := &search{narrow: narrow, targets: []netip.AddrPort{target}, hints: map[wire.NodeID]wire.Node{{1}: {Control: []netip.AddrPort{named}}}}
		if got := len(s.everywhere()); got != map[bool]int{true: 1, false: 2}[narrow] {
			t.Errorf("narrow %v asks %d", narrow, got)
		}
	}
}

func TestRememberedPeersAreReadFromAStore(t *testing.T) {
	dir := t.TempDir()
	if got, err := RememberedPeers(dir); err != nil || got != nil {
		t.Errorf("without a store: %v, %v", got, err)
	}
	s, _, err := OpenStore(dir, IDOf("n1"))
	if err != nil {
		t.Fatal(err)
	}
	want := netip.MustParseAddrPort("10.0.0.2:47470")
	if err := s.Commit([]Batch{{Peers: []netip.AddrPort{want}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := RememberedPeers(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("of a store in use: %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := RememberedPeers(dir); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("RememberedPeers() = %v, %v, want %v", got, err, want)
	}
}
