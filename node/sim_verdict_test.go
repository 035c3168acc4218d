package node

import (
	"fmt"
	"slices"
	"strings"

	"p2pnode/wire"
)

// done reports whether every job of a client that lives has ended.
func (r *swarmRun) done() bool {
	for _, c := range r.s.clients {
		if !c.dead && slices.ContainsFunc(c.list, pending) {
			return false
		}
	}
	return true
}

func pending(j *simJob) bool { return j.results == 0 && j.refused == wire.CodeOK }

// undone names the jobs of living clients that have not.
func (r *swarmRun) undone() string {
	var names []string
	for _, c := range r.s.clients {
		for _, j := range c.list {
			if !c.dead && pending(j) {
				names = append(names, fmt.Sprintf("%s of %s", brief(j.id), c.name))
			}
		}
	}
	return strings.Join(names, ", ")
}

// results: a client has exactly one for each job; one that died has one at most, and one that asks about a job whose record
// was forged is refused at worst.
func (r *swarmRun) results() {
	for _, c := range r.s.clients {
		for _, j := range c.list {
			least := 1
			if c.dead || r.check.poisoned[j.id] {
				least = 0
			}
			if j.results < least || j.results > 1 {
				r.check.fail("job %s of %s: %d results, refused: %v", brief(j.id), c.name, j.results, j.refused)
			}
		}
	}
}

// orphans: what clients have left behind ends too, as DONE, or as FAILED when nobody has come for so long.
func (r *swarmRun) orphans() {
	if r.finished() {
		return
	}
	if !r.s.run(max(r.s.upload, r.s.absent)+adoptAfter+3*sweepEvery, r.finished) {
		r.check.fail("jobs are unfinished long after their clients have gone: %s", r.unfinished())
	}
}

func (r *swarmRun) finished() bool {
	return !slices.ContainsFunc(r.s.nodes, func(x *simNode) bool {
		return x.core == nil || x.core.ledger.Count(wire.Assigned)+x.core.ledger.Count(wire.Running) > 0
	})
}

// unfinished names the jobs that some ledger has as ASSIGNED or RUNNING.
func (r *swarmRun) unfinished() string {
	var names []string
	for _, x := range r.s.nodes {
		for rec := range x.core.ledger.All() {
			if working(rec.State) {
				names = append(names, fmt.Sprintf("%s, %v/%d, at %s", brief(rec.Job), rec.State, rec.Attempt, x.name))
			}
		}
	}
	return strings.Join(names, "; ")
}
