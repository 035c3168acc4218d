//go:build linux

package node

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"p2pnode/wire"
)

// A disk that fills up must not stop the ledger: the database holds its room before it needs it.
func TestStoreHoldsRoomToGrow(t *testing.T) {
	dir := t.TempDir()
	s, _, err := OpenStore(dir, wire.NodeID{1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	probe, err := os.Create(filepath.Join(t.TempDir(), "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	if err := allocate(probe, 1); err != nil {
		t.Skipf("this file system allocates nothing beforehand: %v", err)
	}
	for n := range 3 {
		var b Batch
		for i := range 6000 {
			r := wire.Record{Job: wire.JobID{byte(n), byte(i >> 8), byte(i)}, Attempt: 1, State: wire.Assigned, Epoch: 1,
				Leader: wire.NodeID{1}, Server: wire.NodeID{1}, Client: "somebody at somewhere"}
			b.Records = append(b.Records, r)
		}
		if err := s.Commit([]Batch{b}); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit([]Batch{{}}); err != nil { // sees what the one before has used
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, storeFile))
		if err != nil || info.Size() < s.reserved || diskOf(t, dir) < s.reserved || s.reserved < used(t, s)+reserveStep/2 {
			t.Errorf("%d bytes used, %d reserved, the file has %d, %d on disk: %v", used(t, s), s.reserved, info.Size(), diskOf(t, dir), err)
		}
	}
}

// used is how many bytes of its file the database uses.
func used(t *testing.T, s *Store) (n int64) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		n = tx.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// diskOf is how many bytes of disk the database has.
func diskOf(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
