package node

import (
	"maps"

	"p2pnode/wire"
)

// crashImage is what a store holds.
type crashImage struct {
	promised uint64
	voted    wire.NodeID
	records  map[wire.JobID]wire.Record
	mine     map[wire.JobID]Mine
}

func imageOf(s Snapshot) crashImage {
	i := crashImage{promised: s.Promised, voted: s.Voted, records: map[wire.JobID]wire.Record{}, mine: s.Mine}
	for _, r := range s.Records {
		i.records[r.Job] = r
	}
	if i.mine == nil {
		i.mine = map[wire.JobID]Mine{}
	}
	return i
}

// with returns the image after a batch, which holds no vote below the promised one.
func (i crashImage) with(b Batch) crashImage {
	i.records, i.mine = maps.Clone(i.records), maps.Clone(i.mine)
	if b.Epoch != nil {
		i.promised, i.voted = b.Epoch.Epoch, b.Epoch.For
	}
	for _, r := range b.Records {
		i.records[r.Job] = r
	}
	for _, job := range b.Forget {
		delete(i.records, job)
	}
	for _, m := range b.Mine {
		i.mine[m.Job] = m
	}
	for _, job := range b.Unmine {
		delete(i.mine, job)
	}
	return i
}

func (i crashImage) wanted(d wire.Digest) bool {
	for _, m := range i.mine {
		if m.Result == d {
			return true
		}
	}
	return false
}
