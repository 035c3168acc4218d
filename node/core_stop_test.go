package node

import (
	"testing"
	"time"

	"p2pnode/election"
)

func TestStoppingLeaderHandsOverWhileItWorks(t *testing.T) {
	for _, mode := range []election.Quorum{election.Available, election.Majority} {
		scenario(t, func(t *testing.T, seed uint64) {
			s := newSim(t, seed, 3, mode)
			s.startAll()
			old := s.settled()
			old.core.stop(s.local(old))
			s.flush(old)
			rest := s.without(old)
			if !s.run(time.Second, func() bool { return s.agreed(rest...) != nil }) {
				t.Fatal("no successor 1 s after the leader was told to stop")
			}
			s.client.submit()
			s.run(10*time.Second, nil)
			if !s.client.allDone() {
				t.Error("a job asked for after the leader was told to stop is not done")
			}
			if now := s.agreed(s.nodes...); now == nil || now == old {
				t.Errorf("10 s later all agree on %v, want one that does not stop", now)
			}
			if old.core.done > 0 {
				t.Error("the stopping node was given a job")
			}
		})
	}
}
