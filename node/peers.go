package node

import "time"

// PeersSchema names the form of Peers in JSON (PROTOCOL.md §9.5).
const PeersSchema = "p2pnode/peers/v1"

// Peers is what one node knows of the others, and of its sessions with them.
type Peers struct {
	Schema string     `json:"schema"`
	Node   string     `json:"node"` // name of the node that tells
	ID     string     `json:"id"`
	Boot   string     `json:"boot"` // of its process; hex
	Peers  []PeerInfo `json:"peers"`
}

// PeerInfo is one peer.
type PeerInfo struct {
	Name    string       `json:"name"`
	ID      string       `json:"id"`
	State   string       `json:"state"` // alive | suspect | dead
	Role    string       `json:"role"`  // leader | follower | candidate
	Control []string     `json:"control"`
	Data    []string     `json:"data"`
	Seen    float64      `json:"seen_ms"` // since it was last heard
	Session *PeerSession `json:"session"` // null: there is none
}

// PeerSession is the reliable conversation with one process of a peer.
type PeerSession struct {
	Boot            string    `json:"boot"`    // of that process; hex
	Address         string    `json:"address"` // where its datagrams come from
	Since           time.Time `json:"since"`
	RTT             float64   `json:"rtt_ms"`
	Queued          int       `json:"queued"` // reliable messages not yet acknowledged
	DatagramsIn     uint64    `json:"datagrams_in"`
	DatagramsOut    uint64    `json:"datagrams_out"`
	BytesIn         uint64    `json:"bytes_in"`
	BytesOut        uint64    `json:"bytes_out"`
	Retransmissions uint64    `json:"retransmissions"`
	Loss            float64   `json:"loss_ratio"` // messages sent again, of the datagrams sent: what the path loses, estimated from above
	MinVersion      uint8     `json:"min_version"`
	MaxVersion      uint8     `json:"max_version"`
	Features        uint64    `json:"features"` // bits
}
