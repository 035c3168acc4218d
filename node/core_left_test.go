package node

import (
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// A leader that dies of a job and is back before anybody misses it, perhaps as leader again, is not given that job for ever.
func TestJobOfARestartedLeaderMoves(t *testing.T) {
	scenario(t, func(t *testing.T, seed uint64) {
		s := newSim(t, seed, 3, election.Available)
		s.startAll()
		leader := s.settled()
		epoch, self, _, _ := leader.core.elect.Beat()
		job := wire.JobID{9}
		r := wire.Record{Job: job, Attempt: 1, Epoch: epoch, State: wire.Running, Server: self, Leader: self, Client: "sim", Owner: []byte{1}, Size: 1}
		if _, err := leader.core.record(s.local(leader), r, Batch{}); err != nil {
			t.Fatal(err)
		}
		s.flush(leader)
		s.run(time.Second, func() bool { return s.equal(s.nodes...) })
		s.crash(leader)
		s.run(50*time.Millisecond, nil)
		s.start(leader)
		moved := func() bool {
			r, ok := leader.core.ledger.Get(job)
			return s.agreed(s.nodes...) != nil && s.equal(s.nodes...) && ok && r.Attempt == 2 && r.Server != self
		}
		if !s.run(5*time.Second, moved) {
			r, _ := leader.core.ledger.Get(job)
			t.Errorf("5 s after its server was started anew the job is %v at attempt %d of %v, want it given to another", r.State, r.Attempt, r.Server)
		}
	})
}
