package node

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"p2pnode/wire"
)

// Bounds of what a peer may put into a record; every record within them fits into one datagram.
const (
	maxAttempt = 1 << 20
	maxClient  = 64 // bytes
	maxOwner   = 32 // bytes
	maxSize    = 1 << 50
)

// Valid reports why a record from a peer cannot be one of this protocol; nil if it can.
func Valid(r wire.Record) error {
	switch {
	case r.Job.IsZero():
		return errors.New("node: invalid record: no job id")
	case r.State < wire.Assigned || r.State > wire.Acked:
		return fmt.Errorf("node: invalid record: unknown state %d", uint8(r.State))
	case r.Attempt < 1 || r.Attempt > maxAttempt:
		return fmt.Errorf("node: invalid record: attempt %d", r.Attempt)
	case r.Server.IsZero() || r.Leader.IsZero():
		return errors.New("node: invalid record: no server or no leader")
	case len(r.Client) > maxClient || !utf8.ValidString(r.Client):
		return errors.New("node: invalid record: client name is too long or no UTF-8")
	case len(r.Owner) > maxOwner:
		return fmt.Errorf("node: invalid record: owner of %d bytes", len(r.Owner))
	case r.Size > maxSize:
		return fmt.Errorf("node: invalid record: image of %d bytes", r.Size)
	case r.State == wire.Done && r.Result.IsZero():
		return errors.New("node: invalid record: DONE without a result")
	}
	return nil
}

// Merge returns the greater of two records of one job. The order is total and looks at nothing but the records, so
// merging is commutative, associative and idempotent, and ledgers that have seen the same records are equal (PROTOCOL.md §8).
func Merge(a, b wire.Record) wire.Record {
	if compareRecords(a, b) < 0 {
		return b
	}
	return a
}

// compareRecords orders two records of one job; zero means that they are equal in every field.
func compareRecords(a, b wire.Record) int {
	if c := cmp.Or(
		cmp.Compare(finality(a.State), finality(b.State)),
		cmp.Compare(a.Attempt, b.Attempt),
		cmp.Compare(a.State, b.State), // Assigned < Running < Failed < Done
		cmp.Compare(a.Epoch, b.Epoch),
		a.Leader.Compare(b.Leader),
		a.Server.Compare(b.Server),
	); c != 0 {
		return c
	}
	var p, q [recordSize + maxClient + maxOwner + 4]byte
	return bytes.Compare(appendRecord(p[:0], a), appendRecord(q[:0], b))
}

// finality ranks the two states that no later attempt can take back above all others.
func finality(s wire.State) int {
	switch s {
	case wire.Acked:
		return 2
	case wire.Cancelled:
		return 1
	}
	return 0
}

// recordSize is the length of the fields of fixed length; the two of variable length follow them.
const recordSize = 16 + 4 + 1 + 8 + 16 + 16 + 8 + 8 + 32 + 1

// appendRecord appends the one byte form of a record that all nodes share: what decides between records that differ in
// nothing else, what the digests are made of, and what the store keeps. Different records have different forms.
func appendRecord(p []byte, r wire.Record) []byte {
	p = append(p, r.Job[:]...)
	p = binary.BigEndian.AppendUint32(p, r.Attempt)
	p = append(p, byte(r.State))
	p = binary.BigEndian.AppendUint64(p, r.Epoch)
	p = append(p, r.Leader[:]...)
	p = append(p, r.Server[:]...)
	p = binary.BigEndian.AppendUint64(p, r.Request)
	p = binary.BigEndian.AppendUint64(p, r.Size)
	p = append(p, r.Result[:]...)
	p = append(p, byte(r.Code))
	p = appendBytes(p, []byte(r.Client))
	return appendBytes(p, r.Owner)
}

func appendBytes(p, b []byte) []byte {
	p = binary.AppendUvarint(p, uint64(len(b)))
	return append(p, b...)
}

// parseRecord reads what appendRecord wrote.
func parseRecord(p []byte) (r wire.Record, err error) {
	if len(p) < recordSize {
		return r, fmt.Errorf("record of %d bytes", len(p))
	}
	p = p[copy(r.Job[:], p):]
	r.Attempt, p = binary.BigEndian.Uint32(p), p[4:]
	r.State, p = wire.State(p[0]), p[1:]
	r.Epoch, p = binary.BigEndian.Uint64(p), p[8:]
	p = p[copy(r.Leader[:], p):]
	p = p[copy(r.Server[:], p):]
	r.Request, p = binary.BigEndian.Uint64(p), p[8:]
	r.Size, p = binary.BigEndian.Uint64(p), p[8:]
	p = p[copy(r.Result[:], p):]
	r.Code, p = wire.Code(p[0]), p[1:]
	client, p, err := cutBytes(p)
	if err != nil {
		return r, fmt.Errorf("record's client: %w", err)
	}
	owner, p, err := cutBytes(p)
	if err != nil {
		return r, fmt.Errorf("record's owner: %w", err)
	}
	if len(p) > 0 {
		return r, fmt.Errorf("record with %d bytes after it", len(p))
	}
	r.Client = string(client)
	if len(owner) > 0 {
		r.Owner = bytes.Clone(owner)
	}
	return r, nil
}

func cutBytes(p []byte) (b, rest []byte, err error) {
	n, size := binary.Uvarint(p)
	if size <= 0 || n > uint64(len(p)-size) {
		return nil, nil, errors.New("cut off")
	}
	end := size + int(n)
	return p[size:end], p[end:], nil
}
