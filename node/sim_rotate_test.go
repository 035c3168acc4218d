package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// rotate lets every fifth seed pass the lead round. What it draws for that is its own, so that the other seeds are what
// they are without.
func (r *swarmRun) rotate() {
	if r.seed%5 == 4 {
		own := rand.New(rand.NewPCG(r.seed, 4))
		r.s.rotation = time.Second + time.Duration(own.IntN(4000))*time.Millisecond
	}
}

func (s *sim) rotationOf(x *simNode) time.Duration {
	if x.still {
		return 0
	}
	return s.rotation
}

// rotation is what an expelled member may say of it.
func (k talk) rotation() wire.Message {
	switch k.r.rand.IntN(3) {
	case 0:
		return wire.RotateToken{Epoch: k.number(), Digest: k.number(), Next: k.number(), Number: k.number()}
	case 1:
		return wire.RotateAccept{Epoch: k.number(), Accepted: k.r.rand.IntN(4) > 0, Number: k.number()}
	}
	return wire.Election{Phase: wire.Vote, Epoch: k.number(), Priority: wire.Priority{ID: k.node()}, Giver: k.node()}
}

// rotation: a leader offers its office only after its time in it, and from idle, to a node that holds what it holds. The
// other invariants see to it that there are never two.
func (c *check) rotation(x *simNode, st *election.Status) {
	e := c.ear(x)
	switch {
	case st.Role != wire.Leader:
		e.reign = 0
	case e.reign != st.Epoch:
		e.reign, e.since = st.Epoch, c.s.local(x)
		c.inherited(x)
	}
	if st.Offered != e.offered && !st.Offered.IsZero() {
		c.event()
		c.heir = st.Offered
		c.offer(x, e, st)
	}
	e.offered = st.Offered
}

// offer looks at a leader at the moment of its token.
func (c *check) offer(x *simNode, e *ear, st *election.Status) {
	k, to := x.core, x.core.peers[st.Offered]
	if in := c.s.local(x).Sub(e.since); in < c.s.rotation {
		c.fail("%s offers the lead after %v", x.name, in)
	}
	if sum, n := k.ledger.Digest(); to == nil || to.beat.Digest != sum || int(to.beat.Count) != n {
		c.fail("%s offers the lead to a node with another ledger", x.name)
	}
	for rec := range k.ledger.All() {
		if working(rec.State) {
			c.fail("%s offers the lead while job %s is %v", x.name, brief(rec.Job), rec.State)
		}
	}
	for _, f := range k.confirms {
		if f.waiting {
			c.fail("%s offers the lead while the assignment of %s is on its way", x.name, brief(f.rec.Job))
		}
	}
	for _, p := range k.live() {
		if p.beat.Load.Active > 0 || c.s.find(p.id) == nil || c.s.find(p.id).still {
			c.fail("%s offers the lead while %s is busy, or no part of it", x.name, p.name)
		}
	}
}

// inherited counts the leaderships that were given.
func (c *check) inherited(x *simNode) {
	if c.heir == x.id {
		c.heir = noNode
		c.handed++
	}
}

// TestRotationGoesRound: without a fault every node leads within N rotations, whatever the mode and at 20 % loss too, and a job
// that is submitted meanwhile is done.
func TestRotationGoesRound(t *testing.T) {
	for _, mode := range modes {
		for _, n := range []int{2, 3, 5} {
			for _, loss := range []float64{0, 0.2} {
				t.Run(fmt.Sprintf("%v/%d/%.0f%%", mode, n, 100*loss), func(t *testing.T) {
					for seed := range uint64(min(*simSeeds, 5)) {
						goesRound(t, seed, n, mode, loss)
					}
				})
			}
		}
	}
}

func goesRound(t *testing.T, seed uint64, n int, mode election.Quorum, loss float64) {
	s := newSim(t, seed, n, mode)
	s.rotation = 2 * time.Second
	s.faults(wiretest.Faults{Loss: loss})
	c := watched(s)
	c.rough = loss > 0
	for range s.nodes {
		c.event()
	}
	s.startAll()
	s.settled()
	led := map[*simNode]bool{}
	all := func() bool {
		if x := s.agreed(s.nodes...); x != nil {
			led[x] = true
		}
		return len(led) == n
	}
	slack := time.Second + time.Duration(loss*20)*time.Second
	if from := s.now; !s.run(time.Duration(n)*(s.rotation+slack), all) {
		t.Errorf("seed %d: %d of %d nodes have led %v after the start", seed, len(led), n, s.now.Sub(from))
	}
	s.client.submit()
	if !s.run(10*time.Second, s.client.allDone) {
		t.Errorf("seed %d: a job is not done 10 s after its submission", seed)
	}
	for _, b := range c.broken {
		t.Errorf("seed %d: %s", seed, b)
	}
}

// TestRotationNeedsEverybody: while one node does not announce that it takes part, the lead stays where it is.
func TestRotationNeedsEverybody(t *testing.T) {
	s := newSim(t, 1, 3, election.Available)
	s.rotation = time.Second
	s.nodes[2].still = true
	c := watched(s)
	s.startAll()
	leader := s.settled()
	s.run(30*time.Second, nil)
	if now := s.agreed(s.nodes...); now != leader {
		t.Errorf("the lead went from %s to %v though n3 takes no part", leader.name, now)
	}
	s.crash(s.nodes[2])
	s.nodes[2].still = false
	s.start(s.nodes[2])
	if !s.run(10*time.Second, func() bool { x := s.agreed(s.nodes...); return x != nil && x != leader }) {
		t.Error("the lead stays though n3, started anew, takes part")
	}
	if len(c.broken) > 0 {
		t.Error(c.broken)
	}
}

// TestRotationWaitsForTheJob: a job that somebody has to do keeps the lead where it is; once it has expired the lead goes on.
func TestRotationWaitsForTheJob(t *testing.T) {
	s := newSim(t, 1, 3, election.Majority)
	s.rotation, s.upload = time.Second, 20*time.Second
	c := watched(s)
	s.startAll()
	s.settled()
	job := s.client.submit().id
	if !s.run(5*time.Second, func() bool { return s.holds(job, wire.Assigned) }) {
		t.Fatal("the job is not assigned")
	}
	s.client.die()
	leader := s.agreed(s.nodes...)
	if s.run(18*time.Second, func() bool { return s.agreed(s.nodes...) != leader }) {
		t.Errorf("%s does not lead on while the job waits", leader.name)
	}
	if !s.run(10*time.Second, func() bool { x := s.agreed(s.nodes...); return x != nil && x != leader }) {
		t.Error("the lead stays after the job")
	}
	if len(c.broken) > 0 {
		t.Error(c.broken)
	}
}

// holds reports whether all nodes have a job in a state.
func (s *sim) holds(job wire.JobID, state wire.State) bool {
	return !slices.ContainsFunc(s.nodes, func(x *simNode) bool {
		r, ok := x.core.ledger.Get(job)
		return !ok || r.State != state
	})
}
