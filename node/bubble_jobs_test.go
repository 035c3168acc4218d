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

// More jobs than a server has room for are told so, and all of them end.
func TestBubbleBackPressure(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			inBubbles(t, func(b *bubble) {
				b.config = func(c *Config) { c.Workers, c.Waiting = 1, 1 }
				b.faults(wiretest.Faults{Jitter: time.Millisecond})
				b.start(nodes)
				b.leader()
				receipts := b.crowd(8*nodes, 2, photo(100, 75))
				refused := -len(receipts)
				for _, r := range receipts {
					refused += r.Attempts
				}
				if refused <= 0 {
					b.t.Errorf("%d jobs at once, and none had to ask again", len(receipts))
				}
				b.t.Log(timesOf(receipts))
				b.wantAcked(receipts...)
				b.wantTidy()
			})
		})
	}
}

// A crowd is served to its last job, and leaves nothing behind.
func TestBubbleCrowd(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		b.start(3)
		b.leader()
		clients := max(1, *bubbleJobs/4)
		if testing.Short() {
			clients = min(clients, 10)
		}
		began := time.Now()
		receipts := b.crowd(clients, 4, photo(64, 64))
		b.t.Logf("%d jobs of %d clients in %v: %s", len(receipts), clients, time.Since(began), timesOf(receipts))
		b.wantAcked(receipts...)
		b.wantTidy()
	})
}

// A client with the quota's worth of jobs under way is told to come back, and comes back.
func TestBubbleQuota(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.config = func(c *Config) { c.MaxOwned = 2 }
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		b.start(2)
		b.leader()
		k, receipts := b.client(nil), make([]Receipt, 8)
		var all sync.WaitGroup
		for i := range receipts {
			all.Go(func() { receipts[i] = b.hide(k, photo(64, 64), fmt.Sprint("job ", i)) })
		}
		all.Wait()
		b.wantAcked(receipts...)
	})
}
