package node

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// Jobs end, each with its own result, however much the network loses.
func TestBubbleJobsThroughLoss(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.1, 0.2, 0.4} {
		t.Run(fmt.Sprintf("%.0f %%", loss*100), func(t *testing.T) {
			inBubbles(t, func(b *bubble) {
				b.faults(wiretest.Faults{Loss: loss, Jitter: 2 * time.Millisecond, Duplicate: 0.02, Reorder: 0.05})
				b.start(3)
				b.leader()
				began := time.Now()
				receipts := b.crowd(2, 3, photo(100, 75))
				b.t.Logf("%d jobs in %v: %s", len(receipts), time.Since(began), timesOf(receipts))
				b.ledgers(time.Minute)
			})
		})
	}
}

// crowd has clients bring jobs, one after another each, all clients at once.
func (b *bubble) crowd(clients, jobs int, picture []byte) []Receipt {
	b.t.Helper()
	receipts := make([]Receipt, clients*jobs)
	var all sync.WaitGroup
	for i := range clients {
		k := b.client(nil)
		all.Go(func() {
			defer k.Close()
			for j := range jobs {
				receipts[i*jobs+j] = b.hide(k, picture, fmt.Sprintf("client %d, job %d", i, j))
			}
		})
	}
	all.Wait()
	return receipts
}

// timesOf says how long jobs took and how they went.
func timesOf(receipts []Receipt) string {
	var times []time.Duration
	attempts, failovers := 0, 0
	for _, r := range receipts {
		times = append(times, r.Elapsed)
		attempts += r.Attempts
		failovers += r.Failovers
	}
	slices.Sort(times)
	return fmt.Sprintf("median %v, longest %v, %d attempts, %d failovers", times[len(times)/2], times[len(times)-1], attempts, failovers)
}
