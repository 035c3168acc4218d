package node

import (
	"time"

	"p2pnode/wire"
)

// EventsSchema names the form of events in JSON (PROTOCOL.md §9.5).
const EventsSchema = "p2pnode/events/v1"

// EventKind says what happened. The names are a contract.
type EventKind string

// The kinds of events.
const (
	NodeStarted  EventKind = "node-started"
	NodePaused   EventKind = "node-paused"   // its loop was late; seconds: by how much
	NodeResumed  EventKind = "node-resumed"  // its machine slept
	NodeStopping EventKind = "node-stopping" // it takes no more jobs, and will leave
	FaultBegun   EventKind = "fault-begun"   // deaf and mute on purpose; seconds: for how long
	FaultEnded   EventKind = "fault-ended"
	SteppedDown  EventKind = "leader-stepped-down" // this node gave up the lead because it was told to

	ElectionStarted EventKind = "election-started" // this node campaigns, for the first time since a leader was known
	LeaderElected   EventKind = "leader-elected"   // seconds: since the old leader was last heard
	LeaderConfirmed EventKind = "leader-confirmed" // the same leader at a higher epoch
	LeaderLost      EventKind = "leader-lost"

	PeerJoined    EventKind = "peer-joined"    // met for the first time
	PeerSuspected EventKind = "peer-suspected" // silent for too long, but not yet given up
	PeerRecovered EventKind = "peer-recovered" // heard again; seconds: since it was held dead or left, if it was
	PeerFailed    EventKind = "peer-failed"    // held dead
	PeerLeft      EventKind = "peer-left"      // of its own will
	PeerRestarted EventKind = "peer-restarted" // a new process, or one that slept

	JobAssigned  EventKind = "job-assigned"
	JobMoved     EventKind = "job-moved" // assigned anew; from: the server that had it
	JobRunning   EventKind = "job-running"
	JobDone      EventKind = "job-done"
	JobAcked     EventKind = "job-acked"
	JobCancelled EventKind = "job-cancelled"
	JobFailed    EventKind = "job-failed"
)

// Event is one thing that happened, as one node saw it. What does not apply is left out of its JSON form.
type Event struct {
	Seq     uint64    `json:"seq"` // from 1, without gaps, in every run of a node
	Time    time.Time `json:"time"`
	Node    string    `json:"node"` // name of the node that saw it
	Kind    EventKind `json:"kind"`
	Peer    string    `json:"peer,omitempty"` // name of the peer it is about
	Leader  string    `json:"leader,omitempty"`
	Epoch   uint64    `json:"epoch,omitempty"`
	Job     string    `json:"job,omitempty"` // its id, hex
	Attempt uint32    `json:"attempt,omitempty"`
	Server  string    `json:"server,omitempty"`  // of the job's attempt
	From    string    `json:"from,omitempty"`    // of the attempt before
	Code    string    `json:"code,omitempty"`    // why a job failed or was cancelled
	Seconds float64   `json:"seconds,omitempty"` // how long something took, or will
}

// Events is a page of what one node saw, oldest first.
type Events struct {
	Schema string  `json:"schema"`
	Node   string  `json:"node"`  // name of the node that tells
	Run    string  `json:"run"`   // changes when that node is started anew: sequence numbers then begin at 1 again
	Scope  Scope   `json:"scope"` // whose jobs are in it
	Last   uint64  `json:"last"`  // where to go on: EventsQuery.After of the next page
	Newest uint64  `json:"newest"`
	Lost   uint64  `json:"lost"` // events after After that are kept no more
	Events []Event `json:"events"`
}

// EventsQuery asks for a page of events.
type EventsQuery struct {
	After uint64        // only later ones. If zero, from the oldest kept.
	Run   string        // what Events.Run said when After was learnt: another run begins at its first. If empty, the present run.
	Max   int           // of one page. If zero, 256; never more than 1024.
	Wait  time.Duration // how long to wait for the next one where there is none yet. If zero, not at all; never more than 30 s.
	Job   wire.JobID    // only this job's. If zero, all.
	Scope Scope         // If empty, all.

	owner []byte // whose jobs count as own
}

const (
	eventsPage    = 256
	maxEventsPage = 1024
	maxEventsWait = 30 * time.Second
)

// bounded fills in and limits what a query asks for.
func (q EventsQuery) bounded() EventsQuery {
	orElse(&q.Max, eventsPage)
	q.Max = min(max(q.Max, 1), maxEventsPage)
	q.Wait = min(max(q.Wait, 0), maxEventsWait)
	orElse(&q.Scope, ScopeAll)
	return q
}

// Scope says how much of other clients' jobs an answer shows (PROTOCOL.md §9.5).
type Scope string

// The scopes.
const (
	ScopeAll    Scope = "all"    // for holders of the peer token
	ScopeOwn    Scope = "own"    // only jobs of the asker's address
	ScopePublic Scope = "public" // all jobs, but of none who asked for it, under which number, and how large the image is
)
