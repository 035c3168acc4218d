package node

import (
	"testing"

	"p2pnode/election"
	"p2pnode/wire"
)

// made writes a result as a worker does, for a job whose record does not name it yet.
func made(t *testing.T, r *Results, content string) wire.Digest {
	t.Helper()
	f, err := r.Create()
	if err != nil {
		t.Fatal(err)
	}
	f.Keep()
	f.Write([]byte(content))
	d, _, err := f.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// janitor does all that a core wants done.
func (x *simNode) janitor(t *testing.T, r *Results) {
	t.Helper()
	for _, c := range x.core.takeDrops() {
		if err := r.tidy(c); err != nil {
			t.Fatal(err)
		}
	}
}

// aNode is a node that leads alone, with results on disk.
func aNode(t *testing.T) (*sim, *simNode, *Results) {
	s := newSim(t, 1, 1, election.Available)
	s.startAll()
	return s, s.settled(), openResults(t, t.TempDir(), 1000)
}

// Two jobs may make the same bytes, hidden the classic way. The deletion of the older job's result is decided, and carried
// out, at any time: the younger job's stays.
func TestResultOutlivesAnOlderJobsSame(t *testing.T) {
	// Of the older job: D, decided, d, deleted; of the younger: C, committed, N, named by its record.
	for _, story := range []string{"DdCN", "DCdN", "DCNd", "CDdN", "CDNd", "CNDd"} {
		t.Run(story, func(t *testing.T) {
			s, x, r := aNode(t)
			d := keep(t, r, []byte("same"))
			x.core.mine[jobOf(1)] = &Mine{Job: jobOf(1), Result: d}
			x.core.ledger.Merge(s.now, recordAt(x, 2, wire.Running))
			for _, step := range story {
				switch step {
				case 'D':
					discarded(s, x, 1)
				case 'd':
					x.janitor(t, r)
				case 'C':
					made(t, r, "same")
				case 'N':
					x.core.finish(s.now, jobOf(2), outcome{Mine: Mine{Result: d, Size: 4}})
				}
			}
			if x.janitor(t, r); held(t, r, d) != "same" {
				t.Error("the younger job's result is gone")
			}
			discarded(s, x, 2)
			if x.janitor(t, r); held(t, r, d) != "" {
				t.Error("a result that no job has stays")
			}
		})
	}
}

// discarded has a core forget a result, and its disk too.
func discarded(s *sim, x *simNode, job uint8) {
	x.core.discard(s.now, jobOf(job))
	x.core.Stored(s.now, x.core.queued)
}

// recordAt is the record of a job that a node works on.
func recordAt(x *simNode, job uint8, state wire.State) wire.Record {
	r := aRecord(job, state)
	r.Server = x.core.cfg.self
	return r
}

// A result whose job ended while it was made is deleted soon, and one whose job is forgotten at once.
func TestResultThatComesTooLateGoes(t *testing.T) {
	for _, state := range []wire.State{wire.Acked, wire.Cancelled} {
		s, x, r := aNode(t)
		x.core.ledger.Merge(s.now, recordAt(x, 1, state))
		d := made(t, r, "late")
		if _, err := x.core.finish(s.now, jobOf(1), outcome{Mine: Mine{Result: d, Size: 4, Since: s.now}}); err != nil {
			t.Fatal(err)
		}
		if x.janitor(t, r); held(t, r, d) != "late" {
			t.Errorf("%v: gone at once", state)
		}
		x.core.evict(s.now.Add(ackedKept))
		x.core.Stored(s.now, x.core.queued)
		if x.janitor(t, r); held(t, r, d) != "" {
			t.Errorf("%v: still there after %v", state, ackedKept)
		}
	}
	s, x, r := aNode(t)
	d := made(t, r, "forgotten")
	if _, err := x.core.finish(s.now, jobOf(9), outcome{Mine: Mine{Result: d, Size: 9}}); err != ErrForgotten {
		t.Errorf("finish: %v, want ErrForgotten", err)
	}
	if x.janitor(t, r); held(t, r, d) != "" {
		t.Error("the result of a forgotten job stays")
	}
}

// A client that comes for a result which had to go is told that it has expired, and not that it cancelled its job.
func TestResultThatHadToGoHasExpired(t *testing.T) {
	s, x, _ := aNode(t)
	r := recordAt(x, 1, wire.Done)
	r.Result = wire.Digest{1}
	x.core.ledger.Merge(s.now, r)
	x.core.mine[r.Job] = &Mine{Job: r.Job, Result: r.Result, Since: s.now}
	x.core.evict(s.now.Add(x.core.cfg.KeepResults))
	v := x.core.begin(s.now, task{Job: r.Job, Request: wire.TaskRequest{Secret: make([]byte, secretSize), Attempt: r.Attempt, Size: 1}})
	if v.Code != wire.CodeExpired || v.Retry != 0 {
		t.Errorf("begin: %+v, want a refusal for good with %v", v, wire.CodeExpired)
	}
}
