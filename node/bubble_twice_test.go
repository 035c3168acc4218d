package node

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// repeating is an entropy source that can be told what comes next.
type repeating struct {
	io.Reader
	mu   sync.Mutex
	next []byte // guarded by mu
}

func (r *repeating) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.next) == len(p) {
		n := copy(p, r.next)
		r.next = nil
		return n, nil
	}
	return r.Reader.Read(p)
}

// Two clients with one job's secret, at the same time or one after the other: the work is done once, and both get its
// result unless the other has already said that it is safe. With another image or text it is a conflict.
func TestBubbleSameJobTwice(t *testing.T) {
	for _, c := range []struct {
		name  string
		other bool
		wait  time.Duration
		codes []wire.Code // what the second may hear
	}{
		{"at once", false, 0, []wire.Code{wire.CodeOK, wire.CodeExpired}},
		{"while it uploads", false, 20 * time.Millisecond, []wire.Code{wire.CodeOK, wire.CodeExpired}},
		{"afterwards", false, 5 * time.Second, []wire.Code{wire.CodeExpired}},
		{"another job at once", true, 0, []wire.Code{wire.CodeOK, wire.CodeConflict, wire.CodeExpired}},
		{"another job while it uploads", true, 20 * time.Millisecond, []wire.Code{wire.CodeOK, wire.CodeConflict, wire.CodeExpired}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubbles(t, func(b *bubble) { b.twice(c.other, c.wait, c.codes) })
		})
	}
}

func (b *bubble) twice(other bool, wait time.Duration, codes []wire.Code) {
	b.faults(wiretest.Faults{Delay: 2 * time.Millisecond, Jitter: time.Millisecond})
	b.start(3)
	b.leader()
	picture := photo(200, 150)
	jobs := []Job{jobFor(b.t, picture, "twice"), jobFor(b.t, picture, "another")}
	if !other {
		output := jobs[1].Output
		jobs[1], jobs[1].Output = jobs[0], output
	}
	errs, receipts := make([]error, 2), make([]Receipt, 2)
	var all sync.WaitGroup
	for i := range jobs {
		source := &repeating{Reader: seeded{newSim(b.t, uint64(i), 1, 0).rand}}
		k := b.client(func(c *ClientConfig) { c.Entropy = source })
		source.next = []byte("one secret of 16")
		all.Go(func() {
			defer k.Close()
			time.Sleep(time.Duration(i) * wait)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			receipts[i], errs[i] = k.Encrypt(ctx, jobs[i])
		})
	}
	all.Wait()
	b.t.Logf("first: %v, second: %v", errs[0], errs[1])
	b.wantBoth(receipts, errs, codes)
	if records := b.ledgers(time.Minute); len(records) != 1 || receipts[0].Job != receipts[1].Job {
		b.t.Errorf("%d records of jobs %v and %v, want one", len(records), receipts[0].Job, receipts[1].Job)
	}
}

// wantBoth checks that at least one of two got a result, that both have the same if both have one, and that the work was
// done once.
func (b *bubble) wantBoth(receipts []Receipt, errs []error, codes []wire.Code) {
	b.t.Helper()
	got := 0
	for i, err := range errs {
		var remote *RemoteError
		switch {
		case err == nil && receipts[i].Verified:
			got++
		case !errors.As(err, &remote) || !containsCode(codes, remote.Code):
			b.t.Errorf("client %d: %v, want one of %v", i, err, codes)
		}
	}
	if got == 0 || got == 2 && (receipts[0].SHA256 != receipts[1].SHA256 || !containsCode(codes, wire.CodeOK)) {
		b.t.Errorf("%d results: %v and %v", got, receipts[0].SHA256, receipts[1].SHA256)
	}
	done := uint64(0)
	for _, x := range b.running() {
		for _, n := range x.status().Nodes {
			if n.Name == x.name {
				done += n.Done
			}
		}
	}
	if done != 1 {
		b.t.Errorf("the job was done %d times, want once", done)
	}
}

func containsCode(codes []wire.Code, c wire.Code) bool {
	for _, x := range codes {
		if x == c {
			return true
		}
	}
	return false
}
