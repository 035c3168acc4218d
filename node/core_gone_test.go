package node

import (
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// looks has a core look for the servers of results once an hour, n times, and returns the time of the last look.
func looks(c *core, from time.Time, n int) time.Time {
	for range n {
		from = from.Add(lookEvery)
		c.sweep(from)
	}
	return from
}

// done gives a core the record of a job that a server has done, as of a time.
func done(t *testing.T, c *core, since time.Time, job uint8, server wire.NodeID) {
	t.Helper()
	r := aRecord(job, wire.Done)
	r.Server = server
	if _, err := c.ledger.Merge(since, r); err != nil {
		t.Fatal(err)
	}
}

func stateIn(c *core, job uint8) wire.State {
	r, _ := c.ledger.Get(jobOf(job))
	return r.State
}

// A server that never comes back leaves no record for ever: its results lapse at the age at which it would have let them go.
func TestResultsOfALostServerLapse(t *testing.T) {
	s := newSim(t, 1, 3, election.Available)
	s.startAll()
	leader := s.settled()
	rest, now, lost := s.without(leader), s.now, nodeOf(99)
	all := []*core{leader.core, rest[0].core, rest[1].core}
	for _, c := range all {
		done(t, c, now, 1, lost)
		done(t, c, now.Add(24*time.Hour), 2, lost)
		done(t, c, now, 3, leader.id)
		done(t, c, now, 4, rest[0].id)
	}
	week := int(leader.core.cfg.KeepResults / lookEvery)
	for _, c := range all {
		looks(c, now, week-1)
		for job := uint8(1); job <= 4; job++ {
			if got := stateIn(c, job); got != wire.Done {
				t.Errorf("an hour before its time job %d is %v, want DONE", job, got)
			}
		}
	}
	now = now.Add(time.Duration(week-1) * lookEvery)
	for _, c := range all[1:] {
		if looks(c, now, 1); stateIn(c, 1) != wire.Done {
			t.Error("a follower ends a job")
		}
	}
	now = looks(leader.core, now, 1)
	r, _ := leader.core.ledger.Get(jobOf(1))
	if r.State != wire.Cancelled || r.Code != wire.CodeExpired {
		t.Errorf("after KeepResults the job of the lost server is %v, %v; want CANCELLED, EXPIRED", r.State, r.Code)
	}
	if code, _ := closing(r); code != wire.CodeExpired {
		t.Errorf("its client is told %v, want EXPIRED", code)
	}
	if got := stateIn(leader.core, 2); got != wire.Done {
		t.Errorf("a day younger, the other is %v, want DONE", got)
	}
	now = looks(leader.core, now, 24)
	for job, want := range map[uint8]wire.State{2: wire.Cancelled, 3: wire.Done, 4: wire.Done} {
		if got := stateIn(leader.core, job); got != want {
			t.Errorf("a day later job %d is %v, want %v", job, got, want)
		}
	}
	if leader.core.ledger.Old(now.Add(dropAfter)); leader.core.ledger.Count(wire.Cancelled) != 0 {
		t.Error("what lapsed does not go like other tombstones")
	}
}

// A server that is away for less than a day loses nothing, however old its results: it may keep them for longer than others.
func TestResultsOfAServerThatIsAwayStay(t *testing.T) {
	s := newSim(t, 1, 2, election.Available)
	s.startAll()
	leader := s.settled()
	other, now := s.without(leader)[0], s.now.Add(30*24*time.Hour)
	done(t, leader.core, s.now, 1, other.id)
	for range 3 {
		s.crash(other)
		if !s.run(5*time.Second, func() bool { return !leader.core.usable(other.id, nil) }) {
			t.Fatal("the leader does not miss the other")
		}
		now = looks(leader.core, now, goneAfter)
		s.start(other)
		if !s.run(10*time.Second, func() bool { return leader.core.usable(other.id, nil) }) {
			t.Fatal("the leader does not find the other again")
		}
		now = looks(leader.core, now, 1)
	}
	if got := stateIn(leader.core, 1); got != wire.Done {
		t.Errorf("after %d looks in vain, thrice, the job is %v, want DONE", goneAfter, got)
	}
}
