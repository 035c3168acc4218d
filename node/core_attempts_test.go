package node

import (
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// Attempts end at a number that no peer takes a record beyond: a job that a peer has driven there fails, for good, and
// does not wait for confirmations that cannot come.
func TestJobWithoutANextAttemptFails(t *testing.T) {
	for _, mode := range []election.Quorum{election.Available, election.Majority} {
		s := newSim(t, 1, 3, mode)
		s.startAll()
		x := s.settled()
		other := s.without(x)[0]
		r := aRecord(1, wire.Running)
		r.Job, r.Attempt, r.Server = wire.JobID{1}, maxAttempt, other.id
		if _, err := x.core.record(s.local(x), r, Batch{}); err != nil {
			t.Fatal(err)
		}
		s.flush(x)
		s.run(time.Second, nil)
		s.crash(other)
		failed := func() bool {
			r, _ := x.core.ledger.Get(wire.JobID{1})
			return r.State == wire.Failed
		}
		if !s.run(10*time.Second, failed) {
			got, _ := x.core.ledger.Get(r.Job)
			t.Errorf("%v: 10 s after its server died the job is %v at attempt %d, want FAILED", mode, got.State, got.Attempt)
		}
		if m, ok := s.asks(x).(wire.Busy); !ok || m.Code != wire.CodeInternal || m.RetryAfter != 0 {
			t.Errorf("%v: its client is told %+v, want INTERNAL for good", mode, m)
		}
	}
}
