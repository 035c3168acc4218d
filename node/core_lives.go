package node

import (
	"cmp"
	"slices"
	"time"

	"p2pnode/wire"
)

// step is one change of a job's record, as this node came to know of it.
type step struct {
	at             time.Time
	state          wire.State
	code           wire.Code
	attempt        uint32
	epoch          uint64
	leader, server wire.NodeID
}

// life is what a node saw of one job.
type life struct {
	index uint64 // in the order of jobs
	steps []step // the first ones and the newest, at most maxSteps
	cut   bool   // some between them are kept no more, or the node came late
}

const (
	maxLives = 16384 // jobs whose life is kept: the newest
	maxSteps = 16    // of one job
)

// lives are the jobs a node knows of, in the order in which it met them: a window over a series that never ends.
type lives struct {
	byJob map[wire.JobID]*life
	order []wire.JobID // the job met n-th is at n modulo maxLives
	next  uint64       // jobs ever met
}

func newLives() lives { return lives{byJob: map[wire.JobID]*life{}} }

// oldest returns the index of the first job kept.
func (l *lives) oldest() uint64 { return l.next - uint64(len(l.order)) }

// meet returns the life of a job, a new one if the job was not known.
func (l *lives) meet(job wire.JobID) *life {
	if f := l.byJob[job]; f != nil {
		return f
	}
	f := &life{index: l.next}
	if len(l.order) < maxLives {
		l.order = append(l.order, job)
	} else {
		at := &l.order[l.next%maxLives]
		delete(l.byJob, *at)
		*at = job
	}
	l.next++
	l.byJob[job] = f
	return f
}

// last returns the newest step; the zero step if there is none.
func (f *life) last() step {
	if len(f.steps) == 0 {
		return step{}
	}
	return f.steps[len(f.steps)-1]
}

// add appends a step. Of a job that moves for ever the first steps and the newest are kept.
func (f *life) add(s step) {
	if len(f.steps) == maxSteps {
		f.steps = slices.Delete(f.steps, maxSteps/2, maxSteps/2+1)
		f.cut = true
	}
	f.steps = append(f.steps, s)
}

func stepOf(at time.Time, r wire.Record) step {
	return step{at: at, state: r.State, code: r.Code, attempt: r.Attempt, epoch: r.Epoch, leader: r.Leader, server: r.Server}
}

// repeats reports whether s tells of a job what before did, under another leadership perhaps.
func (s step) repeats(before step) bool {
	return s.state == before.state && s.attempt == before.attempt && s.server == before.server
}

// kind is the event that a step is.
func (s step) kind() EventKind {
	switch s.state {
	case wire.Assigned:
		if s.attempt > 1 {
			return JobMoved
		}
		return JobAssigned
	case wire.Running:
		return JobRunning
	case wire.Done:
		return JobDone
	case wire.Acked:
		return JobAcked
	case wire.Cancelled:
		return JobCancelled
	}
	return JobFailed
}

// noteJob adds a record that has just been taken in to its job's life, and makes an event of it. What was pulled from a
// peer, of a job not met before that has come to its end, is old: it is no news.
func (c *core) noteJob(now time.Time, r wire.Record, pulled bool) {
	held, known := c.ledger.Get(r.Job)
	if !known || held.State != r.State || held.Attempt != r.Attempt {
		return // the job has come further: this only revives its tombstone
	}
	f := c.lives.meet(r.Job)
	before, s := f.last(), stepOf(now, r)
	if s.repeats(before) {
		return
	}
	met := len(f.steps) > 0
	f.cut = f.cut || !met && pulled
	f.add(s)
	if pulled && !met && !working(r.State) {
		return
	}
	e := event{kind: s.kind(), job: r.Job, attempt: s.attempt, epoch: s.epoch, leader: s.leader, server: s.server, code: s.code}
	if e.kind == JobMoved && before.server != s.server {
		e.from = before.server
	}
	c.note(now, e)
}

// recall makes lives of what an earlier process stored: of each job its present state, and since when.
func (c *core) recall(now time.Time, since map[wire.JobID]time.Time) {
	type known struct {
		job wire.JobID
		s   step
	}
	var all []known
	for r := range c.ledger.All() {
		all = append(all, known{r.Job, stepOf(earliest(now, since[r.Job]), r)})
	}
	slices.SortFunc(all, func(a, b known) int { return cmp.Or(a.s.at.Compare(b.s.at), a.job.Compare(b.job)) })
	for _, k := range all[max(0, len(all)-maxLives):] {
		f := c.lives.meet(k.job)
		f.cut = true
		f.add(k.s)
	}
}
