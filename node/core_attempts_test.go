package node

import (
	"testing"

	"p2pnode/wire"
)

// A client may say that its job has any attempt that a record can have. The leader makes no record of it that its peers
// would not take in: their ledgers would differ from its own for ever.
func TestAttemptsEnd(t *testing.T) {
	for _, attempt := range []uint32{maxAttempt - 1, maxAttempt} {
		s, x, _ := aNode(t)
		job := jobOf(1)
		v := x.core.begin(s.now, task{Job: job, Request: wire.TaskRequest{
			Secret: make([]byte, secretSize), Attempt: attempt, Leader: x.id, Size: 1,
		}})
		if v.Code != wire.CodeOK {
			t.Fatalf("begin of attempt %d: %+v", attempt, v)
		}
		r, _ := x.core.ledger.Get(job)
		x.core.move(s.now, r)
		x.core.place(s.now, caller{}, wire.TaskAssignmentRequest{Job: job}, r)
		if r, _ = x.core.ledger.Get(job); Valid(r) != nil {
			t.Errorf("after attempt %d: %v", attempt, Valid(r))
		}
	}
}
