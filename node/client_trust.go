package node

import (
	"slices"
	"strings"

	"p2pnode/wire"
)

// trust says which of the clusters that answer may be used (PROTOCOL.md §5).
type trust struct {
	token  wire.ClusterID // the token's cluster: no other counts. Zero: no token is held.
	wanted string         // name or id; empty: none in particular
	anyone bool           // unknown clusters count as much as known ones
	known  []Pin
}

// choose returns the cluster to use. sure is false while another answer could still make the choice ambiguous.
func (t trust) choose(answers []ClusterInfo) (c ClusterInfo, sure bool, err error) {
	candidates, unknown := t.candidates(answers)
	switch {
	case len(candidates) > 1:
		return c, false, &SeveralClustersError{List: candidates}
	case len(candidates) == 1:
		return candidates[0], t.sole(candidates[0].ID), nil
	case len(unknown) > 0:
		return c, false, &UnknownClusterError{List: unknown}
	}
	return c, false, ErrNoCluster
}

// sole reports whether no cluster but id can come to be meant: it is the token's, or the only known one of the wanted name.
func (t trust) sole(id wire.ClusterID) bool {
	if !t.token.IsZero() {
		return true
	}
	return t.pinned(id) && !t.anyone && !slices.ContainsFunc(t.known, func(p Pin) bool {
		return p.Cluster != id && (t.wanted == "" || t.means(ClusterInfo{ID: p.Cluster, Name: p.Label}))
	})
}

// candidates splits the answers into clusters that may be used and those that are only unknown.
func (t trust) candidates(answers []ClusterInfo) (may, unknown []ClusterInfo) {
	for _, a := range answers {
		switch {
		case !t.token.IsZero():
			if a.ID == t.token {
				may = append(may, a)
			}
		case t.wanted != "" && !t.means(a):
		case t.open() || t.pinned(a.ID) || strings.HasPrefix(a.ID.String(), t.wanted) && len(t.wanted) >= 8:
			may = append(may, a)
		default:
			unknown = append(unknown, a)
		}
	}
	return may, unknown
}

// means reports whether a is the wanted cluster, by id or name.
func (t trust) means(a ClusterInfo) bool {
	return a.Name == t.wanted || len(t.wanted) >= 8 && strings.HasPrefix(a.ID.String(), t.wanted)
}

// open reports whether a cluster seen for the first time may be used: because the user says so, or none is known yet that
// could be meant. A name that is pinned means the pinned cluster, not any that calls itself so.
func (t trust) open() bool {
	if t.anyone || len(t.known) == 0 {
		return true
	}
	return t.wanted != "" && !slices.ContainsFunc(t.known, func(p Pin) bool { return p.Label == t.wanted })
}

func (t trust) pinned(id wire.ClusterID) bool {
	return id == t.token || slices.ContainsFunc(t.known, func(p Pin) bool { return p.Cluster == id })
}
