package node

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"p2pnode/wire"
)

func at(h float64) time.Time { return day0.Add(time.Duration(h * float64(time.Hour))) }

func TestLedgerTombstoneFadesThenGoes(t *testing.T) {
	for _, end := range []wire.State{wire.Acked, wire.Cancelled, wire.Failed} {
		l := ledgerOf(t, aRecord(1, wire.Assigned), aRecord(1, end))
		if got, want := l.Deadline(), at(24); !got.Equal(want) {
			t.Fatalf("%v: Deadline() = %v, want %v", end, got, want)
		}
		l.Old(at(23.99))
		if _, count := l.Digest(); count != 1 {
			t.Errorf("%v: %d records in the digest before 24 h, want 1", end, count)
		}
		l.Old(at(24))
		sum, count := l.Digest()
		rs, _ := l.Pull(^uint64(0), wire.JobID{}, func([]wire.Record) bool { return true })
		if sum != 0 || count != 0 || len(rs) != 0 {
			t.Errorf("%v: after 24 h: digest %x of %d, %d pulled; want nothing", end, sum, count, len(rs))
		}
		if r, ok := l.Get(jobOf(1)); !ok || r.State != end {
			t.Errorf("%v: after 24 h Get() = %v, %v", end, r.State, ok)
		}
		if got, want := l.Deadline(), at(48); !got.Equal(want) {
			t.Errorf("%v: faded: Deadline() = %v, want %v", end, got, want)
		}
		if got := l.Old(at(48)); !slices.Equal(got, []wire.JobID{jobOf(1)}) || l.Len() != 0 || !l.Deadline().IsZero() {
			t.Errorf("%v: after 48 h Old() = %v, %d records, deadline %v", end, got, l.Len(), l.Deadline())
		}
	}
}

func TestLedgerUnfinishedAndUnfetchedJobsDoNotAge(t *testing.T) {
	l := ledgerOf(t, aRecord(1, wire.Assigned), aRecord(2, wire.Running), aRecord(3, wire.Done))
	if gone := l.Old(at(10_000)); len(gone) != 0 || !l.Deadline().IsZero() {
		t.Errorf("Old() = %v, deadline %v, want none", gone, l.Deadline())
	}
	if _, count := l.Digest(); count != 3 {
		t.Errorf("%d records in the digest, want 3", count)
	}
}

func TestLedgerFailedJobThatIsTriedAgainIsNoTombstone(t *testing.T) {
	l := ledgerOf(t, aRecord(1, wire.Failed))
	again := aRecord(1, wire.Assigned)
	again.Attempt = 2
	l.Merge(at(1), again)
	if !l.Deadline().IsZero() || len(l.Held(again.Server)) != 1 {
		t.Errorf("deadline %v, held %v, want none and one job", l.Deadline(), l.Held(again.Server))
	}
}

// Whatever arrives, in whatever order, within the life of a tombstone: the job stays ended.
func TestLedgerTombstoneNeverComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acked := anyRecord(t)
		acked.State, acked.Result = wire.Acked, wire.Digest{1}
		l, now := ledgerOf(t, acked), day0
		end := now.Add(dropAfter)
		for now.Before(end) {
			l.Old(now)
			r := anyRecord(t)
			r.Job = acked.Job
			if r.State == wire.Acked {
				r.State = wire.Done
			}
			changed, err := l.Merge(now, r)
			if err != nil {
				t.Fatal(err)
			}
			if changed {
				end = now.Add(dropAfter) // revived
			}
			if got, ok := l.Get(acked.Job); !ok || got.State != wire.Acked {
				t.Fatalf("after %v and %v: Get() = %v, %v", now.Sub(day0), r, got, ok)
			}
			now = now.Add(time.Duration(rapid.IntRange(1, 900).Draw(t, "minutes")) * time.Minute)
			if now.Sub(day0) > 10*dropAfter {
				return
			}
		}
	})
}

// Three nodes learn of the ends at different times and reconcile every hour, as digests that differ make them do. If
// the first to forget were told again by the others, records would go round for ever.
func TestLedgerNodesWithDifferentAgesForgetForGood(t *testing.T) {
	skews := []float64{0, 0.5, 20}
	var nodes []*Ledger
	for _, skew := range skews {
		l := NewLedger(100)
		for job := range uint8(10) {
			l.Merge(at(skew), aRecord(job, wire.Acked))
		}
		nodes = append(nodes, l)
	}
	for hour := 20.0; hour < 100; hour++ {
		for _, a := range nodes {
			a.Old(at(hour))
			for _, b := range nodes {
				reconcile(t, at(hour), a, b)
			}
		}
	}
	for i, l := range nodes {
		if l.Len() != 0 {
			t.Errorf("node %d still holds %d records after 100 h", i, l.Len())
		}
	}
}

// reconcile lets a pull from b the buckets in which they differ.
func reconcile(t *testing.T, now time.Time, a, b *Ledger) {
	var mask uint64
	for i, sum := range a.Buckets() {
		if b.Buckets()[i] != sum {
			mask |= 1 << i
		}
	}
	rs, _ := b.Pull(mask, wire.JobID{}, func([]wire.Record) bool { return true })
	for _, r := range rs {
		if changed, err := a.Merge(now, r); changed || err != nil {
			t.Fatalf("at %v: pulled %v back: %v, %v", now.Sub(day0), r.Job, changed, err)
		}
	}
}

func TestLedgerRevivesATombstoneForWhoeverMissedIt(t *testing.T) {
	informed, away := ledgerOf(t, aRecord(1, wire.Acked)), ledgerOf(t, aRecord(1, wire.Running))
	informed.Old(at(30))
	if changed, err := informed.Merge(at(30), aRecord(1, wire.Running)); !changed || err != nil {
		t.Fatalf("Merge of an older record over a faded one = %v, %v, want true, nil", changed, err)
	}
	rs, _ := informed.Pull(^uint64(0), wire.JobID{}, func([]wire.Record) bool { return true })
	if len(rs) != 1 || rs[0].State != wire.Acked {
		t.Fatalf("Pull after that = %v, want the tombstone", rs)
	}
	away.Merge(at(30), rs[0])
	sameDigests(t, informed, away)
	if changed, _ := informed.Merge(at(30), aRecord(1, wire.Running)); changed {
		t.Error("the same older record changes it twice")
	}
	if got, want := informed.Deadline(), at(54); !got.Equal(want) {
		t.Errorf("Deadline() = %v, want %v", got, want)
	}
}

func TestLedgerRestoreKeepsAges(t *testing.T) {
	l := NewLedger(10)
	for _, c := range []struct {
		job   uint8
		since time.Time
	}{{1, at(-47)}, {2, at(-25)}, {3, at(-1)}, {4, at(9000)}} {
		if err := l.Restore(day0, c.since, aRecord(c.job, wire.Acked)); err != nil {
			t.Fatal(err)
		}
	}
	l.Restore(day0, time.Time{}, aRecord(5, wire.Done))
	l.Restore(day0, at(-100), aRecord(6, wire.Done))
	var ages []time.Time
	for _, since := range l.Unfetched() {
		ages = append(ages, since)
	}
	if want := []time.Time{day0, at(-100)}; !slices.Equal(ages, want) {
		t.Errorf("Unfetched since %v, want %v", ages, want)
	}
	l.Forget(jobOf(5))
	l.Forget(jobOf(6))
	l.Old(day0)
	if _, count := l.Digest(); l.Len() != 4 || count != 2 {
		t.Errorf("%d records, %d in the digest, want 4 and 2", l.Len(), count)
	}
	if gone := l.Old(at(1)); !slices.Equal(gone, []wire.JobID{jobOf(1)}) {
		t.Errorf("Old() after an hour = %v, want job 1", gone)
	}
	l.Old(at(24))
	if _, count := l.Digest(); count != 0 {
		t.Errorf("a record from the future is still shown after 24 h")
	}
}

func TestLedgerFullDropsFadedTombstonesFirst(t *testing.T) {
	l := NewLedger(3)
	l.Merge(at(0), aRecord(1, wire.Acked))
	l.Merge(at(1), aRecord(2, wire.Acked))
	l.Merge(at(20), aRecord(3, wire.Acked))
	l.Old(at(30))
	for job := uint8(4); job <= 5; job++ {
		if _, err := l.Merge(at(30), aRecord(job, wire.Assigned)); err != nil {
			t.Fatalf("Merge(%d): %v", job, err)
		}
	}
	early := at(20).Add(heardAfter - time.Second)
	if _, err := l.Merge(early, aRecord(6, wire.Assigned)); err != ErrLedgerFull {
		t.Errorf("Merge over a tombstone just made: %v, want ErrLedgerFull", err)
	}
	if _, err := l.Merge(at(30), aRecord(6, wire.Assigned)); err != nil {
		t.Errorf("Merge over a tombstone that all have heard of: %v", err)
	}
	if _, err := l.Merge(at(30), aRecord(7, wire.Assigned)); err != ErrLedgerFull {
		t.Errorf("Merge over unfinished jobs: %v, want ErrLedgerFull", err)
	}
	if gone := l.Old(at(30)); !slices.Equal(gone, []wire.JobID{jobOf(1), jobOf(2), jobOf(3)}) {
		t.Errorf("Old() = %v, want jobs 1 to 3: the store has to forget them", gone)
	}
}
