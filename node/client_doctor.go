package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"

	"p2pnode/wire"
)

var (
	// ErrForeign means that whoever has a server's data address could not prove to be that server.
	ErrForeign = errors.New("node: its certificate is not that of the server that answered")
	// ErrOtherProtocol means that whoever has a server's data address speaks another version of the protocol.
	ErrOtherProtocol = errors.New("node: it speaks another protocol than " + alpn)
)

// Sighting is a server that answered a Survey, and how to reach it.
type Sighting struct {
	Found
	contact *assignment
}

// Survey is who answered, and which cluster a job would go to.
type Survey struct {
	Servers []Sighting
	Cluster *ClusterInfo // nil: none, for the reason Refused
	Refused error        // ErrNoCluster, *SeveralClustersError or *UnknownClusterError
}

// Survey asks as Discover does until ctx ends. If narrow, servers that are only named by others are not asked: all that
// answer have heard the broadcast, or are among the configured ones.
func (cl *Client) Survey(ctx context.Context, narrow bool) (Survey, error) {
	events, err := cl.mail.subscribe(ctx)
	if err != nil {
		return Survey{}, err
	}
	defer cl.mail.unsubscribe(events)
	s := cl.newSearch()
	s.census, s.narrow = true, narrow
	s.targets, s.places = cl.targets(ctx)
	s.begin(time.Now())
	err = cl.seek(ctx, s, events, func() bool { return false }, func() {})
	var over *SearchError
	if !errors.As(err, &over) {
		return Survey{}, err
	}
	return cl.surveyed(s), nil
}

func (cl *Client) surveyed(s *search) (out Survey) {
	on := cl.links()
	for _, v := range s.sorted() {
		out.Servers = append(out.Servers, Sighting{Found: s.describe(v, on), contact: s.contact(v)})
	}
	c, _, err := s.trust.choose(s.clusters())
	if out.Refused = err; err == nil {
		out.Cluster = &c
	}
	return out
}

// Examination is what became of a connection to one server.
type Examination struct {
	Data      netip.AddrPort // its address that was reached; if none was, the one tried last
	Handshake time.Duration
	MTU       int           // the longest datagram known to pass, bytes; zero: no more is known than that 1,200 do
	Status    []byte        // JSON
	Asked     time.Time     // when the status was asked for, here
	Took      time.Duration // until it was there
	Err       error         // ErrForeign, ErrOtherProtocol, ErrUnreachable or a *RemoteError; nil: Status is there
}

const examinations = 4 // questions to a server: what is sent meanwhile lets quic-go find the path's MTU

// Examine connects to a server that answered, and asks for its status. As with any question, its cluster is pinned.
func (cl *Client) Examine(ctx context.Context, s Sighting) (x Examination) {
	var mtu atomic.Int64
	conn, err := cl.reach(ctx, s.contact, &x, &mtu)
	if err != nil {
		x.Err = err
		return x
	}
	cl.dial.settle(s.contact.Server.ID, conn)
	defer cl.dial.drop(s.contact.Server.ID, conn)
	for range examinations {
		asked := time.Now()
		status, err := cl.inquire(ctx, s.contact, cl.query(wire.Query{What: "status"}))
		if err != nil {
			x.Err = err
			return x
		}
		if took := time.Since(asked); x.Status == nil || took < x.Took {
			x.Status, x.Asked, x.Took = status, asked, took
		}
	}
	x.MTU = int(mtu.Load())
	return x
}

// reach dials the addresses of a server in turn.
func (cl *Client) reach(ctx context.Context, a *assignment, x *Examination, mtu *atomic.Int64) (*quic.Conn, error) {
	conf, err := ClientTLS(a.Authority, a.Server.ID)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("%w: %s names no address that is of use here", ErrUnreachable, a.Server.Name)
	for _, to := range preferred(a.Server.Data, a.From.Addr(), cl.links()) {
		began := time.Now()
		var conn *quic.Conn
		x.Data = to
		if conn, err = cl.shake(ctx, to, conf, mtu); err == nil {
			x.Handshake = time.Since(began)
			return conn, nil
		}
		if !errors.Is(err, ErrUnreachable) {
			return nil, err
		}
	}
	return nil, err
}

// shake makes one handshake and says what it failed of.
func (cl *Client) shake(ctx context.Context, to netip.AddrPort, conf *tls.Config, mtu *atomic.Int64) (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	q := cl.dial.config.Clone()
	q.Tracer = func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return mtuTrace{mtu} }
	conn, err := cl.dial.transport.Dial(ctx, net.UDPAddrFromAddrPort(to), conf, q)
	if err == nil {
		return conn, nil
	}
	return nil, fmt.Errorf("%w (%s: %w)", shakeError(err), to, err)
}

// shakeError tells the ways apart in which a handshake fails.
func shakeError(err error) error {
	const noApplicationProtocol = 0x178 // RFC 9001 §8.1
	var said *quic.TransportError
	var cert *tls.CertificateVerificationError
	var stateless *quic.VersionNegotiationError
	switch {
	case errors.As(err, &cert):
		return ErrForeign
	case errors.As(err, &stateless), errors.As(err, &said) && said.ErrorCode == noApplicationProtocol:
		return ErrOtherProtocol
	}
	return ErrUnreachable
}

// mtuTrace keeps the MTU that a connection found, of everything it could trace.
type mtuTrace struct{ mtu *atomic.Int64 }

func (t mtuTrace) AddProducer() qlogwriter.Recorder { return t }
func (t mtuTrace) SupportsSchemas(string) bool      { return false }
func (t mtuTrace) Close() error                     { return nil }

func (t mtuTrace) RecordEvent(e qlogwriter.Event) {
	if u, ok := e.(qlog.MTUUpdated); ok {
		t.mtu.Store(int64(u.Value))
	}
}

// Claim is what the certificate at a data address says, unproved: good for telling people, and for nothing else.
type Claim struct {
	Node    string // hexadecimal id
	Cluster string // hexadecimal id
}

// Identify asks whoever has a data address for a certificate, and believes it. Servers show theirs to strangers too, whom
// they answer nothing else, so a token of another cluster can be told from silence. Nothing is sent to it.
func (cl *Client) Identify(ctx context.Context, at netip.AddrPort) (Claim, error) {
	var mtu atomic.Int64
	conn, err := cl.shake(ctx, at, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{alpn}}, &mtu)
	if err != nil {
		return Claim{}, err
	}
	defer conn.CloseWithError(closedNormal, "")
	return claimOf(conn.ConnectionState().TLS.PeerCertificates)
}

// claimOf reads a server's certificate: the CA's key id begins with the cluster's id.
func claimOf(chain []*x509.Certificate) (Claim, error) {
	const size = len(wire.ClusterID{})
	if len(chain) == 0 || len(chain[0].DNSNames) != 1 || len(chain[0].AuthorityKeyId) < size ||
		!strings.HasPrefix(chain[0].Issuer.CommonName, "p2pnode cluster ") {
		return Claim{}, fmt.Errorf("%w: it is not a p2pnode server's", ErrForeign)
	}
	return Claim{Node: chain[0].DNSNames[0], Cluster: hex.EncodeToString(chain[0].AuthorityKeyId[:size])}, nil
}
