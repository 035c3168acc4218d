package node

import (
	"strings"
	"time"

	"p2pnode/wire"
)

// The forms of jobs in JSON (PROTOCOL.md §9.5).
const (
	JobsSchema = "p2pnode/jobs/v1"
	JobSchema  = "p2pnode/job/v1"
)

// JobRecord is one job as the ledger of a node has it.
type JobRecord struct {
	Job     string    `json:"job"`   // its id, hex
	State   string    `json:"state"` // assigned | running | done | acked | failed | cancelled
	Attempt uint32    `json:"attempt"`
	Epoch   uint64    `json:"epoch"` // of the leader that assigned the attempt
	Leader  string    `json:"leader"`
	Server  string    `json:"server"`
	Client  string    `json:"client,omitempty"`  // the name it gave itself
	Request uint64    `json:"request,omitempty"` // its own number for the job
	Size    uint64    `json:"size,omitempty"`    // of the image, bytes
	Code    string    `json:"code,omitempty"`    // why it failed or was cancelled
	First   time.Time `json:"first"`             // when the node that tells first heard of the job
	Since   time.Time `json:"since"`             // since when it has known the present state
}

// Jobs is a page of the ledger, newest jobs first.
type Jobs struct {
	Schema  string         `json:"schema"`
	Node    string         `json:"node"`    // name of the node that tells
	Scope   Scope          `json:"scope"`   // whose jobs are in it
	Records int            `json:"records"` // in the whole ledger
	Counts  map[string]int `json:"counts"`  // of them, by state
	Jobs    []JobRecord    `json:"jobs"`
	Next    uint64         `json:"next"` // JobsQuery.Page of older ones; 0: there are none
}

// JobLife is one job and what a node saw of its life.
type JobLife struct {
	Schema string `json:"schema"`
	Node   string `json:"node"`
	Scope  Scope  `json:"scope"`
	JobRecord
	Complete bool      `json:"complete"` // the node saw all of it from the first assignment on
	Life     []JobStep `json:"life"`     // oldest first
}

// JobStep is one change of a job, as a node came to know of it.
type JobStep struct {
	Time    time.Time `json:"time"`
	Kind    EventKind `json:"kind"`
	Attempt uint32    `json:"attempt"`
	Epoch   uint64    `json:"epoch"`
	Leader  string    `json:"leader"`
	Server  string    `json:"server"`
	Code    string    `json:"code,omitempty"`
}

// JobsQuery asks for a page of jobs.
type JobsQuery struct {
	State wire.State // only jobs in it. If zero, all.
	Max   int        // of one page. If zero, 100; never more than 1000. A page may hold fewer although there are older jobs.
	Page  uint64     // what Jobs.Next said. If zero, the newest.
	Scope Scope      // If empty, all.

	owner []byte // whose jobs count as own
}

const (
	jobsPage    = 100
	maxJobsPage = 1000
	maxJobsScan = 4096 // jobs looked at for one page
)

func (q JobsQuery) bounded() JobsQuery {
	orElse(&q.Max, jobsPage)
	q.Max = min(max(q.Max, 1), maxJobsPage)
	orElse(&q.Scope, ScopeAll)
	return q
}

// states are all that a record can be in.
var states = [...]wire.State{wire.Assigned, wire.Running, wire.Failed, wire.Done, wire.Cancelled, wire.Acked}

func stateName(s wire.State) string { return strings.ToLower(s.String()) }

// ParseState returns the state of a name that JobRecord.State may have.
func ParseState(name string) (s wire.State, ok bool) {
	for _, s := range states {
		if stateName(s) == name {
			return s, true
		}
	}
	return 0, false
}
