package wire

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// Key is an AEAD key: K_server among peers, K_client between clients and servers (PROTOCOL.md §5).
type Key [32]byte

// ID returns what a datagram's header says of the key that sealed it.
func (k Key) ID() [2]byte {
	sum := sha256.Sum256(k[:])
	return [2]byte(sum[:2])
}

// OpenKey is K_client of every cluster whose clients mode is open. It is published, so it keeps no secret:
// it gives strangers the one packet format, and nothing else (PROTOCOL.md §2.3).
var OpenKey = openKey()

func openKey() Key {
	k, err := hkdf.Key(sha256.New, []byte("p2pnode"), nil, "p2pnode/1 open client key", 32)
	if err != nil {
		panic("wire: open key: " + err.Error())
	}
	return Key(k)
}

// Authority says whose key sealed a datagram, and so what its sender may say.
type Authority uint8

const (
	AuthorityPeer   Authority = iota + 1 // K_server
	AuthorityClient                      // K_client
	AuthorityOpen                        // OpenKey: anybody
)

// String returns the word used in logs.
func (a Authority) String() string {
	return [...]string{"nobody", "peer", "client", "open"}[min(a, 3)]
}

// KeyRef names the key for a datagram to a stranger. Events carry one that answers the question with the question's own
// key, and that remembers how long the question was; a client starts with KeyRef{Authority: …}.
type KeyRef struct {
	Authority Authority
	index     uint8 // among the keys of that authority
	room      int   // bytes of the question; zero: nothing was asked
}

// Index returns which key it is of those of its authority, as EndpointConfig lists them; zero: the first.
func (k KeyRef) Index() int { return int(k.index) }

// ring is the keys of an endpoint: all open.
type ring []sealer

type sealer struct {
	id        [2]byte
	authority Authority
	index     uint8
	subkeys   subkeys
}

func newRing(peer, client []Key, open bool) ring {
	var r ring
	r = r.add(AuthorityPeer, peer)
	r = r.add(AuthorityClient, client)
	if open {
		r = r.add(AuthorityOpen, []Key{OpenKey})
	}
	return r
}

func (r ring) add(a Authority, keys []Key) ring {
	for i, k := range keys {
		r = append(r, sealer{id: k.ID(), authority: a, index: uint8(i), subkeys: subkeys{key: k}})
	}
	return r
}

// find returns the key of an authority, nil if the endpoint has none.
func (r ring) find(a Authority, index uint8) *sealer {
	for i := range r {
		if r[i].authority == a && r[i].index == index {
			return &r[i]
		}
	}
	return nil
}
