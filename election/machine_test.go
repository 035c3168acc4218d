package election

import (
	"slices"
	"testing"
	"time"

	"p2pnode/wire"
)

func id(k byte) wire.NodeID { return wire.NodeID{15: k} }

// bench is one machine among peers that the test plays itself.
type bench struct {
	*Machine
	now time.Time
}

func newBench(c Config, peers ...byte) *bench {
	b := &bench{Machine: New(epochStart, c), now: epochStart}
	for _, k := range peers {
		b.Member(b.now, id(k), Alive)
	}
	return b
}

// pass lets d go by, deadline after deadline, and stores what is asked to be.
func (b *bench) pass(d time.Duration) (out []Output) {
	end := b.now.Add(d)
	for {
		for _, o := range b.Take() {
			if o.What == Persist {
				b.Stored(b.now, o.Epoch)
			}
			out = append(out, o)
		}
		if len(b.out) > 0 {
			continue
		}
		next := b.Deadline()
		if next.IsZero() || next.After(end) {
			b.now = end
			return out
		}
		b.now = later(next, b.now)
		b.Advance(b.now)
	}
}

func (b *bench) receive(from byte, msg wire.Message) []Output {
	b.Heard(b.now, id(from))
	b.Receive(b.now, id(from), msg)
	return b.pass(0)
}

// elect makes b leader by the grants of all its peers.
func (b *bench) elect(t *testing.T) uint64 {
	t.Helper()
	b.pass(1200 * time.Millisecond)
	for b.polling() {
		phase, epoch := b.poll.phase, b.poll.epoch
		for _, p := range b.live() {
			b.receive(p.id[15], wire.Grant{Phase: phase, Epoch: epoch})
		}
		b.pass(0)
		if b.poll.phase == phase && b.poll.epoch == epoch {
			t.Fatalf("phase %v of epoch %d is not won by the grants of all", phase, epoch)
		}
	}
	if b.role != wire.Leader {
		t.Fatalf("role %v after the grants of all, want leader", b.role)
	}
	return b.epoch
}

func sentTo(out []Output, to byte) (msgs []wire.Message) {
	for _, o := range out {
		if o.What == Send && o.To == id(to) {
			msgs = append(msgs, o.Message)
		}
	}
	return msgs
}

func voters(n byte) (v []wire.NodeID) {
	for k := byte(1); k <= n; k++ {
		v = append(v, id(k))
	}
	return v
}

func TestBucketsAreFivePoints(t *testing.T) {
	for score, want := range map[uint16]uint8{0: 0, 499: 0, 500: 1, 700: 1, 9999: 19, 10000: 20, 65535: 20} {
		if got := bucket(score); got != want {
			t.Errorf("bucket(%d) = %d, want %d", score, got, want)
		}
	}
}

func TestLeaseStaysUnderSuspect(t *testing.T) {
	for _, c := range []struct{ asked, suspect, want time.Duration }{
		{0, 600 * time.Millisecond, 500 * time.Millisecond},
		{300 * time.Millisecond, 600 * time.Millisecond, 300 * time.Millisecond},
		{2 * time.Second, 600 * time.Millisecond, 500 * time.Millisecond},
		{0, 2400 * time.Millisecond, 2 * time.Second},
	} {
		if got := lease(c.asked, c.suspect); got != c.want {
			t.Errorf("lease(%v, %v) = %v, want %v", c.asked, c.suspect, got, c.want)
		}
	}
}

func TestLateHeartbeatKeepsTheNewLeader(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2)
	b.receive(2, wire.Coordinator{Epoch: 4, Leader: id(2)})
	b.receive(2, wire.Heartbeat{Sequence: 7, Epoch: 4}) // sent before the Coordinator
	if got := b.Status().Leader; got != id(2) {
		t.Errorf("leader %v after an overtaken heartbeat, want %v", got, id(2))
	}
	b.receive(2, wire.Heartbeat{Sequence: 8, Epoch: 4, Leader: id(2)})
	b.receive(2, wire.Heartbeat{Sequence: 6, Epoch: 4}) // older: says nothing
	if got := b.Status().Leader; got != id(2) {
		t.Errorf("leader %v after an older heartbeat, want %v", got, id(2))
	}
	b.receive(2, wire.Heartbeat{Sequence: 9, Epoch: 4})
	if got := b.Status().Leader; !got.IsZero() {
		t.Errorf("leader %v after its heartbeat claims nothing, want none", got)
	}
}

func TestLeaderBehindItsOwnPromiseGivesWay(t *testing.T) {
	b := newBench(Config{Self: id(1), Quorum: Majority, Voters: voters(3), Fresh: true}, 2, 3)
	epoch := b.elect(t)
	b.receive(3, wire.EpochBehind{Epoch: epoch, Promised: epoch + 1}) // it asks to be confirmed at epoch + 2
	out := b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: epoch + 1, Leader: id(2), Role: wire.Leader})
	if s := b.Status(); s.Role == wire.Leader {
		t.Errorf("still leads epoch %d beside epoch %d", s.Epoch, epoch+1)
	}
	want := wire.EpochBehind{Epoch: epoch + 1, Promised: epoch + 2}
	if got := sentTo(out, 2); !slices.Contains(got, wire.Message(want)) {
		t.Errorf("sent %+v, want %+v among it", got, want)
	}
}

func TestHearsayRenewsNothing(t *testing.T) {
	b := newBench(Config{Self: id(1), Fresh: true}, 2, 3)
	b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: 1, Leader: id(2)})
	b.pass(700 * time.Millisecond)
	b.receive(3, wire.Heartbeat{Sequence: 1, Epoch: 1, Leader: id(2)})
	b.receive(3, wire.LeaderAlive{Phase: wire.Pre, Epoch: 2, Leader: id(2), Reign: 1})
	if b.fresh(b.now) {
		t.Error("a third node's word made the leader fresh")
	}
	out := b.receive(3, wire.Election{Phase: wire.Pre, Epoch: 2, Priority: wire.Priority{ID: id(0)}})
	if got := sentTo(out, 3); !slices.Contains(got, wire.Message(wire.Grant{Phase: wire.Pre, Epoch: 2})) {
		t.Errorf("answered %+v, want a grant", got)
	}
}

func TestVoteWaitsForTheDisk(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2, 3)
	b.Receive(b.now, id(2), wire.Election{Phase: wire.Vote, Epoch: 5, Priority: wire.Priority{ID: id(2)}})
	out := b.Take()
	if len(sentTo(out, 2)) != 0 || len(out) != 1 || out[0] != (Output{What: Persist, Epoch: 5, For: id(2)}) {
		t.Fatalf("Take() = %+v, want only the Persist of epoch 5", out)
	}
	b.Stored(b.now, 4)
	if out := b.Take(); len(out) != 0 {
		t.Errorf("Take() after Stored(4) = %+v, want nothing", out)
	}
	b.Stored(b.now, 5)
	if got := sentTo(b.Take(), 2); !slices.Equal(got, []wire.Message{wire.Grant{Phase: wire.Vote, Epoch: 5}}) {
		t.Errorf("sent %+v after Stored(5), want the grant", got)
	}
	got := sentTo(b.receive(3, wire.Election{Phase: wire.Vote, Epoch: 5, Priority: wire.Priority{ID: id(3)}}), 3)
	if !slices.Equal(got, []wire.Message{wire.EpochBehind{Phase: wire.Vote, Epoch: 5, Promised: 5}}) {
		t.Errorf("second candidate of epoch 5 got %+v, want EpochBehind", got)
	}
}

func TestRestartRefusesItsOldEpoch(t *testing.T) {
	b := newBench(Config{Self: id(1), Promised: 5}, 2)
	got := sentTo(b.receive(2, wire.Election{Phase: wire.Vote, Epoch: 5, Priority: wire.Priority{ID: id(2)}}), 2)
	if !slices.Equal(got, []wire.Message{wire.EpochBehind{Phase: wire.Vote, Epoch: 5, Promised: 5}}) {
		t.Errorf("vote of the restored epoch: %+v, want EpochBehind", got)
	}
}

func TestLeaseRunsFromTheSendTime(t *testing.T) {
	b := newBench(Config{Self: id(1), Quorum: Majority, Voters: voters(3), Fresh: true}, 2, 3)
	epoch := b.elect(t)
	if got := b.Ready(b.now); got != wire.CodeNoQuorum {
		t.Errorf("Ready without an echo = %v, want NO_QUORUM", got)
	}
	b.Sent(b.now, 1, wire.NodeID{})
	start := b.now
	b.pass(200 * time.Millisecond)
	b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: epoch, Leader: id(1), Echo: 1})
	for _, c := range []struct {
		after time.Duration
		want  wire.Code
	}{{200 * time.Millisecond, wire.CodeOK}, {499 * time.Millisecond, wire.CodeOK}, {500 * time.Millisecond, wire.CodeNoQuorum}} {
		if got := b.Ready(start.Add(c.after)); got != c.want {
			t.Errorf("Ready %v after sending = %v, want %v", c.after, got, c.want)
		}
	}
	b.receive(3, wire.Pong{Sequence: 1, Epoch: epoch - 1, Leader: id(1)})
	b.receive(3, wire.Pong{Sequence: 1, Epoch: epoch, Leader: id(2)})
	b.receive(3, wire.Pong{Sequence: 1, Epoch: epoch, Leader: id(1), Target: id(2)})
	if p := b.peer(id(3)); !p.echoed.IsZero() {
		t.Error("a pong of another epoch, leader or target renewed the lease")
	}
}

func TestLeaderPingsWhoseEchoIsOld(t *testing.T) {
	b := newBench(Config{Self: id(1), Quorum: Majority, Voters: voters(3), Fresh: true}, 2, 3)
	epoch := b.elect(t)
	b.pass(50 * time.Millisecond)
	b.Sent(b.now, 1, wire.NodeID{})
	b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: epoch, Leader: id(1), Echo: 1})
	out := b.pass(290 * time.Millisecond)
	if n := len(sentTo(out, 2)); n != 0 {
		t.Errorf("%d pings within 300 ms of the echo, want none", n)
	}
	if n := len(sentTo(out, 3)); n != 7 {
		t.Errorf("%d pings in 290 ms to a peer that echoed nothing, want one each 40 ms: 7", n)
	}
	if out := sentTo(b.pass(70*time.Millisecond), 2); len(out) != 2 || out[0] != (wire.Ping{Epoch: epoch, Leader: id(1)}) {
		t.Errorf("sent %+v when the echo grew old, want two pings", out)
	}
}

func TestPauseSuspendsAssigningUntilProbesReturn(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2, 3)
	epoch := b.elect(t)
	b.Sent(b.now, 1, wire.NodeID{})
	b.now = b.now.Add(2 * time.Second)
	b.Paused(b.now, 2*time.Second)
	b.receive(2, wire.Pong{Sequence: 1, Epoch: epoch, Leader: id(1)}) // an answer from before the pause
	if got := b.Ready(b.now); got != wire.CodeNoQuorum {
		t.Errorf("Ready after a pause = %v, want NO_QUORUM", got)
	}
	b.Sent(b.now, 2, id(2))
	b.receive(2, wire.Pong{Sequence: 2, Epoch: epoch, Leader: id(1)})
	if got := b.Ready(b.now); got != wire.CodeOK {
		t.Errorf("Ready after a probe returned = %v, want OK", got)
	}
}

func TestMajorityLostIsProbedBeforeSteppingDown(t *testing.T) {
	b := newBench(Config{Self: id(1), Quorum: Majority, Voters: voters(3), Fresh: true}, 2, 3)
	b.elect(t)
	b.Member(b.now, id(2), Dead)
	b.Member(b.now, id(3), Dead)
	b.pass(400 * time.Millisecond)
	b.Member(b.now, id(3), Alive)
	b.pass(400 * time.Millisecond)
	if b.role != wire.Leader {
		t.Fatalf("role %v though a majority came back within the grace, want leader", b.role)
	}
	b.Member(b.now, id(3), Dead)
	b.pass(500 * time.Millisecond)
	if b.role == wire.Leader || b.Ready(b.now) != wire.CodeNoQuorum {
		t.Errorf("role %v, Ready %v half a second without a majority, want follower, NO_QUORUM", b.role, b.Ready(b.now))
	}
}

func TestRetiredNeverLeads(t *testing.T) {
	b := newBench(Config{Self: id(1)})
	b.pass(3 * time.Second)
	if b.role != wire.Leader {
		t.Fatalf("role %v of a lone node, want leader", b.role)
	}
	b.Retire(b.now)
	b.pass(time.Minute)
	if s := b.Status(); s.Role != wire.Follower || !s.Leader.IsZero() {
		t.Errorf("status %+v after Retire, want a follower of nobody", s)
	}
}

func TestStrangersAndTheDeadAreIgnored(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2)
	b.receive(9, wire.Coordinator{Epoch: 7, Leader: id(9)})
	b.Member(b.now, id(2), Dead)
	b.receive(2, wire.Coordinator{Epoch: 7, Leader: id(2)})
	b.Member(b.now, id(2), Alive)
	b.receive(2, wire.Coordinator{Epoch: 7, Leader: id(3)})
	if s := b.Status(); !s.Leader.IsZero() || s.Promised != 0 {
		t.Errorf("status %+v, want nobody followed and nothing promised", s)
	}
}

func TestPeersAreBounded(t *testing.T) {
	b := newBench(Config{Self: id(1)})
	for i := range 3 * maxPeers {
		peer := wire.NodeID{0: 1, 1: byte(i >> 8), 2: byte(i)}
		b.Member(b.now, peer, Alive)
		b.Member(b.now, peer, Dead)
	}
	if len(b.peers) > maxPeers {
		t.Errorf("%d peers kept, want at most %d", len(b.peers), maxPeers)
	}
	p := &peer{id: id(2)}
	for i := range uint64(1000) {
		p.note(epochStart, i)
	}
	if len(p.sent) > maxSent {
		t.Errorf("%d sends kept, want at most %d", len(p.sent), maxSent)
	}
}

func TestVoterLeavesItsSilentLeader(t *testing.T) {
	b := newBench(Config{Self: id(1), Quorum: Majority, Voters: voters(3), Fresh: true}, 2, 3)
	b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: 1, Leader: id(2)})
	b.pass(700 * time.Millisecond)
	b.receive(3, wire.Election{Phase: wire.Vote, Epoch: 2, Priority: wire.Priority{ID: id(3)}})
	out := b.receive(2, wire.Heartbeat{Sequence: 2, Epoch: 1, Leader: id(2)})
	if _, leader, _, _ := b.Beat(); !leader.IsZero() {
		t.Errorf("names %v after voting for another, want nobody", leader)
	}
	if got := sentTo(out, 2); !slices.Contains(got, wire.Message(wire.EpochBehind{Epoch: 1, Promised: 2})) {
		t.Errorf("sent %+v to the old leader, want EpochBehind", got)
	}
}

func TestFollowingPromisesTheEpoch(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2, 3)
	b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: 5, Leader: id(2)})
	b.pass(700 * time.Millisecond)
	got := sentTo(b.receive(3, wire.Election{Phase: wire.Vote, Epoch: 5, Priority: wire.Priority{ID: id(3)}}), 3)
	if !slices.Equal(got, []wire.Message{wire.EpochBehind{Phase: wire.Vote, Epoch: 5, Promised: 5}}) {
		t.Errorf("a vote of the epoch followed: %+v, want EpochBehind", got)
	}
}

func TestLeaderLeftIsStillVouchedFor(t *testing.T) {
	b := newBench(Config{Self: id(1), Quorum: Majority, Voters: voters(5), Fresh: true}, 2, 3, 4)
	b.receive(2, wire.Heartbeat{Sequence: 1, Epoch: 1, Leader: id(2)})
	b.receive(3, wire.Heartbeat{Sequence: 1, Epoch: 2, Leader: id(3)})
	b.Member(b.now, id(3), Left)
	vote := wire.Election{Phase: wire.Vote, Epoch: 3, Priority: wire.Priority{ID: id(4)}}
	b.pass(599 * time.Millisecond)
	got := sentTo(b.receive(4, vote), 4)
	if len(got) != 1 || got[0].Kind() != wire.KindLeaderAlive {
		t.Errorf("answered %+v while the first leader's lease may run, want LeaderAlive", got)
	}
	b.pass(time.Millisecond)
	if got := sentTo(b.receive(4, vote), 4); !slices.Contains(got, wire.Message(wire.Grant{Phase: wire.Vote, Epoch: 3})) {
		t.Errorf("answered %+v after that, want a grant", got)
	}
}

func TestBetterCandidateGoesOnAfterItsGrant(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2, 3)
	b.pass(1100 * time.Millisecond)
	pre := wire.Election{Phase: wire.Pre, Epoch: 1, Priority: wire.Priority{ID: id(2)}}
	if got := sentTo(b.receive(2, pre), 2); !slices.Contains(got, wire.Message(wire.Alive{Phase: wire.Pre, Epoch: 1})) {
		t.Errorf("first pre of a worse candidate got %+v, want Alive", got)
	}
	if got := sentTo(b.receive(2, pre), 2); !slices.Contains(got, wire.Message(wire.Grant{Phase: wire.Pre, Epoch: 1})) {
		t.Errorf("second pre of a worse candidate got %+v, want a grant", got)
	}
	if !b.polling() {
		t.Error("gave up its own pre for a worse candidate")
	}
	b.receive(3, wire.Election{Phase: wire.Pre, Epoch: 1, Priority: wire.Priority{ID: id(0)}})
	if b.polling() {
		t.Error("goes on with its own pre after granting a better candidate")
	}
}

func TestHoldDoublesUntilAnotherIsLeaderless(t *testing.T) {
	b := newBench(Config{Self: id(1)}, 2, 3)
	b.pass(1100 * time.Millisecond)
	var last time.Duration
	for range 5 {
		b.receive(2, wire.LeaderAlive{Phase: wire.Pre, Epoch: b.poll.epoch, Leader: id(3), Reign: 1})
		last = b.Deadline().Sub(b.now)
		b.pass(last)
		if !b.polling() {
			t.Fatalf("does not campaign again after a hold of %v", last)
		}
	}
	if last != 5*time.Second {
		t.Errorf("fifth hold %v, want 5s", last)
	}
	b.receive(2, wire.LeaderAlive{Phase: wire.Pre, Epoch: b.poll.epoch, Leader: id(3), Reign: 1})
	b.receive(3, wire.Heartbeat{Sequence: 1, Epoch: 1})
	if d := b.Deadline().Sub(b.now); d > time.Second {
		t.Errorf("hold %v after another named no leader, want at most 1s", d)
	}
}
