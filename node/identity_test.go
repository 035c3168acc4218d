package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/wire"
)

// secretOf is a cluster's secret, fixed by a seed.
func secretOf(seed byte) Secret { return Secret(bytes.Repeat([]byte{seed}, 32)) }

func identityOf(t *testing.T, seed byte) *Identity {
	t.Helper()
	id, err := NewIdentity(secretOf(seed))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdentityFollowsFromTheSecret(t *testing.T) {
	a, b, other := identityOf(t, 1), identityOf(t, 1), identityOf(t, 2)
	if a.Server != b.Server || a.Client != b.Client || a.Cluster != b.Cluster || !a.Authority.Equal(b.Authority) {
		t.Error("one secret makes two identities")
	}
	if a.Server == other.Server || a.Client == other.Client || a.Cluster == other.Cluster {
		t.Error("two secrets share a key")
	}
	if a.Server == a.Client || bytes.Equal(a.Server[:], a.authority.Seed()) || bytes.Equal(a.Client[:], a.authority.Seed()) {
		t.Error("two keys of one secret are equal")
	}
	if a.Cluster != ClusterOf(a.Authority) {
		t.Errorf("Cluster = %v, want %v", a.Cluster, ClusterOf(a.Authority))
	}
	if _, err := NewIdentity(Secret{}); err == nil {
		t.Error("NewIdentity of no secret: no error")
	}
}

// Stores and clusters of earlier releases depend on these values.
func TestIdentityIsFixed(t *testing.T) {
	id := identityOf(t, 1)
	for _, c := range []struct{ what, got, want string }{
		{"K_server", fmt.Sprintf("%x", id.Server[:8]), "124ccadfef9a21bf"},
		{"K_client", fmt.Sprintf("%x", id.Client[:8]), "bf7df8a4abee8f84"},
		{"cluster", id.Cluster.String(), "bd9832314304c4df8be446e7389146e1"},
		{"node id", IDOf("alpha").String(), "8eac4e6d0e2c37e5643bd4ab1deb52af"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestIdentitySecretIsDrawnFromEntropy(t *testing.T) {
	s, err := NewSecret(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil || s != secretOf(7) {
		t.Errorf("NewSecret = %x, %v", s[:], err)
	}
	if _, err := NewSecret(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("NewSecret of 5 bytes: %v, want io.ErrUnexpectedEOF", err)
	}
	a, errA := NewSecret(nil)
	b, errB := NewSecret(nil)
	if errA != nil || errB != nil || a == b || a.IsZero() {
		t.Errorf("NewSecret(nil) twice: equal %v, errors %v, %v", a == b, errA, errB)
	}
}

func TestIdentitySecretIsNeverPrinted(t *testing.T) {
	s := secretOf('S')
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("config", "secret", s)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		fmt.Fprintf(&log, verb+"\n", s)
		fmt.Fprintf(&log, verb+"\n", struct{ Secret Secret }{s})
	}
	for _, leak := range []string{"SSSS", "5353", "83 83", "83,83", "0x53"} {
		if strings.Contains(log.String(), leak) {
			t.Errorf("the secret is printed as %q in:\n%s", leak, log.String())
		}
	}
}

// handshake connects two configurations and returns the server's and the client's view.
func handshake(t *testing.T, server, client *tls.Config) (s, c tls.ConnectionState, err error) {
	t.Helper()
	left, right := net.Pipe()
	ts, tc := tls.Server(left, server), tls.Client(right, client)
	served := make(chan error, 1)
	go func() {
		served <- ts.Handshake()
		left.Close()
	}()
	if err = tc.Handshake(); err == nil {
		io.Copy(io.Discard, tc) // the server may refuse after the client is content
	}
	right.Close()
	return ts.ConnectionState(), tc.ConnectionState(), errors.Join(err, <-served)
}

func configs(t *testing.T, authority ed25519.PublicKey, id *Identity, self, want wire.NodeID) (server, client *tls.Config) {
	t.Helper()
	server, errS := id.ServerTLS(self)
	client, errC := ClientTLS(authority, want)
	if err := errors.Join(errS, errC); err != nil {
		t.Fatal(err)
	}
	return server, client
}

func TestIdentityProvesAServer(t *testing.T) {
	ours, theirs := identityOf(t, 1), identityOf(t, 2)
	a, b := IDOf("a"), IDOf("b")
	for _, c := range []struct {
		name      string
		authority ed25519.PublicKey
		server    *Identity
		self      wire.NodeID
		want      string // in the error; empty: accepted
	}{
		{"the right one", ours.Authority, ours, a, ""},
		{"another node of the cluster", ours.Authority, ours, b, "not " + a.String()},
		{"the same node id in another cluster", ours.Authority, theirs, a, "unknown authority"},
	} {
		server, client := configs(t, c.authority, c.server, c.self, a)
		_, cs, err := handshake(t, server, client)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: handshake: %v, want %q in it", c.name, err, c.want)
		}
		if err == nil && (cs.NegotiatedProtocol != alpn || cs.Version != tls.VersionTLS13) {
			t.Errorf("%s: negotiated %q, version %x", c.name, cs.NegotiatedProtocol, cs.Version)
		}
	}
}

// While the secret is rotated a server has certificates of two CAs, and shows that of the cluster the client names; who names
// none, as earlier releases do, sees the first.
func TestIdentityIsProvedUnderTheAuthorityWanted(t *testing.T) {
	old, next := identityOf(t, 1), identityOf(t, 2)
	server, err := next.ServerTLS(IDOf("a"), old)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		knows  *Identity
		silent bool // does not name its cluster
		ok     bool
	}{
		{"the first", next, false, true}, {"the other", old, false, true}, {"neither", identityOf(t, 3), false, false},
		{"the first, unsaid", next, true, true}, {"the other, unsaid", old, true, false},
	} {
		client, err := c.knows.PeerTLS(IDOf("b"), IDOf("a"))
		if err != nil {
			t.Fatal(err)
		}
		if c.silent {
			client.NextProtos = []string{alpn}
		}
		s, cs, err := handshake(t, server, client)
		if (err == nil) != c.ok {
			t.Errorf("who knows %s: %v, want success %v", c.name, err, c.ok)
		}
		if err == nil && (cs.NegotiatedProtocol != alpn || len(s.PeerCertificates) != 1) {
			t.Errorf("who knows %s: negotiated %q, certificates %d", c.name, cs.NegotiatedProtocol, len(s.PeerCertificates))
		}
	}
}

// A forger who knows the public key, as everybody does, and has a CA of the same name must not pass.
func TestIdentityRefusesAForgedAuthority(t *testing.T) {
	ours, forger := identityOf(t, 1), identityOf(t, 2)
	forger.Authority = ours.Authority // its certificates now name our CA as their issuer
	server, client := configs(t, ours.Authority, forger, IDOf("a"), IDOf("a"))
	if _, _, err := handshake(t, server, client); err == nil {
		t.Error("a certificate signed by another key in the name of our CA was accepted")
	}
	if _, err := ClientTLS(ours.Authority[:31], IDOf("a")); err == nil {
		t.Error("ClientTLS of a key cut off: no error")
	}
}

func TestIdentityClockDoesNotMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock is in 2000
		id := identityOf(t, 1)
		for _, now := range []time.Time{time.Unix(1, 0), time.Now(), time.Unix(1<<32, 0)} { // 1970: no battery; 2106
			server, client := configs(t, id.Authority, id, IDOf("a"), IDOf("a"))
			client.Time = func() time.Time { return now }
			if _, _, err := handshake(t, server, client); err != nil {
				t.Errorf("handshake at %v: %v", now, err)
			}
		}
	})
}

func TestIdentityPeersKnowEachOther(t *testing.T) {
	id := identityOf(t, 1)
	server, err := id.ServerTLS(IDOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := id.PeerTLS(IDOf("b"), IDOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := handshake(t, server, client)
	if err != nil || len(s.PeerCertificates) != 1 || s.PeerCertificates[0].VerifyHostname(IDOf("b").String()) != nil {
		t.Errorf("handshake of peers: %v, certificates %d", err, len(s.PeerCertificates))
	}
	stranger, err := identityOf(t, 2).PeerTLS(IDOf("b"), IDOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	stranger.RootCAs = client.RootCAs
	s, _, err = handshake(t, server, stranger) // it is not asked for a certificate of its CA, so it shows none
	if err != nil || len(s.PeerCertificates) != 0 {
		t.Errorf("handshake of a stranger: %v, certificates %d, want none", err, len(s.PeerCertificates))
	}
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &stranger.Certificates[0], nil
	}
	if _, _, err := handshake(t, server, stranger); err == nil {
		t.Error("a peer of another cluster was accepted")
	}
}

func TestIdentityProofHoldsOnOneConnectionOnly(t *testing.T) {
	id := identityOf(t, 1)
	server, client := configs(t, id.Authority, id, IDOf("a"), IDOf("a"))
	s1, c1, err1 := handshake(t, server, client)
	s2, _, err2 := handshake(t, server, client)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	proof, err := Prove(id.Client, &c1)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ProvePeer(id.Client, &c1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  bool
		want bool
	}{
		{"proof", Proven(id.Client, &s1, proof), true},
		{"peer's proof", PeerProven(id.Client, &s1, peer), true},
		{"proof on another connection", Proven(id.Client, &s2, proof), false},
		{"proof of another key", Proven(id.Server, &s1, proof), false},
		{"client's proof as a peer's", PeerProven(id.Client, &s1, proof), false},
		{"peer's proof as a client's", Proven(id.Client, &s1, peer), false},
		{"proof cut off", Proven(id.Client, &s1, proof[:31]), false},
		{"no proof", Proven(id.Client, &s1, nil), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}
