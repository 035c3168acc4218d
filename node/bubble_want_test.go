package node

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"p2pnode/wire"
)

// ledgers waits until the running nodes hold the same records, none of them of a job under way, and returns them.
func (b *bubble) ledgers(d time.Duration) map[wire.JobID]wire.Record {
	b.t.Helper()
	b.await(d, "equal ledgers without a job under way", func() bool {
		xs := b.running()
		first := xs[0].status()
		for _, x := range xs {
			if s := x.status(); s.Ledger != first.Ledger || s.Jobs.Assigned+s.Jobs.Running > 0 {
				return false
			}
		}
		return true
	})
	records := map[wire.JobID]wire.Record{}
	b.running()[0].loop.do(context.Background(), func(_ time.Time, c *core) {
		for r := range c.ledger.All() {
			records[r.Job] = r
		}
	})
	return records
}

// wantAcked checks that the ledger holds the jobs of the receipts and no others, each acknowledged with the result its
// client has.
func (b *bubble) wantAcked(receipts ...Receipt) {
	b.t.Helper()
	records := b.ledgers(time.Minute)
	if len(records) != len(receipts) {
		b.t.Errorf("%d records, want %d", len(records), len(receipts))
	}
	for _, r := range receipts {
		if rec := records[r.Job]; rec.State != wire.Acked || rec.Result != r.SHA256 {
			b.t.Errorf("job %v: %v with result %v, want ACKED with %v", r.Job, rec.State, rec.Result, r.SHA256)
		}
	}
}

// wantTidy waits until no running node holds a file, a connection or a place for any job.
func (b *bubble) wantTidy() {
	b.t.Helper()
	b.await(2*time.Minute, "no result, no spool, no connection left", func() bool {
		for _, x := range b.running() {
			files, err := os.ReadDir(filepath.Join(x.cfg.Dir, "results"))
			if err != nil || len(files) > 0 || x.transport.guests.count() > 0 || x.transport.lobby.jobs() > 0 {
				return false
			}
		}
		return true
	})
}

// wantOne checks that the cluster knows of one job and of one result of it, that which the client has.
func (b *bubble) wantOne(r Receipt) {
	b.t.Helper()
	if records := b.ledgers(time.Minute); len(records) != 1 || records[r.Job].Result != r.SHA256 {
		b.t.Errorf("ledger %+v, want the one result %v", records, r.SHA256)
	}
}
