package node

import (
	"context"
	"slices"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// kindsOf returns the kinds of a node's events, those of one job if it is not zero.
func kindsOf(c *core, job wire.JobID) (kinds []EventKind) {
	for _, e := range c.events(EventsQuery{Job: job, Max: journalSize, Scope: ScopeAll}).Events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// What happens to a cluster and to a job stands in the journal of every node that lives to see it, in order.
func TestEventsTellTheLifeOfAJob(t *testing.T) {
	s := newSim(t, 11, 3, election.Available)
	s.startAll()
	leader := s.settled()
	j := s.client.submit()
	if !s.run(10*time.Second, func() bool { return j.results > 0 }) {
		t.Fatal("no result")
	}
	s.run(time.Second, nil)
	rest := s.without(leader)
	s.crash(leader)
	if !s.run(10*time.Second, func() bool { return s.agreed(rest...) != nil }) {
		t.Fatal("no new leader")
	}
	for _, x := range rest {
		if got, want := kindsOf(x.core, j.id), []EventKind{JobAssigned, JobRunning, JobDone, JobAcked}; !slices.Equal(got, want) {
			t.Errorf("%s saw %v of the job, want %v", x.name, got, want)
		}
		all := kindsOf(x.core, wire.JobID{})
		for _, kind := range []EventKind{NodeStarted, PeerJoined, LeaderElected, PeerSuspected, PeerFailed, LeaderLost} {
			if !slices.Contains(all, kind) {
				t.Errorf("%s saw no %s: %v", x.name, kind, all)
			}
		}
		if lost, elected := slices.Index(all, LeaderLost), lastIndex(all, LeaderElected); lost > elected {
			t.Errorf("%s: the new leader comes before the old one is lost: %v", x.name, all)
		}
	}
}

func lastIndex(kinds []EventKind, k EventKind) int {
	for i := len(kinds) - 1; i >= 0; i-- {
		if kinds[i] == k {
			return i
		}
	}
	return -1
}

// A peer that is started anew has neither failed nor recovered: it has been restarted.
func TestEventsTellARestart(t *testing.T) {
	s := newSim(t, 12, 3, election.Available)
	s.startAll()
	s.settled()
	x, y := s.nodes[0], s.nodes[1]
	before := y.core.journal.last
	s.crash(x)
	s.start(x)
	s.run(2*time.Second, nil)
	var about []EventKind
	for _, e := range y.core.events(EventsQuery{After: before, Max: 100, Scope: ScopeAll}).Events {
		if e.Peer == x.name {
			about = append(about, e.Kind)
		}
	}
	if want := []EventKind{PeerRestarted}; !slices.Equal(about, want) {
		t.Errorf("%s saw %v of %s, want %v", y.name, about, x.name, want)
	}
}

// The journal keeps the newest events and says how many are gone; pages go on where the last one ended.
func TestEventsAreBounded(t *testing.T) {
	s := newSim(t, 13, 1, election.Available)
	s.startAll()
	s.settled()
	c := s.nodes[0].core
	for range journalSize + 10 {
		c.note(s.now, event{kind: NodePaused})
	}
	gone := c.journal.last - journalSize
	p := c.events(EventsQuery{Max: 1000, Scope: ScopeAll})
	if p.Lost != gone || p.Events[0].Seq != gone+1 {
		t.Errorf("lost %d, first %d; want %d, %d", p.Lost, p.Events[0].Seq, gone, gone+1)
	}
	seen := len(p.Events)
	for len(p.Events) > 0 {
		p = c.events(EventsQuery{After: p.Last, Max: 1000, Scope: ScopeAll, Run: p.Run})
		seen += len(p.Events)
	}
	if seen != journalSize || p.Lost != 0 || p.Last != p.Newest {
		t.Errorf("pages hold %d events, last %d of %d, lost %d; want %d", seen, p.Last, p.Newest, p.Lost, journalSize)
	}
	if p := c.events(EventsQuery{After: p.Last, Max: 1, Scope: ScopeAll, Run: "another"}); p.Events[0].Seq != gone+1 {
		t.Errorf("after another run's number the first event is %d, want %d", p.Events[0].Seq, gone+1)
	}
}

// The life of a job that moves without end is bounded, and so is the number of lives.
func TestLivesAreBounded(t *testing.T) {
	l := newLives()
	for i := range maxLives + 5 {
		l.meet(wire.JobID{byte(i >> 16), byte(i >> 8), byte(i), 1})
	}
	if len(l.byJob) != maxLives || l.oldest() != 5 || l.byJob[wire.JobID{0, 0, 4, 1}] != nil {
		t.Errorf("%d lives, the oldest is %d", len(l.byJob), l.oldest())
	}
	f := l.meet(wire.JobID{9})
	for i := range maxSteps * 3 {
		f.add(step{attempt: uint32(i + 1)})
	}
	if len(f.steps) != maxSteps || !f.cut || f.steps[0].attempt != 1 || f.last().attempt != maxSteps*3 {
		t.Errorf("life of %d steps, cut %v, from %d to %d", len(f.steps), f.cut, f.steps[0].attempt, f.last().attempt)
	}
}

// Who waits for the next event gets it when it happens, and an empty page when nothing does.
func TestBubbleWaitsForEvents(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.start(2)
		b.leader()
		x := b.named("n1")
		ctx := context.Background()
		now, err := x.Events(ctx, EventsQuery{})
		if err != nil || len(now.Events) == 0 {
			b.t.Fatalf("Events: %v, %+v", err, now)
		}
		began := time.Now()
		q := EventsQuery{After: now.Newest, Run: now.Run, Wait: 5 * time.Second}
		if p, err := x.Events(ctx, q); err != nil || len(p.Events) != 0 || time.Since(began) != q.Wait {
			b.t.Errorf("nothing happens: %v after %v, %+v", err, time.Since(began), p)
		}
		b.named("n2").stop()
		p, err := x.Events(ctx, q)
		if err != nil || len(p.Events) == 0 {
			b.t.Errorf("n2 leaves: %v, %+v", err, p)
		}
	})
}
