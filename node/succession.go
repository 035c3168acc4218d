package node

import (
	"bytes"
	"crypto/ed25519"

	"p2pnode/wire"
)

// succession is the word of a former CA that another is its successor: who trusts the one may trust the other. Zero: none.
type succession struct {
	former, successor ed25519.PublicKey
	statement         []byte // Ed25519, by former
}

// successorLabel begins what is signed; no other text that a CA signs, which are certificates, begins so.
const successorLabel = "p2pnode/1 successor\x00"

func successorText(former, successor ed25519.PublicKey) []byte {
	return bytes.Join([][]byte{[]byte(successorLabel), former, successor}, nil)
}

// succeeded is the word of i that by is its successor.
func (i *Identity) succeeded(by *Identity) succession {
	return succession{i.Authority, by.Authority, ed25519.Sign(i.authority, successorText(i.Authority, by.Authority))}
}

func (s succession) isZero() bool { return len(s.statement) == 0 }

// valid reports whether former has signed this.
func (s succession) valid() bool {
	return len(s.former) == ed25519.PublicKeySize && len(s.successor) == ed25519.PublicKeySize &&
		ed25519.Verify(s.former, successorText(s.former, s.successor), s.statement)
}

func (s succession) append(p []byte) []byte {
	return append(append(append(p, s.former...), s.successor...), s.statement...)
}

const successionSize = 2*ed25519.PublicKeySize + ed25519.SignatureSize

// parseSuccession reads what append wrote; what is no valid statement is none.
func parseSuccession(p []byte) succession {
	if len(p) != successionSize {
		return succession{}
	}
	p = bytes.Clone(p) // not the database's
	s := succession{p[:ed25519.PublicKeySize], p[ed25519.PublicKeySize : 2*ed25519.PublicKeySize], p[2*ed25519.PublicKeySize:]}
	if !s.valid() {
		return succession{}
	}
	return s
}

// inherit makes and keeps the statement of a node that from now on speaks another secret than its store is bound to, while
// it still has that one. Zero: it speaks the same.
func inherit(store *Store, bound wire.ClusterID, idents []*Identity) (succession, error) {
	for _, i := range idents[1:] {
		if i.Cluster == bound {
			s := i.succeeded(idents[0])
			return s, store.succeed(s)
		}
	}
	return succession{}, nil
}

// kin lists the other CAs by which this cluster is known, or was.
func (c coreConfig) kin() (list []wire.Kin) {
	h := c.heritage
	if !h.successor.Equal(c.ident.Authority) {
		h = succession{}
	}
	if !h.isZero() {
		list = append(list, wire.Kin{Authority: h.former, Statement: h.statement})
	}
	for _, i := range c.also {
		if !i.Authority.Equal(h.former) {
			list = append(list, wire.Kin{Authority: i.Authority})
		}
	}
	return list
}
