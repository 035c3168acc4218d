package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"time"

	"p2pnode/wire"
)

// alpn names the protocol on QUIC connections.
const alpn = "p2pnode/1"

// Certificates are valid whenever a node may be running, whatever its clock says: they end with the process that made
// them, and trust in them ends with the cluster's secret.
var (
	validFrom  = time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC) // a board without a battery starts in 1970
	validUntil = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// ServerTLS returns the configuration of a server that proves to be self by a certificate of the cluster CA, or of one of
// also for a client that names its cluster (PROTOCOL.md §5.1). A client may show a certificate of such a CA; then it is a
// peer, and its node id is the certificate's DNS name.
func (i *Identity) ServerTLS(self wire.NodeID, also ...*Identity) (*tls.Config, error) {
	all := append([]*Identity{i}, also...)
	leaves := make([]tls.Certificate, len(all))
	authorities := make([]ed25519.PublicKey, len(all))
	for n, of := range all {
		var err error
		if leaves[n], err = of.issue(self); err != nil {
			return nil, err
		}
		authorities[n] = of.Authority
	}
	roots, err := rootsOf(authorities...)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		Certificates: leaves, MinVersion: tls.VersionTLS13, NextProtos: []string{alpn},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: roots, SessionTicketsDisabled: true,
	}
	if len(also) > 0 {
		c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			wanted := slices.IndexFunc(all, func(of *Identity) bool { return slices.Contains(hello.SupportedProtos, alpnOf(of.Cluster)) })
			return &leaves[max(0, wanted)], nil
		}
	}
	return c, nil
}

// alpnOf is what a client offers besides alpn, to say which cluster's certificate it can verify. Nobody speaks it.
func alpnOf(cluster wire.ClusterID) string { return alpn + " " + cluster.String() }

// PeerTLS returns the configuration by which self connects to another server and proves who it is.
func (i *Identity) PeerTLS(self, server wire.NodeID) (*tls.Config, error) {
	c, err := ClientTLS(i.Authority, server)
	if err != nil {
		return nil, err
	}
	leaf, err := i.issue(self)
	if err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{leaf}
	return c, nil
}

// ClientTLS returns the configuration that accepts one server of one cluster: its certificate has to be issued by
// authority for its node id.
func ClientTLS(authority ed25519.PublicKey, server wire.NodeID) (*tls.Config, error) {
	roots, err := rootsOf(authority)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		RootCAs: roots, ServerName: server.String(), MinVersion: tls.VersionTLS13,
		NextProtos: []string{alpn, alpnOf(ClusterOf(authority))},
	}, nil
}

// issue makes a key and a certificate of the cluster CA for a node.
func (i *Identity) issue(id wire.NodeID) (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate key: %w", err)
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(public), Subject: pkix.Name{CommonName: id.String()}, DNSNames: []string{id.String()},
		NotBefore: validFrom, NotAfter: validUntil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, rootTemplate(i.Authority), public, i.authority)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}

// rootsOf returns a pool with the certificates of CAs.
func rootsOf(authorities ...ed25519.PublicKey) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, a := range authorities {
		cert, err := rootOf(a)
		if err != nil {
			return nil, err
		}
		pool.AddCert(cert)
	}
	return pool, nil
}

// rootOf returns a CA's certificate. Clients know no more of the CA than its public key, so this
// certificate is signed by a key made up here: what x509 takes from a root is its name and its key, and not its signature.
func rootOf(authority ed25519.PublicKey) (*x509.Certificate, error) {
	if len(authority) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("node: cluster authority of %d bytes", len(authority))
	}
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	root := rootTemplate(authority)
	der, err := x509.CreateCertificate(rand.Reader, root, root, authority, signer)
	if err != nil {
		return nil, fmt.Errorf("describe the cluster authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("describe the cluster authority: %w", err)
	}
	return cert, nil
}

// rootTemplate is the CA's certificate as far as it follows from its public key.
func rootTemplate(authority ed25519.PublicKey) *x509.Certificate {
	id := sha256.Sum256(authority)
	return &x509.Certificate{
		SerialNumber: serial(authority), Subject: pkix.Name{CommonName: "p2pnode cluster " + ClusterOf(authority).String()},
		NotBefore: validFrom, NotAfter: validUntil, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: bytes.Clone(id[:20]),
	}
}

// serial makes a positive serial number of a public key; RFC 5280 allows 20 bytes.
func serial(public ed25519.PublicKey) *big.Int {
	sum := sha256.Sum256(public)
	sum[0] = sum[0]&0x7f | 0x40
	return new(big.Int).SetBytes(sum[:16])
}
