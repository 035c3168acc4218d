package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"p2pnode/wire"
)

const storeFile = "node.db"

// ErrLocked is wrapped by OpenStore's error where another process uses the directory.
var ErrLocked = errors.New("node: directory is in use by another process")

// ForeignStoreError says that a directory belongs to another node, or to another cluster.
type ForeignStoreError struct {
	Dir          string
	What         string // "node" or "cluster"
	Holds, Wants string // ids
}

func (e *ForeignStoreError) Error() string {
	return fmt.Sprintf("node: %s belongs to another %s (%s, not %s); use another directory", e.Dir, e.What, e.Holds, e.Wants)
}

// Store keeps what one node must know after a restart. One goroutine uses it.
type Store struct {
	dir      string
	db       *bbolt.DB
	reserved int64 // bytes of disk that the database has
}

// Snapshot is what a store held when it was opened.
type Snapshot struct {
	Promised uint64      // highest epoch promised
	Voted    wire.NodeID // to whom
	Fresh    bool        // the store was made just now: nothing can have been promised before
	Cluster  wire.ClusterID
	Last     time.Time  // of the last commit; zero: none yet
	Heritage succession // of the last rotation of the secret that this node took part in; zero: none

	Records []wire.Record
	Since   map[wire.JobID]time.Time // when each record was stored, for Ledger.Restore
	Mine    map[wire.JobID]Mine
	Peers   []netip.AddrPort
}

// Vote is a promise: no lower epoch, and in Epoch no other node.
type Vote struct {
	Epoch uint64
	For   wire.NodeID
}

// Mine is a result this node holds.
type Mine struct {
	Job      wire.JobID
	Image    wire.Digest // of the image it was made from
	Result   wire.Digest // its file in Results
	Size     int64       // bytes of it
	Request  wire.Digest // of all else that shaped it: the same job with other content is a conflict
	Since    time.Time
	Capacity int64 // of the image, bytes
}

// Batch is what one decision of the core has to make durable. Zero fields change nothing.
type Batch struct {
	Epoch   *Vote // an epoch below the one stored is not taken
	Records []wire.Record
	Forget  []wire.JobID
	Mine    []Mine
	Unmine  []wire.JobID
	Peers   []netip.AddrPort // control addresses to ask first at the next start; replaces those stored
	Now     time.Time        // since when the records stand. If zero, the time of the commit.
}

// OpenStore opens the store of a node in a directory, which is made if needed, and returns what is in it.
func OpenStore(dir string, self wire.NodeID) (*Store, Snapshot, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, Snapshot{}, fmt.Errorf("open the store: %w", err)
	}
	path := filepath.Join(dir, storeFile)
	db, err := openBolt(path)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, Snapshot{}, fmt.Errorf("%w: %s; stop that one, or choose another --dir or --name", ErrLocked, dir)
	}
	if err != nil {
		return nil, Snapshot{}, fmt.Errorf("open the store %s: %w", path, err)
	}
	s := &Store{dir: dir, db: db}
	snap, err := s.load(self)
	if err != nil {
		return nil, Snapshot{}, errors.Join(err, db.Close())
	}
	if snap.Fresh {
		err = errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
	}
	if err != nil {
		return nil, Snapshot{}, errors.Join(err, db.Close())
	}
	return s, snap, nil
}

func openBolt(path string) (db *bbolt.DB, err error) {
	defer damaged(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a file shorter than it says faults where it is mapped
	if err := provide(path); err != nil {
		return nil, err
	}
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
}

// provide makes an empty database where there is none, whole or not at all. bbolt would write it in place: what a crash
// leaves of that cannot be told from a damaged store, and the node would refuse to start.
func provide(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, err := blank(filepath.Dir(path))
	if err != nil {
		return err
	}
	if err := createFile(path, content); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // another process was quicker; bbolt's lock decides which of the two goes on
}

// blank returns an empty database.
func blank(dir string) ([]byte, error) {
	tmp, err := os.MkdirTemp(dir, "."+storeFile+".*.tmp")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	path := filepath.Join(tmp, storeFile)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// load prepares a new store, or reads one.
func (s *Store) load(self wire.NodeID) (snap Snapshot, err error) {
	defer damaged(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	err = s.db.View(func(tx *bbolt.Tx) error { // reading must not need room on the disk
		if snap.Fresh = tx.Bucket(metaBucket) == nil; snap.Fresh {
			return nil
		}
		if err := s.check(tx, self); err != nil {
			return err
		}
		return read(tx, &snap)
	})
	if snap.Fresh {
		err = s.db.Update(func(tx *bbolt.Tx) error { return create(tx, self) })
	}
	return snap, err
}

// damaged turns what bbolt does on a broken file, panic or fault, into an error.
func damaged(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("node: the store is damaged: %v; move the directory away to start anew", r)
	}
}

// Bind says which cluster the store is for: the first caller decides, any other cluster later is a *ForeignStoreError. While
// the secret is rotated the cluster has several ids: a store that is bound to one of also is bound to cluster instead.
func (s *Store) Bind(cluster wire.ClusterID, also ...wire.ClusterID) error {
	var held []byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		held = bytes.Clone(tx.Bucket(metaBucket).Get(keyCluster))
		return nil
	})
	switch {
	case err != nil || bytes.Equal(held, cluster[:]):
	case held == nil || slices.ContainsFunc(also, func(c wire.ClusterID) bool { return bytes.Equal(held, c[:]) }):
		err = s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(keyCluster, cluster[:]) })
	default:
		return &ForeignStoreError{Dir: s.dir, What: "cluster", Holds: fmt.Sprintf("%x", held), Wants: cluster.String()}
	}
	if err != nil {
		return fmt.Errorf("bind the store in %s to its cluster: %w", s.dir, err)
	}
	return nil
}

// succeed keeps the statement by which clients follow the cluster to its new secret.
func (s *Store) succeed(x succession) error {
	err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(keyHeir, x.append(nil)) })
	if err != nil {
		return fmt.Errorf("keep the successor statement in %s: %w", s.dir, err)
	}
	return nil
}

// Commit makes batches durable, in their order, all or none.
func (s *Store) Commit(batches []Batch) error {
	now, used := time.Now(), int64(0)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		used = tx.Size()
		for _, b := range batches {
			if b.Now.IsZero() {
				b.Now = now
			}
			if err := write(tx, b); err != nil {
				return err
			}
		}
		return tx.Bucket(metaBucket).Put(keyLast, appendTime(nil, now))
	})
	if err != nil {
		return fmt.Errorf("commit to the store in %s: %w", s.dir, err)
	}
	s.reserve(used)
	return nil
}

// groupMax is how many batches one commit takes at most.
const groupMax = 1024

// Run commits what comes in, as many batches at a time as are waiting, until in is closed. After each commit it tells how
// many batches in all are durable. After an error nothing more is stored: batches are taken and thrown away, so that the
// sender, who has to end, does not block.
func (s *Store) Run(in <-chan Batch, stored func(n uint64, err error)) {
	var n uint64
	failed := false
	for b := range in {
		batches := gather(b, in)
		if failed {
			continue
		}
		err := s.Commit(batches)
		if err == nil {
			n += uint64(len(batches))
		}
		failed = err != nil
		stored(n, err)
	}
}

// gather adds to a batch those that wait behind it.
func gather(first Batch, in <-chan Batch) []Batch {
	batches := []Batch{first}
	for len(batches) < groupMax {
		select {
		case b, open := <-in:
			if !open {
				return batches
			}
			batches = append(batches, b)
		default:
			return batches
		}
	}
	return batches
}

// Close releases the directory.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the store in %s: %w", s.dir, err)
	}
	return nil
}
