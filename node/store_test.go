package node

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"p2pnode/wire"
)

func openStore(t *testing.T, dir string) (*Store, Snapshot) {
	t.Helper()
	s, snap, err := OpenStore(dir, IDOf("alpha"))
	if err != nil {
		t.Fatal(err)
	}
	return s, snap
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, s *Store, b ...Batch) {
	t.Helper()
	if err := s.Commit(b); err != nil {
		t.Fatal(err)
	}
}

// reopen closes a store and returns what is in it.
func reopen(t *testing.T, s *Store) (*Store, Snapshot) {
	t.Helper()
	closeStore(t, s)
	return openStore(t, s.dir)
}

func aMine(job uint8) Mine {
	return Mine{
		Job: jobOf(job), Image: wire.Digest{1, job}, Result: wire.Digest{2, job}, Size: 1 << 40, Request: wire.Digest{3, job},
		Since: time.Unix(1_700_000_000, int64(job)), Capacity: 99,
	}
}

func TestStoreRemembersEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "node")
	s, snap := openStore(t, dir)
	if !snap.Fresh || snap.Promised != 0 || len(snap.Records) != 0 || !snap.Last.IsZero() {
		t.Fatalf("new store: %+v", snap)
	}
	since := time.Unix(1_700_000_000, 5)
	peers := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:47470"), netip.MustParseAddrPort("[fe80::1%eth0]:47470")}
	before := time.Now()
	commit(t, s, Batch{
		Epoch: &Vote{Epoch: 7, For: nodeOf(3)}, Records: []wire.Record{aRecord(1, wire.Running), aRecord(2, wire.Done)},
		Mine: []Mine{aMine(1), aMine(2)}, Peers: peers, Now: since,
	})
	if err := s.Bind(wire.ClusterID{9}); err != nil {
		t.Fatal(err)
	}
	s, snap = reopen(t, s)
	defer closeStore(t, s)
	if snap.Last.Before(before) || snap.Last.After(time.Now()) {
		t.Errorf("Last = %v, want the time of the commit", snap.Last)
	}
	snap.Last = time.Time{}
	want := Snapshot{
		Promised: 7, Voted: nodeOf(3), Cluster: wire.ClusterID{9}, Peers: peers,
		Records: []wire.Record{aRecord(1, wire.Running), aRecord(2, wire.Done)},
		Since:   map[wire.JobID]time.Time{jobOf(1): since, jobOf(2): since},
		Mine:    map[wire.JobID]Mine{jobOf(1): aMine(1), jobOf(2): aMine(2)},
	}
	if !reflect.DeepEqual(snap, want) {
		t.Errorf("reopened:\n got %+v\nwant %+v", snap, want)
	}
}

func TestStoreForgetsWhatItIsTold(t *testing.T) {
	s, _ := openStore(t, t.TempDir())
	commit(t, s, Batch{Records: []wire.Record{aRecord(1, wire.Done), aRecord(2, wire.Done)}, Mine: []Mine{aMine(1), aMine(2)}})
	commit(t, s, Batch{Forget: []wire.JobID{jobOf(1)}, Unmine: []wire.JobID{jobOf(2), jobOf(9)}})
	s, snap := reopen(t, s)
	defer closeStore(t, s)
	if len(snap.Records) != 1 || snap.Records[0].Job != jobOf(2) || len(snap.Mine) != 1 || snap.Mine[jobOf(1)] != aMine(1) {
		t.Errorf("got records %v, results %v", snap.Records, snap.Mine)
	}
}

func TestStoreLaterBatchWins(t *testing.T) {
	s, _ := openStore(t, t.TempDir())
	commit(t, s,
		Batch{Records: []wire.Record{aRecord(1, wire.Running)}, Mine: []Mine{aMine(1)}},
		Batch{Records: []wire.Record{aRecord(1, wire.Acked)}, Unmine: []wire.JobID{jobOf(1)}},
		Batch{Unmine: []wire.JobID{jobOf(2)}},
		Batch{Mine: []Mine{aMine(2)}})
	s, snap := reopen(t, s)
	defer closeStore(t, s)
	if snap.Records[0].State != wire.Acked || len(snap.Mine) != 1 || snap.Mine[jobOf(2)] != aMine(2) {
		t.Errorf("got records %v, results %v", snap.Records, snap.Mine)
	}
}

func TestStorePromiseNeverFalls(t *testing.T) {
	s, _ := openStore(t, t.TempDir())
	commit(t, s, Batch{Epoch: &Vote{Epoch: 9, For: nodeOf(1)}}, Batch{Epoch: &Vote{Epoch: 8, For: nodeOf(2)}})
	s, snap := reopen(t, s)
	defer closeStore(t, s)
	if snap.Promised != 9 || snap.Voted != nodeOf(1) {
		t.Errorf("promised %d to %v, want 9 to %v", snap.Promised, snap.Voted, nodeOf(1))
	}
}

func TestStoreIsLockedWhileOpen(t *testing.T) {
	dir := t.TempDir()
	s, _ := openStore(t, dir)
	_, _, err := OpenStore(dir, IDOf("alpha"))
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("second OpenStore: %v, want ErrLocked, the directory and what to do", err)
	}
	closeStore(t, s)
	s, _ = openStore(t, dir)
	closeStore(t, s)
}

func TestStoreOfAnotherNodeOrClusterIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, _ := openStore(t, dir)
	if err := errors.Join(s.Bind(wire.ClusterID{1}), s.Bind(wire.ClusterID{1})); err != nil {
		t.Fatal(err)
	}
	var foreign *ForeignStoreError
	if err := s.Bind(wire.ClusterID{2}); !errors.As(err, &foreign) || foreign.What != "cluster" {
		t.Errorf("Bind to a second cluster: %v", err)
	}
	if err := errors.Join(s.Bind(wire.ClusterID{1}, wire.ClusterID{2}), s.Bind(wire.ClusterID{2}, wire.ClusterID{1}), s.Bind(wire.ClusterID{2})); err != nil {
		t.Errorf("Bind to a successor that accepts the one before: %v", err)
	}
	if err := s.Bind(wire.ClusterID{1}); !errors.As(err, &foreign) || foreign.Holds != (wire.ClusterID{2}).String() {
		t.Errorf("Bind to the one before: %v", err)
	}
	closeStore(t, s)
	if _, _, err := OpenStore(dir, IDOf("beta")); !errors.As(err, &foreign) || foreign.What != "node" || foreign.Holds != IDOf("alpha").String() {
		t.Errorf("OpenStore as another node: %v", err)
	}
	s, _ = openStore(t, dir) // the refusal did not keep the lock
	closeStore(t, s)
}

func TestStoreDamagedIsAnErrorNotAPanic(t *testing.T) {
	dir := t.TempDir()
	s, _ := openStore(t, dir)
	var records []wire.Record
	for i := range uint8(200) {
		r := aRecord(1, wire.Done)
		r.Job[3] = i
		records = append(records, r)
	}
	commit(t, s, Batch{Records: records})
	closeStore(t, s)
	whole, err := os.ReadFile(filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	harm := map[string][]byte{
		"text":       []byte("not a database"),
		"cut off":    whole[:3*page],
		"both metas": append(bytes.Repeat([]byte{0xff}, 2*page), whole[2*page:]...),
		"all else":   append(bytes.Clone(whole[:2*page]), bytes.Repeat([]byte{0xff}, len(whole)-2*page)...),
	}
	for name, content := range harm {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, storeFile), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, err := OpenStore(dir, IDOf("alpha"))
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStoreRunCommitsInOrderAndInGroups(t *testing.T) {
	s, _ := openStore(t, t.TempDir())
	const batches = 500
	in := make(chan Batch, batches)
	for i := range batches {
		in <- Batch{Epoch: &Vote{Epoch: uint64(i + 1)}, Records: []wire.Record{aRecord(uint8(i%16), wire.Done)}}
	}
	close(in)
	var told []uint64
	s.Run(in, func(n uint64, err error) {
		if err != nil {
			t.Errorf("stored(%d): %v", n, err)
		}
		told = append(told, n)
	})
	if len(told) != 1 || told[0] != batches {
		t.Errorf("stored was told %v, want one commit of %d", told, batches)
	}
	s, snap := reopen(t, s)
	defer closeStore(t, s)
	if snap.Promised != batches || len(snap.Records) != 16 {
		t.Errorf("epoch %d, %d records, want %d, 16", snap.Promised, len(snap.Records), batches)
	}
}

func TestStoreRunOneAtATimeTellsEachOnce(t *testing.T) {
	s, _ := openStore(t, t.TempDir())
	defer closeStore(t, s)
	in, told := make(chan Batch), make(chan uint64)
	ended := make(chan bool)
	go func() {
		s.Run(in, func(n uint64, err error) { told <- n })
		close(ended)
	}()
	for i := uint64(1); i <= 5; i++ {
		in <- Batch{Epoch: &Vote{Epoch: i}}
		if n := <-told; n != i {
			t.Errorf("stored(%d) after batch %d", n, i)
		}
	}
	close(in)
	<-ended
}

func TestStoreRunAfterAnErrorStoresNothingAndBlocksNobody(t *testing.T) {
	s, _ := openStore(t, t.TempDir())
	closeStore(t, s) // every commit fails from here on
	in := make(chan Batch)
	var told []string
	ended := make(chan bool)
	go func() {
		s.Run(in, func(n uint64, err error) { told = append(told, fmt.Sprint(n, err != nil)) })
		close(ended)
	}()
	for range 3 {
		in <- Batch{}
	}
	close(in)
	<-ended
	if want := []string{"0 true"}; !reflect.DeepEqual(told, want) {
		t.Errorf("stored was told %v, want %v", told, want)
	}
}

func BenchmarkStoreCommit(b *testing.B) {
	s, _, err := OpenStore(b.TempDir(), IDOf("alpha"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	group := make([]Batch, 64)
	for i := range group {
		r := aRecord(1, wire.Done)
		r.Job[5] = byte(i)
		group[i] = Batch{Records: []wire.Record{r}}
	}
	for b.Loop() {
		if err := s.Commit(group); err != nil {
			b.Fatal(err)
		}
	}
}
