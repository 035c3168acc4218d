package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// A job that its user gives up is cancelled at its server, and those that share its connection go on as if nothing had been.
func TestBubbleCancelledJobLeavesOthersAlone(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		b.start(1)
		server := b.leader()
		k := b.client(over(64 << 10))
		other := make(chan Receipt)
		go func() { other <- b.hide(k, photo(400, 300), "goes on") }()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second) // both are uploading then
		defer cancel()
		given, err := k.Encrypt(ctx, jobFor(t, photo(400, 300), "given up"))
		if !errors.Is(err, context.DeadlineExceeded) || given.Attempts != 1 {
			t.Errorf("Encrypt: %v after %d attempts, want %v after 1", err, given.Attempts, context.DeadlineExceeded)
		}
		if n := server.transport.guests.count(); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
		r := <-other
		if r.Attempts != 1 {
			t.Errorf("the other job took %d attempts, want 1", r.Attempts)
		}
		records := b.ledgers(time.Minute)
		if got := records[given.Job].State; got != wire.Cancelled {
			t.Errorf("the job given up is %v, want %v", got, wire.Cancelled)
		}
		if got := records[r.Job]; got.State != wire.Acked || got.Result != r.SHA256 {
			t.Errorf("the other is %v with result %v, want ACKED with %v", got.State, got.Result, r.SHA256)
		}
	})
}
