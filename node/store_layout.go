package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.etcd.io/bbolt"

	"p2pnode/wire"
)

// The database: bucket "meta" holds single values, "records" the ledger and "mine" the index of results, both by job id.
var (
	metaBucket    = []byte("meta")
	recordsBucket = []byte("records")
	mineBucket    = []byte("mine")

	keyVersion = []byte("version")
	keySelf    = []byte("self")
	keyCluster = []byte("cluster")
	keyVote    = []byte("vote") // epoch ‖ node id
	keyPeers   = []byte("peers")
	keyLast    = []byte("last")
	keyHeir    = []byte("successor") // former CA ‖ its successor ‖ statement
)

const (
	storeVersion   = 1
	mineSize       = 32 + 32 + 8 + 32 + 8 + 8
	maxStoredPeers = 256
)

// create lays out a new database.
func create(tx *bbolt.Tx, self wire.NodeID) error {
	for _, name := range [][]byte{metaBucket, recordsBucket, mineBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(metaBucket)
	return errors.Join(meta.Put(keyVersion, []byte{storeVersion}), meta.Put(keySelf, self[:]))
}

// check refuses a database of another release or another node.
func (s *Store) check(tx *bbolt.Tx, self wire.NodeID) error {
	meta := tx.Bucket(metaBucket)
	if v := meta.Get(keyVersion); len(v) != 1 || v[0] != storeVersion {
		return fmt.Errorf("node: the store in %s is of version %d, this program reads version %d", s.dir, v, storeVersion)
	}
	var held wire.NodeID
	copy(held[:], meta.Get(keySelf))
	if held != self {
		return &ForeignStoreError{Dir: s.dir, What: "node", Holds: held.String(), Wants: self.String()}
	}
	return nil
}

func read(tx *bbolt.Tx, snap *Snapshot) error {
	meta := tx.Bucket(metaBucket)
	if v := meta.Get(keyVote); len(v) == 8+len(snap.Voted) {
		snap.Promised = binary.BigEndian.Uint64(v)
		copy(snap.Voted[:], v[8:])
	}
	copy(snap.Cluster[:], meta.Get(keyCluster))
	if v := meta.Get(keyLast); len(v) == 8 {
		snap.Last, _ = cutTime(v)
	}
	snap.Heritage = parseSuccession(meta.Get(keyHeir))
	snap.Peers = parsePeers(meta.Get(keyPeers))
	if err := readRecords(tx, snap); err != nil {
		return err
	}
	return readMine(tx, snap)
}

func readRecords(tx *bbolt.Tx, snap *Snapshot) error {
	snap.Since = map[wire.JobID]time.Time{}
	return tx.Bucket(recordsBucket).ForEach(func(k, v []byte) error {
		if len(v) < 8 {
			return fmt.Errorf("node: the store is damaged: record %x of %d bytes", k, len(v))
		}
		since, v := cutTime(v)
		r, err := parseRecord(v)
		if err != nil {
			return fmt.Errorf("node: the store is damaged: %w", err)
		}
		snap.Records = append(snap.Records, r)
		snap.Since[r.Job] = since
		return nil
	})
}

func readMine(tx *bbolt.Tx, snap *Snapshot) error {
	snap.Mine = map[wire.JobID]Mine{}
	return tx.Bucket(mineBucket).ForEach(func(k, v []byte) error {
		if len(k) != len(wire.JobID{}) || len(v) != mineSize {
			return fmt.Errorf("node: the store is damaged: result %x of %d bytes", k, len(v))
		}
		job := wire.JobID(k)
		snap.Mine[job] = parseMine(job, v)
		return nil
	})
}

func write(tx *bbolt.Tx, b Batch) error {
	meta, records, mine := tx.Bucket(metaBucket), tx.Bucket(recordsBucket), tx.Bucket(mineBucket)
	var errs []error
	if b.Epoch != nil {
		errs = append(errs, writeVote(meta, *b.Epoch))
	}
	for _, r := range b.Records {
		errs = append(errs, records.Put(r.Job[:], appendRecord(appendTime(nil, b.Now), r)))
	}
	for _, job := range b.Forget {
		errs = append(errs, records.Delete(job[:]))
	}
	for _, m := range b.Mine {
		errs = append(errs, mine.Put(m.Job[:], appendMine(nil, m)))
	}
	for _, job := range b.Unmine {
		errs = append(errs, mine.Delete(job[:]))
	}
	if b.Peers != nil {
		errs = append(errs, meta.Put(keyPeers, appendPeers(nil, b.Peers)))
	}
	return errors.Join(errs...)
}

// writeVote never lowers the epoch: what was promised stays promised, whatever asks for less.
func writeVote(meta *bbolt.Bucket, v Vote) error {
	if held := meta.Get(keyVote); len(held) > 8 && binary.BigEndian.Uint64(held) > v.Epoch {
		return nil
	}
	return meta.Put(keyVote, append(binary.BigEndian.AppendUint64(nil, v.Epoch), v.For[:]...))
}

func appendMine(p []byte, m Mine) []byte {
	p = append(p, m.Image[:]...)
	p = append(p, m.Result[:]...)
	p = binary.BigEndian.AppendUint64(p, uint64(m.Size))
	p = append(p, m.Request[:]...)
	p = appendTime(p, m.Since)
	return binary.BigEndian.AppendUint64(p, uint64(m.Capacity))
}

func parseMine(job wire.JobID, p []byte) Mine {
	m := Mine{Job: job}
	p = p[copy(m.Image[:], p):]
	p = p[copy(m.Result[:], p):]
	m.Size, p = int64(binary.BigEndian.Uint64(p)), p[8:]
	p = p[copy(m.Request[:], p):]
	m.Since, p = cutTime(p)
	m.Capacity = int64(binary.BigEndian.Uint64(p))
	return m
}

// appendTime writes wall time to the nanosecond; the zero time stays the zero time.
func appendTime(p []byte, t time.Time) []byte {
	var n int64
	if !t.IsZero() {
		n = t.UnixNano()
	}
	return binary.BigEndian.AppendUint64(p, uint64(n))
}

func cutTime(p []byte) (t time.Time, rest []byte) {
	if n := int64(binary.BigEndian.Uint64(p)); n != 0 {
		t = time.Unix(0, n)
	}
	return t, p[8:]
}

// appendPeers writes addresses one a line; those beyond the first maxStoredPeers are left out.
func appendPeers(p []byte, addrs []netip.AddrPort) []byte {
	for _, a := range addrs[:min(len(addrs), maxStoredPeers)] {
		p = append(a.AppendTo(p), '\n')
	}
	return p
}

// parsePeers reads addresses; one that cannot be read is a peer not remembered, no more.
func parsePeers(p []byte) (addrs []netip.AddrPort) {
	for len(p) > 0 {
		line, rest, _ := bytes.Cut(p, []byte("\n"))
		if a, err := netip.ParseAddrPort(string(line)); err == nil {
			addrs = append(addrs, a)
		}
		p = rest
	}
	return addrs
}
