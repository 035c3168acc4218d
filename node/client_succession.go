package node

import (
	"crypto/ed25519"
	"slices"

	"p2pnode/wire"
)

// A client without a token knows clusters by their CAs. While a cluster's secret is rotated, and after that, its servers name
// others by which it is known (PROTOCOL.md §5.1). This file settles which of them a search goes by.

const (
	maxHeirs = 16 // successions that one search believes
	maxLies  = 64 // statements that turn out to be false, after which a search checks no more
)

// heir is a succession that a search believes.
type heir struct {
	succession
	id     wire.ClusterID // of the successor
	pinned bool           // the former one was
}

// bequeath believes, for this search, that the answering server's CA succeeds another, if that other has signed so and
// matters: because it is pinned, or nothing is.
func (s *search) bequeath(k wire.Kin, m wire.LeaderResponse) {
	former := ClusterOf(k.Authority)
	_, known := s.heirs[former]
	if len(k.Statement) == 0 || known || s.lies >= maxLies || len(s.heirs) >= maxHeirs {
		return
	}
	if back, ok := s.heirs[m.Cluster]; ok && back.id == former {
		return // it was said the other way round before
	}
	pinned := s.trust.pinned(former)
	if !pinned && !s.trust.open() {
		return
	}
	w := succession{k.Authority, m.Authority, k.Statement}
	if !w.valid() {
		s.lies++
		return
	}
	if s.heirs == nil {
		s.heirs = map[wire.ClusterID]heir{}
	}
	s.heirs[former] = heir{w, m.Cluster, pinned}
	s.rely(s.trust)
}

// rely has the search go by what is pinned, with successors in place of those that have any.
func (s *search) rely(t trust) {
	t.known = slices.Clone(t.known)
	for i, p := range t.known {
		if h, ok := s.heirs[p.Cluster]; ok {
			t.known[i].Cluster, t.known[i].Authority = h.id, h.successor
		}
	}
	s.trust = t
	for _, v := range s.servers {
		s.identify(v)
	}
	if s.chosen == nil {
		return
	}
	if h, ok := s.heirs[s.chosen.ID]; ok {
		c := *s.chosen
		c.ID = h.id
		s.chosen = &c
	}
}

// identify settles by which of its CAs a server is known: the successor of the one it told, the one it told, or another that
// is pinned. It has certificates of all that it names without a statement.
func (s *search) identify(v *server) {
	m := v.answer
	v.authority = m.Authority
	if h, ok := s.heirs[m.Cluster]; ok && accepts(m, h.successor) {
		v.authority = h.successor
	} else if !s.trust.pinned(m.Cluster) {
		for _, k := range m.Kin {
			if len(k.Statement) == 0 && s.trust.pinned(ClusterOf(k.Authority)) {
				v.authority = k.Authority
			}
		}
	}
	v.cluster.ID = ClusterOf(v.authority)
}

// accepts reports whether an answer names a CA as accepted besides.
func accepts(m wire.LeaderResponse, authority ed25519.PublicKey) bool {
	return slices.ContainsFunc(m.Kin, func(k wire.Kin) bool { return authority.Equal(ed25519.PublicKey(k.Authority)) })
}

// formerOf returns the pinned cluster that another has succeeded, as far as this search knows; zero: none.
func (s *search) formerOf(id wire.ClusterID) wire.ClusterID {
	for former, h := range s.heirs {
		if h.id == id && h.pinned {
			return former
		}
	}
	return wire.ClusterID{}
}
