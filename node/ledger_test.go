package node

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"p2pnode/wire"
)

var day0 = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// ledgerOf merges records in their order.
func ledgerOf(t interface{ Fatalf(string, ...any) }, records ...wire.Record) *Ledger {
	l := NewLedger(1000)
	for _, r := range records {
		if _, err := l.Merge(day0, r); err != nil {
			t.Fatalf("Merge(%v): %v", r, err)
		}
	}
	return l
}

func someRecords(t *rapid.T) []wire.Record {
	return rapid.SliceOfN(rapid.Custom(anyRecord), 0, 40).Draw(t, "records")
}

// fold is what a ledger has to hold after it has seen records.
func fold(records []wire.Record) map[wire.JobID]wire.Record {
	held := map[wire.JobID]wire.Record{}
	for _, r := range records {
		if old, ok := held[r.Job]; ok {
			r = Merge(old, r)
		}
		held[r.Job] = r
	}
	return held
}

func sorted(held map[wire.JobID]wire.Record, wanted func(wire.Record) bool) (rs []wire.Record) {
	for _, job := range slices.SortedFunc(maps.Keys(held), wire.JobID.Compare) {
		if wanted(held[job]) {
			rs = append(rs, held[job])
		}
	}
	return rs
}

func everything(wire.Record) bool { return true }

func TestLedgerHoldsTheMergeOfWhatItSaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := someRecords(t)
		l, held := ledgerOf(t, records...), fold(records)
		if got, want := slices.Collect(l.All()), sorted(held, everything); !reflect.DeepEqual(got, want) {
			t.Fatalf("All() = %v, want %v", got, want)
		}
		for n := range uint8(16) {
			got, ok := l.Get(jobOf(n))
			if want, known := held[jobOf(n)]; ok != known || !reflect.DeepEqual(got, want) {
				t.Fatalf("Get(%d) = %v, %v, want %v, %v", n, got, ok, want, known)
			}
		}
		for n := range uint8(4) {
			want := sorted(held, func(r wire.Record) bool { return r.Server == nodeOf(n) && working(r.State) })
			if got := l.Held(nodeOf(n)); !reflect.DeepEqual(got, want) {
				t.Fatalf("Held(%d) = %v, want %v", n, got, want)
			}
			owner := []byte{10, 0, 0, n}
			of := sorted(held, func(r wire.Record) bool { return string(r.Owner) == string(owner) && working(r.State) })
			if got := l.Owned(owner); got != len(of) {
				t.Fatalf("Owned(%v) = %d, want %d", owner, got, len(of))
			}
		}
		for s := wire.Assigned; s <= wire.Acked; s++ {
			if got, want := l.Count(s), len(sorted(held, func(r wire.Record) bool { return r.State == s })); got != want {
				t.Fatalf("Count(%v) = %d, want %d", s, got, want)
			}
		}
	})
}

func TestLedgerReportsWhatChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, held := NewLedger(1000), map[wire.JobID]wire.Record{}
		for _, r := range someRecords(t) {
			before, known := held[r.Job]
			want := !known || compareRecords(r, before) > 0
			got, err := l.Merge(day0, r)
			if err != nil || got != want {
				t.Fatalf("Merge(%v) over %v = %v, %v, want %v", r, before, got, err, want)
			}
			if want {
				held[r.Job] = r
			}
		}
	})
}

func TestLedgerDigestIsEqualIffTheRecordsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := someRecords(t)
		shuffled := slices.Clone(records)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		a, b := ledgerOf(t, records...), ledgerOf(t, shuffled...)
		sameDigests(t, a, b)

		r := anyRecord(t)
		changed, _ := b.Merge(day0, r)
		sumA, countA := a.Digest()
		sumB, countB := b.Digest()
		if equal := sumA == sumB && countA == countB; equal == changed {
			t.Fatalf("one more record: changed %v, digests equal %v", changed, equal)
		}
		for i, sum := range a.Buckets() {
			if differs := sum != b.Buckets()[i]; differs != (changed && i == int(r.Job[0]>>2)) {
				t.Fatalf("bucket %d differs: %v; job %v changed: %v", i, differs, r.Job, changed)
			}
		}
		b.Forget(r.Job)
		a.Forget(r.Job)
		sameDigests(t, a, b)
	})
}

func sameDigests(t interface{ Fatalf(string, ...any) }, a, b *Ledger) {
	sumA, countA := a.Digest()
	sumB, countB := b.Digest()
	if sumA != sumB || countA != countB || !slices.Equal(a.Buckets(), b.Buckets()) {
		t.Fatalf("digests differ: %x of %d and %x of %d", sumA, countA, sumB, countB)
	}
}

// The digest is compared across machines, so it must be the same in every process.
func TestLedgerDigestIsFixed(t *testing.T) {
	sum, count := ledgerOf(t, aRecord(1, wire.Running), aRecord(2, wire.Done), aRecord(15, wire.Acked)).Digest()
	if want := uint64(0x147d8f12c145bc15); sum != want || count != 3 {
		t.Errorf("Digest() = %#x, %d, want %#x, 3", sum, count, want)
	}
}

func TestLedgerPullPagesThroughTheBucketsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := someRecords(t)
		l, mask := ledgerOf(t, records...), rapid.Uint64().Draw(t, "mask")
		page := rapid.IntRange(1, 5).Draw(t, "page")
		want := sorted(fold(records), func(r wire.Record) bool { return mask>>(r.Job[0]>>2)&1 == 1 })
		var got []wire.Record
		var after wire.JobID
		for more := true; more; {
			var rs []wire.Record
			rs, more = l.Pull(mask, after, func(rs []wire.Record) bool { return len(rs) <= page })
			if len(rs) > page || more && len(rs) != page {
				t.Fatalf("Pull returned %d records of pages of %d, more %v", len(rs), page, more)
			}
			if len(rs) > 0 {
				after = rs[len(rs)-1].Job
			}
			got = append(got, rs...)
		}
		if !slices.EqualFunc(got, want, func(a, b wire.Record) bool { return compareRecords(a, b) == 0 && a.Job == b.Job }) {
			t.Fatalf("pulled %v, want %v", got, want)
		}
	})
}

func TestLedgerPullNeverStandsStill(t *testing.T) {
	l := ledgerOf(t, aRecord(1, wire.Running), aRecord(2, wire.Running))
	rs, more := l.Pull(^uint64(0), wire.JobID{}, func([]wire.Record) bool { return false })
	if len(rs) != 1 || !more {
		t.Errorf("Pull where nothing fits = %d records, more %v, want 1, true", len(rs), more)
	}
}

func TestLedgerPullIsBounded(t *testing.T) {
	l := NewLedger(1000)
	for i := range 500 {
		r := aRecord(1, wire.Running)
		r.Job[1], r.Job[2] = byte(i), byte(i>>8)
		l.Merge(day0, r)
	}
	if rs, more := l.Pull(^uint64(0), wire.JobID{}, func([]wire.Record) bool { return true }); len(rs) != maxPulled || !more {
		t.Errorf("Pull = %d records, more %v, want %d, true", len(rs), more, maxPulled)
	}
}

func TestLedgerFullRefusesOnlyNewJobs(t *testing.T) {
	l := NewLedger(2)
	l.Merge(day0, aRecord(1, wire.Assigned))
	l.Merge(day0, aRecord(2, wire.Assigned))
	if _, err := l.Merge(day0, aRecord(3, wire.Assigned)); !errors.Is(err, ErrLedgerFull) {
		t.Errorf("Merge of a third job of two: %v, want ErrLedgerFull", err)
	}
	if changed, err := l.Merge(day0, aRecord(2, wire.Done)); !changed || err != nil {
		t.Errorf("Merge of a known job = %v, %v, want true, nil", changed, err)
	}
	l.Forget(jobOf(1))
	if _, err := l.Merge(day0, aRecord(3, wire.Assigned)); err != nil {
		t.Errorf("Merge after Forget: %v", err)
	}
}

func TestLedgerKeepsNoCallersBytes(t *testing.T) {
	r := aRecord(1, wire.Running)
	r.Owner = []byte{10, 0, 0, 1}
	l := ledgerOf(t, r)
	r.Owner[3] = 99
	if got, _ := l.Get(r.Job); got.Owner[3] != 1 {
		t.Errorf("Owner in the ledger is %v after the caller changed his", got.Owner)
	}
}

func BenchmarkLedgerMerge(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := NewLedger(1 << 30)
	for b.Loop() {
		if l.Len() >= 100_000 {
			l = NewLedger(1 << 30)
		}
		r := aRecord(1, wire.Running)
		for i := range r.Job {
			r.Job[i] = byte(cmp.Or(rng.Uint32(), 1))
		}
		l.Merge(day0, r)
	}
}
