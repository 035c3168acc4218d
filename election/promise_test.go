package election

import (
	"slices"
	"testing"
	"time"

	"p2pnode/wire"
)

// asked has peer k ask for a vote, or a pre, and returns what it is answered.
func (b *bench) asked(k byte, phase wire.Phase, epoch uint64) []wire.Message {
	return sentTo(b.receive(k, wire.Election{Phase: phase, Epoch: epoch, Priority: wire.Priority{ID: id(k)}}), k)
}

func TestNothingBelowThePromiseIsGranted(t *testing.T) {
	b := newBench(Config{Self: id(9), Promised: 5}, 2)
	for _, phase := range []wire.Phase{wire.Pre, wire.Vote} {
		want := wire.EpochBehind{Phase: phase, Epoch: 4, Promised: 5}
		if got := b.asked(2, phase, 4); !slices.Equal(got, []wire.Message{want}) {
			t.Errorf("%v of epoch 4 after a promise of 5 is answered %+v, want %+v", phase, got, want)
		}
	}
}

func TestOneVoteAnEpoch(t *testing.T) {
	b := newBench(Config{Self: id(9), Promised: 5, Vote: id(2)}, 2, 3)
	if got, want := b.asked(3, wire.Vote, 5), (wire.EpochBehind{Phase: wire.Vote, Epoch: 5, Promised: 5}); !slices.Equal(got, []wire.Message{want}) {
		t.Errorf("after a vote for another a vote of epoch 5 is answered %+v, want %+v", got, want)
	}
	if got, want := b.asked(2, wire.Vote, 5), (wire.Grant{Phase: wire.Vote, Epoch: 5}); !slices.Equal(got, []wire.Message{want}) {
		t.Errorf("who has the vote of epoch 5 asks again and is answered %+v, want %+v", got, want)
	}
}

func TestLeaderBelowThePromiseIsNotFollowed(t *testing.T) {
	b := newBench(Config{Self: id(9), Promised: 5}, 2)
	got := sentTo(b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: 3, Leader: id(2)}), 2)
	if _, leader, _, _ := b.Beat(); !leader.IsZero() {
		t.Errorf("follows %v at epoch 3 after a promise of 5", leader)
	}
	if want := (wire.EpochBehind{Epoch: 3, Promised: 5}); !slices.Equal(got, []wire.Message{want}) {
		t.Errorf("a leader of epoch 3 is answered %+v, want %+v", got, want)
	}
}

func TestFollowedEpochIsStored(t *testing.T) {
	b := newBench(Config{Self: id(9), Promised: 5}, 2)
	out := b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: 7, Leader: id(2)})
	if want := (Output{What: Persist, Epoch: 7, For: id(2)}); !slices.Contains(out, want) {
		t.Errorf("following epoch 7 gives %+v, want among it %+v", out, want)
	}
}

func TestLeaderGrantsNobody(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2, 3)
	epoch := b.elect(t)
	for _, phase := range []wire.Phase{wire.Pre, wire.Vote} {
		want := wire.LeaderAlive{Phase: phase, Epoch: epoch + 1, Leader: id(1), Reign: epoch}
		if got := b.asked(3, phase, epoch+1); !slices.Equal(got, []wire.Message{want}) {
			t.Errorf("a leader answers %v with %+v, want %+v", phase, got, want)
		}
	}
}

func TestHalfOfTheLiveIsNotEnough(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2)
	asked := sentTo(b.pass(10*time.Second), 2)
	if len(asked) == 0 {
		t.Error("no campaign in 10 s")
	}
	pings := 0
	for _, m := range asked {
		if p, ok := m.(wire.Ping); ok && p.Leader.IsZero() {
			pings++
			continue
		}
		if e, ok := m.(wire.Election); !ok || e.Phase != wire.Pre {
			t.Errorf("one of two went on without the other: %+v", m)
		}
	}
	if b.role == wire.Leader {
		t.Error("one of two leads without a word of the other")
	}
	if pings == 0 {
		t.Error("who owes a candidate an answer is not pinged: the question may have been lost")
	}
}

// In majority mode a process that has forgotten whose lease it supports says nothing for as long as that may last.
func TestRestartedVoterIsSilentForSuspect(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		b := newBench(Config{Self: id(9), Quorum: Majority, Voters: []wire.NodeID{id(2), id(3), id(9)}, Fresh: fresh}, 2, 3)
		if got := b.asked(2, wire.Vote, 4); len(got) > 0 != fresh {
			t.Errorf("fresh %v: a vote at once is answered %+v", fresh, got)
		}
		out := sentTo(b.pass(b.c.Suspect), 2)
		if want := (wire.Grant{Phase: wire.Vote, Epoch: 4}); !fresh && !slices.Contains(out, wire.Message(want)) {
			t.Errorf("after %v the vote is answered %+v, want %+v", b.c.Suspect, out, want)
		}
	}
}
