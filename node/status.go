package node

import "time"

// StatusSchema names the form of Status in JSON.
const StatusSchema = "p2pnode/status/v1"

// Status is what one server knows of its cluster; its JSON form is a contract (design: `status --json`).
type Status struct {
	Schema  string       `json:"schema"`
	Cluster string       `json:"cluster"`
	ID      string       `json:"cluster_id"`
	Leader  *string      `json:"leader"` // name; nil: none
	Epoch   uint64       `json:"epoch"`
	Self    string       `json:"self"`
	Version string       `json:"version,omitempty"` // of its program
	Time    time.Time    `json:"time"`              // its wall clock
	Quorum  string       `json:"quorum"`
	Clients string       `json:"clients"` // open | token
	Ready   bool         `json:"ready"`   // an assignment asked of the leader now would be answered
	Reason  string       `json:"reason,omitempty"`
	Nodes   []NodeStatus `json:"nodes"` // sorted by name, self included
	Jobs    JobsStatus   `json:"jobs"`
	Ledger  LedgerStatus `json:"ledger"`
}

// NodeStatus is one row of Status.
type NodeStatus struct {
	Name    string  `json:"name"`
	ID      string  `json:"id"`
	State   string  `json:"state"` // alive | suspect | dead
	Role    string  `json:"role"`  // leader | follower | candidate
	Control string  `json:"control"`
	Data    string  `json:"data"`
	Load    float64 `json:"load"`   // percent
	CPU     float64 `json:"cpu"`    // percent
	Memory  float64 `json:"memory"` // percent used
	Jobs    int     `json:"jobs"`   // running there
	Done    uint64  `json:"done"`   // since its start
	RTT     float64 `json:"rtt_ms"`
	Seen    float64 `json:"seen_ms"` // since it was last heard
	PID     int     `json:"pid"`
}

// JobsStatus counts the ledger's live records.
type JobsStatus struct {
	Assigned int `json:"assigned"`
	Running  int `json:"running"`
	Done     int `json:"done"` // stored, not yet acknowledged
}

// LedgerStatus tells whether two nodes hold the same ledger: the digests are equal then.
type LedgerStatus struct {
	Records int    `json:"records"`
	Digest  string `json:"digest"`
}
