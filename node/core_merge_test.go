package node

import (
	"testing"
	"time"

	"p2pnode/election"
)

// A new leader assigns when it has the ledgers of all, or, after a while, of those it has reached: in majority mode of so many
// voters, itself included, that one of them knows whatever was told (PROTOCOL.md §8.3).
func TestNewLeaderMergesBeforeItAssigns(t *testing.T) {
	for _, c := range []struct {
		mode   election.Quorum
		merged int // of four peers
		after  time.Duration
		want   bool
	}{
		{election.Available, 0, 0, false}, {election.Available, 3, mergeFor - 1, false}, {election.Available, 4, 0, true}, {election.Available, 0, mergeFor, true},
		{election.Majority, 0, 0, false}, {election.Majority, 3, mergeFor - 1, false}, {election.Majority, 4, 0, true},
		{election.Majority, 0, mergeFor, false}, {election.Majority, 1, time.Hour, false}, {election.Majority, 2, mergeFor, true},
	} {
		s := newSim(t, 1, 5, c.mode)
		s.startAll()
		x := s.settled()
		now, k := s.local(x), x.core
		k.enthrone(now, k.reign.epoch+1)
		for _, p := range k.live()[:c.merged] {
			p.merged = true
		}
		k.merged(now.Add(c.after))
		if k.reign.ready != c.want {
			t.Errorf("%v: with %d of 4 peers' ledgers merged, after %v a new leader assigns: %v, want %v", c.mode, c.merged, c.after, k.reign.ready, c.want)
		}
	}
}
