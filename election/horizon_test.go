package election

import (
	"fmt"
	"math"
	"testing"
	"time"

	"p2pnode/wire"
)

// Whoever holds K_server may name any epoch; one that counting cannot have reached is not heard, so that there is always
// a next one.
func TestEpochBeyondTheHorizonIsNotHeard(t *testing.T) {
	for _, epoch := range []uint64{math.MaxUint64, math.MaxUint64 - 1, 1 << 63, climb + 8} {
		for _, msg := range []wire.Message{
			wire.Heartbeat{Sequence: 1, Epoch: epoch, Leader: id(2)},
			wire.Ping{Sequence: 1, Epoch: epoch, Leader: id(2)},
			wire.Pong{Sequence: 1, Epoch: epoch, Leader: id(1)},
			wire.Election{Phase: wire.Pre, Epoch: epoch, Priority: wire.Priority{ID: id(2)}},
			wire.Election{Phase: wire.Vote, Epoch: epoch, Priority: wire.Priority{ID: id(2)}},
			wire.Coordinator{Epoch: epoch, Leader: id(2)},
			wire.LeaderAlive{Phase: wire.Pre, Epoch: 8, Reign: epoch, Leader: id(2)},
			wire.EpochBehind{Epoch: 7, Promised: epoch},
		} {
			t.Run(fmt.Sprintf("%v/%d", msg.Kind(), epoch), func(t *testing.T) {
				b := newBench(Config{Self: id(1), Promised: 7}, 2)
				if out := b.receive(2, msg); len(out) > 0 {
					t.Errorf("does %+v", out)
				}
				if s := b.Status(); s.Promised != 7 || b.above() != 8 || !s.Leader.IsZero() {
					t.Errorf("promised %d, next %d, leader %v; want 7, 8, none", s.Promised, b.above(), s.Leader)
				}
			})
		}
	}
}

// A node that was away while others were driven far up finds its way to them in as much time.
func TestHorizonRisesWithTime(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2)
	far := wire.Coordinator{Epoch: 10 * climb, Leader: id(2)}
	b.receive(2, far)
	if got := b.Status().Leader; !got.IsZero() {
		t.Errorf("follows %v, at an epoch beyond the horizon", got)
	}
	b.pass(10 * time.Second)
	b.receive(2, far)
	if s := b.Status(); s.Leader != id(2) || s.Promised != 10*climb {
		t.Errorf("leader %v, promised %d after 10 s, want %v, %d", s.Leader, s.Promised, id(2), uint64(10*climb))
	}
}

// What an old store holds does not make the bound wrap.
func TestHorizonDoesNotWrap(t *testing.T) {
	for _, promised := range []uint64{0, climb, topEpoch - climb, topEpoch - 1, topEpoch, math.MaxUint64} {
		for _, age := range []time.Duration{0, time.Hour, math.MaxInt64} {
			b := newBench(Config{Self: id(1), Promised: promised})
			if got := b.horizon(b.now.Add(age)); got < min(promised, topEpoch) || got > topEpoch {
				t.Errorf("horizon of %d after %v is %d", promised, age, got)
			}
		}
	}
}

// In majority mode only a voter can lead, whatever another holder of K_server says.
func TestNonVoterIsNotFollowed(t *testing.T) {
	b := newBench(Config{Self: id(1), Quorum: Majority, Fresh: true, Voters: voters(3)}, 2, 3, 9)
	b.receive(2, wire.Coordinator{Epoch: 4, Leader: id(2)})
	b.receive(9, wire.Coordinator{Epoch: 5, Leader: id(9)})
	b.receive(9, wire.Heartbeat{Sequence: 1, Epoch: 6, Leader: id(9)})
	b.receive(9, wire.Ping{Sequence: 2, Epoch: 7, Leader: id(9)})
	if s := b.Status(); s.Leader != id(2) || s.Promised != 4 {
		t.Errorf("leader %v, promised %d after claims of a non-voter, want %v, 4", s.Leader, s.Promised, id(2))
	}
}
