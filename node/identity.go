package node

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"p2pnode/wire"
)

// Secret is the secret of a cluster: who holds it is a server of the cluster. All keys of the cluster follow from it.
type Secret [32]byte

// NewSecret draws a secret. If entropy is nil, crypto/rand is used.
func NewSecret(entropy io.Reader) (s Secret, err error) {
	if entropy == nil {
		entropy = rand.Reader
	}
	if _, err := io.ReadFull(entropy, s[:]); err != nil {
		return Secret{}, fmt.Errorf("draw a cluster secret: %w", err)
	}
	return s, nil
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// String, GoString and LogValue keep the secret out of logs and messages.
func (s Secret) String() string       { return "[secret]" }
func (s Secret) GoString() string     { return "[secret]" }
func (s Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// IDOf returns the id of the node of a name. It follows from the name, so that voters can be named before they have run.
func IDOf(name string) wire.NodeID {
	sum := sha256.Sum256([]byte("p2pnode node\x00" + name))
	return wire.NodeID(sum[:16])
}

// ClusterOf returns the id of the cluster whose CA has a public key.
func ClusterOf(authority ed25519.PublicKey) wire.ClusterID {
	sum := sha256.Sum256(authority)
	return wire.ClusterID(sum[:16])
}

// Identity is what follows from a cluster's secret (PROTOCOL.md §5).
type Identity struct {
	Server    wire.Key          // K_server, among peers
	Client    wire.Key          // K_client, between clients and servers
	Cluster   wire.ClusterID    // of Authority
	Authority ed25519.PublicKey // the CA every server's certificate is issued by

	authority ed25519.PrivateKey
}

// NewIdentity derives the keys of a cluster from its secret.
func NewIdentity(s Secret) (*Identity, error) {
	if s.IsZero() {
		return nil, fmt.Errorf("node: no cluster secret")
	}
	var keys [3][]byte
	for i, label := range []string{"p2pnode/1 server key", "p2pnode/1 client key", "p2pnode/1 authority seed"} {
		k, err := hkdf.Key(sha256.New, s[:], nil, label, 32)
		if err != nil {
			return nil, fmt.Errorf("derive %s: %w", label, err)
		}
		keys[i] = k
	}
	authority := ed25519.NewKeyFromSeed(keys[2])
	public := authority.Public().(ed25519.PublicKey)
	return &Identity{
		Server: wire.Key(keys[0]), Client: wire.Key(keys[1]),
		Cluster: ClusterOf(public), Authority: public, authority: authority,
	}, nil
}

// MaxSecrets is how many secrets a server accepts at once: that of a cluster, its successor, and one more for a rotation
// that begins before the one before it has ended.
const MaxSecrets = 3

// What can be wrong with several secrets.
var (
	ErrManySecrets = fmt.Errorf("node: more than %d secrets", MaxSecrets)
	ErrSecretTwice = errors.New("node: the same secret twice")
)

// CheckSecrets says what keeps a list of secrets, of which the first is spoken, from being a cluster's.
func CheckSecrets(list []Secret) error {
	if len(list) > MaxSecrets {
		return ErrManySecrets
	}
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			return ErrSecretTwice
		}
	}
	return nil
}

// identitiesOf is NewIdentity for several secrets.
func identitiesOf(list []Secret) (all []*Identity, err error) {
	for _, s := range list {
		i, err := NewIdentity(s)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

func clustersOf(list []*Identity) (ids []wire.ClusterID) {
	for _, i := range list {
		ids = append(ids, i.Cluster)
	}
	return ids
}

const (
	clientProofLabel = "EXPORTER-p2pnode-client"
	peerProofLabel   = "EXPORTER-p2pnode-peer"
)

// Prove returns a proof, good on one TLS connection only, that its maker holds the client key.
func Prove(k wire.Key, cs *tls.ConnectionState) ([]byte, error) {
	return prove(k, cs, clientProofLabel)
}

// Proven reports whether a proof of the client key was made for this connection.
func Proven(k wire.Key, cs *tls.ConnectionState, proof []byte) bool {
	return proven(k, cs, clientProofLabel, proof)
}

// ProvePeer is Prove for the server key, which only servers and their operators hold.
func ProvePeer(k wire.Key, cs *tls.ConnectionState) ([]byte, error) {
	return prove(k, cs, peerProofLabel)
}

// PeerProven is Proven for the server key.
func PeerProven(k wire.Key, cs *tls.ConnectionState, proof []byte) bool {
	return proven(k, cs, peerProofLabel, proof)
}

func prove(k wire.Key, cs *tls.ConnectionState, label string) ([]byte, error) {
	material, err := cs.ExportKeyingMaterial(label, nil, 32)
	if err != nil {
		return nil, fmt.Errorf("export keying material: %w", err)
	}
	mac := hmac.New(sha256.New, k[:])
	mac.Write(material)
	return mac.Sum(nil), nil
}

func proven(k wire.Key, cs *tls.ConnectionState, label string, proof []byte) bool {
	want, err := prove(k, cs, label)
	return err == nil && hmac.Equal(want, proof)
}
