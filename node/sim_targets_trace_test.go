package node

import (
	"p2pnode/election"
	"p2pnode/wire"
)

// gossip adds to the trace of a replay how every node comes to see every other.
func (r *trial) gossip() {
	type pair struct {
		who   string
		life  int
		whose wire.NodeID
	}
	known := map[pair]election.Standing{}
	watch := r.s.watch
	r.s.watch = func(x *simNode) {
		for _, p := range x.core.sorted() {
			k := pair{x.name, x.life, p.id}
			if known[k] != p.standing {
				r.s.log("%s: %s is %v, heard %v ago, grace %d", x.name, p.name, p.standing, r.s.local(x).Sub(p.heard), p.grace)
			}
			known[k] = p.standing
		}
		if watch != nil {
			watch(x)
		}
	}
}
