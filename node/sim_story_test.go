package node

import (
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// story tells, in a replay, what nodes come to think of each other and of their jobs: why they do what they do.
type story struct {
	s     *sim
	seen  map[[2]wire.NodeID]election.Standing
	lives map[wire.NodeID]int
}

// narrate has a story told beside what else watches.
func (s *sim) narrate() {
	t := &story{s: s, seen: map[[2]wire.NodeID]election.Standing{}, lives: map[wire.NodeID]int{}}
	watch := s.watch
	s.watch = func(x *simNode) {
		t.look(x)
		watch(x)
	}
}

func (t *story) look(x *simNode) {
	if t.lives[x.id] != x.life {
		t.lives[x.id] = x.life
		for _, y := range t.s.nodes {
			delete(t.seen, [2]wire.NodeID{x.id, y.id})
		}
	}
	for _, p := range x.core.sorted() {
		k := [2]wire.NodeID{x.id, p.id}
		if p.standing == election.Suspected {
			continue // it will be one or the other
		}
		was, known := t.seen[k]
		switch {
		case known && was != p.standing && p.live():
			t.s.log("%s: %s is back", x.name, p.name)
		case known && was != p.standing:
			t.s.log("%s: %s is %v, last heard %v ago", x.name, p.name, p.standing, t.s.local(x).Sub(p.heard).Round(time.Millisecond))
		}
		t.seen[k] = p.standing
	}
}
