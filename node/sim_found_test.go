package node

import (
	"testing"
	"time"
)

// Seeds that were red once: in 221 a node is refused, and starts anew, after the repair, with eight seconds of epochs to
// believe; in 998 a leader has a ping to send when a copy of a question comes, which the copy was blamed for.
// In the next two a client's former attempt, whose server had died, gave up the job's present one, so that it was asked for twice. In the
// last a question is heard from a thief who replays it before it is heard from its client.
func TestSwarmSeedsThatWereRed(t *testing.T) {
	solitary(t)
	defer func(was time.Duration) { *simFor = was }(*simFor)
	*simFor = 2 * time.Minute
	for _, seed := range []uint64{221, 998, 1266514885, 1266514910, 511774551} {
		swarm(t, seed, nil)
	}
}

// solitary leaves a test of pure code, on one goroutine, out of -short: that is how the race detector looks at this package.
func solitary(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("no concurrency for -race to look at")
	}
}
