package node

import (
	"testing"
	"time"

	"p2pnode/wire"
)

// A node that is started again within the time that an acknowledged result stays does not begin to count anew: started
// often enough it would keep them all.
func TestRestartsDoNotKeepAcknowledgedResults(t *testing.T) {
	s, x, _ := aNode(t)
	acked, job := s.now, jobOf(1)
	snapshot := Snapshot{
		Records: []wire.Record{recordAt(x, 1, wire.Acked)}, Since: map[wire.JobID]time.Time{job: acked},
		Mine: map[wire.JobID]Mine{job: {Job: job, Size: 4, Since: acked}},
	}
	for restart := range 4 {
		age := time.Duration(restart) * ackedKept / 3
		x.core.mine, x.core.acked = map[wire.JobID]*Mine{}, nil
		x.core.restore(acked.Add(age), snapshot)
		x.core.evict(acked.Add(age))
		if held := x.core.mine[job] != nil; held != (age < ackedKept) {
			t.Errorf("started %v after the acknowledgement: held %v", age, held)
		}
	}
	x.core.restore(acked.Add(-time.Hour), snapshot) // the clock was set back
	x.core.evict(acked.Add(-time.Hour + ackedKept))
	if x.core.mine[job] != nil {
		t.Errorf("held for longer than %v after a clock was set back", ackedKept)
	}
}

// A job that finds the disk full makes room for the next: results that were acknowledged go at once.
func TestFullDiskLetsAcknowledgedResultsGo(t *testing.T) {
	s, x, r := aNode(t)
	for job, state := range map[uint8]wire.State{1: wire.Acked, 2: wire.Done} {
		x.core.ledger.Merge(s.now, recordAt(x, job, state))
		d := made(t, r, state.String())
		x.core.finish(s.now, jobOf(job), outcome{Mine: Mine{Result: d, Size: 4, Since: s.now}})
	}
	x.core.ledger.Merge(s.now, recordAt(x, 3, wire.Running))
	if _, err := x.core.finish(s.now, jobOf(3), outcome{Code: wire.CodeIO}); err != nil {
		t.Fatal(err)
	}
	if x.core.mine[jobOf(1)] != nil || x.core.mine[jobOf(2)] == nil {
		t.Errorf("results after the disk was full: %v", x.core.mine)
	}
}
