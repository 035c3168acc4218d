package election

import (
	"fmt"
	"hash/fnv"

	"p2pnode/wire"
)

// checker watches every event of a cluster for what must never be (design: testing.md, ring 2).
type checker struct {
	c       *cluster
	broken  []string
	reigns  map[string]int         // epoch and leader → boot of that leader
	owners  map[uint64]wire.NodeID // majority mode: epoch → its leader
	votes   map[string]wire.NodeID // voter and epoch → candidate
	highest []uint64               // promised, by node: never falls while it is stored
	hash    uint64
	changes int // of leader, over all nodes
	words   int // election messages
}

func newChecker(c *cluster) *checker {
	return &checker{
		c: c, reigns: map[string]int{}, owners: map[uint64]wire.NodeID{}, votes: map[string]wire.NodeID{},
		highest: make([]uint64, len(c.nodes)), hash: 14695981039346656037,
	}
}

func (k *checker) fail(format string, args ...any) {
	if len(k.broken) < 10 {
		k.broken = append(k.broken, fmt.Sprintf("%v: ", k.c.now.Sub(epochStart))+fmt.Sprintf(format, args...))
	}
}

// output sees one output of a node as it comes out.
func (k *checker) output(n *node, o Output) {
	h := fnv.New64a()
	fmt.Fprint(h, k.hash, k.c.now.UnixNano(), n.i, o)
	k.hash = h.Sum64()
	switch {
	case o.What == Changed:
		k.c.trace("%s %s", n.name, k.c.describe(o))
		k.changes++
		if o.Role == wire.Leader {
			k.reign(n, o)
		}
	case o.What == Send:
		if _, ok := o.Message.(wire.Ping); ok {
			return
		}
		k.words++
		k.c.trace("%s → %s %s", n.name, k.c.name(o.To), k.c.speak(o.Message))
		k.c.last[fmt.Sprintf("%s %d %d", kindName(o.Message), n.i, k.c.node(o.To).i)] = o.Message
		if g, ok := o.Message.(wire.Grant); ok && g.Phase == wire.Vote {
			k.vote(n, g.Epoch, o.To)
		}
	}
}

// reign checks that a leadership is new, unique and backed by a durable promise.
func (k *checker) reign(n *node, o Output) {
	key := fmt.Sprint(o.Epoch, o.Leader)
	if _, ok := k.reigns[key]; ok {
		k.fail("%s leads epoch %d a second time", n.name, o.Epoch)
	}
	k.reigns[key] = n.boot
	if n.promised < o.Epoch {
		k.fail("%s leads epoch %d before it is durable", n.name, o.Epoch)
	}
	if owner, ok := k.owners[o.Epoch]; ok && owner != n.id && k.c.quorum == Majority {
		k.fail("two leaders of epoch %d", o.Epoch)
	}
	k.owners[o.Epoch] = n.id
	k.vote(n, o.Epoch, n.id)
}

func (k *checker) vote(n *node, epoch uint64, to wire.NodeID) {
	key := fmt.Sprint(n.i, " ", epoch)
	if old, ok := k.votes[key]; ok && old != to {
		k.fail("%s votes twice in epoch %d", n.name, epoch)
	}
	k.votes[key] = to
	if n.promised < epoch {
		k.fail("%s grants epoch %d before it is durable", n.name, epoch)
	}
}

// look checks the state of all nodes after an event.
func (k *checker) look() {
	ready := 0
	for _, n := range k.c.nodes {
		if n.promised < k.highest[n.i] {
			k.fail("the promise of %s fell to %d", n.name, n.promised)
		}
		k.highest[n.i] = n.promised
		if !n.up || k.c.now.Before(n.frozen) {
			continue
		}
		if n.m.role == wire.Leader && n.m.Ready(k.c.now) == wire.CodeOK {
			ready++
		}
		if n.m.leader.IsZero() && n.m.role == wire.Follower && n.m.next.IsZero() {
			k.fail("%s is stuck: no leader and no plan", n.name)
		}
	}
	if ready > 1 && k.c.quorum == Majority {
		k.fail("%d leaders assign at once", ready)
	}
}
