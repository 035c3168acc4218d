package wire

import "net/netip"

// Kind numbers a message type on the wire. Numbers are never reused.
type Kind uint8

const (
	KindHello Kind = iota + 1
	KindHelloAck
	KindPing
	KindPong
	KindPingReq
	KindLeave
	KindHeartbeat
	KindElection
	KindAlive
	KindGrant
	KindLeaderAlive
	KindEpochBehind
	KindCoordinator
	KindLeaderQuery
	KindLeaderResponse
	KindTaskAssignmentRequest
	KindTaskAssignmentResponse
	KindNotLeader
	KindBusy
	KindTaskStatusQuery
	KindTaskStatusResponse
	KindTaskMoved
	KindHistoryAdd
	KindHistoryRemove
	KindHistoryDigest
	KindHistoryPull
	KindHistoryChunk
	KindRotateToken
	KindRotateAccept
)

// Message is one of the structs of this file.
type Message interface{ Kind() Kind }

// Features are bits of Hello: what its sender takes part in beyond the first version (PROTOCOL.md §3.3).
const (
	FeatureRotation uint64 = 1 << iota // RotateToken, RotateAccept, and Election with Giver
)

// Hello opens a session: a challenge that only a live holder of the key can answer (PROTOCOL.md §4).
// From a peer it introduces the sender; Echo returns the other side's cookie.
type Hello struct {
	MinVersion uint8            `cbor:"1,keyasint"`
	MaxVersion uint8            `cbor:"2,keyasint"`
	Features   uint64           `cbor:"3,keyasint,omitempty"`
	Name       string           `cbor:"4,keyasint,omitempty"`
	Control    []netip.AddrPort `cbor:"5,keyasint,omitempty"` // where the sender hears datagrams; unspecified IP: the source's
	Data       []netip.AddrPort `cbor:"6,keyasint,omitempty"` // where it takes QUIC
	Cookie     []byte           `cbor:"7,keyasint,omitempty"` // mine, to be echoed
	Echo       []byte           `cbor:"8,keyasint,omitempty"` // yours
	Pad        []byte           `cbor:"9,keyasint,omitempty"`
}

// HelloAck answers Hello; Refused is set when the session will not be (a name or id already held by a live peer).
type HelloAck struct {
	Hello
	Refused Code   `cbor:"20,keyasint,omitempty"`
	Detail  string `cbor:"21,keyasint,omitempty"`
}

// Ping asks a peer for proof of life; Pong returns Sequence. From a leader it also renews the lease (PROTOCOL.md §6 L5).
type Ping struct {
	Sequence uint64 `cbor:"1,keyasint"`
	Epoch    uint64 `cbor:"2,keyasint,omitempty"`
	Leader   NodeID `cbor:"3,keyasint"` // whom the sender holds to lead; zero: nobody
}

// Pong answers Ping, or, with Target set, tells that Target answered a ping sent on behalf of a PingReq.
type Pong struct {
	Sequence uint64 `cbor:"1,keyasint"`
	Epoch    uint64 `cbor:"2,keyasint,omitempty"`
	Leader   NodeID `cbor:"3,keyasint"`
	Target   NodeID `cbor:"4,keyasint"`
}

// PingReq asks a peer to ping Target for the sender.
type PingReq struct {
	Target   NodeID `cbor:"1,keyasint"`
	Sequence uint64 `cbor:"2,keyasint"`
}

// Leave says that the sender stops now, of its own will.
type Leave struct {
	Epoch uint64 `cbor:"1,keyasint,omitempty"`
}

// Role is what a node is in the election.
type Role uint8

const (
	Follower Role = iota
	Candidate
	Leader
)

// String returns the word that status shows.
func (r Role) String() string { return [...]string{"follower", "candidate", "leader"}[min(r, 2)] }

// Load is what a node reports of itself. Percentages are in hundredths (centi-percent).
type Load struct {
	Score  uint16 `cbor:"1,keyasint"`           // 0.5·CPU + 0.3·min(tasks/10,1)·100 + 0.2·(100 − available memory %)
	CPU    uint16 `cbor:"2,keyasint,omitempty"` // used
	Memory uint16 `cbor:"3,keyasint,omitempty"` // used
	Active uint16 `cbor:"4,keyasint,omitempty"` // jobs running
}

// Heartbeat is sent to every live peer each heartbeat interval.
type Heartbeat struct {
	Sequence uint64 `cbor:"1,keyasint"`
	Epoch    uint64 `cbor:"2,keyasint"`
	Leader   NodeID `cbor:"3,keyasint"` // zero: none
	Role     Role   `cbor:"4,keyasint,omitempty"`
	Load     Load   `cbor:"5,keyasint"`
	Digest   uint64 `cbor:"6,keyasint,omitempty"` // of the ledger
	Count    uint32 `cbor:"7,keyasint,omitempty"` // records in it
	View     uint16 `cbor:"8,keyasint,omitempty"` // live nodes in the sender's view, itself included
	Echo     uint64 `cbor:"9,keyasint,omitempty"` // sequence of the newest heartbeat or ping heard from Leader
	Done     uint64 `cbor:"10,keyasint,omitempty"`
	PID      uint32 `cbor:"11,keyasint,omitempty"`
	Met      []Node `cbor:"12,keyasint,omitempty"` // some of its live peers by turns, in some heartbeats: id and control addresses
}

// Phase is the round of an Election.
type Phase uint8

const (
	Pre  Phase = iota + 1 // asks whether a vote would succeed; raises no epoch
	Vote                  // asks for the promise
)

// Priority orders candidates; lower is better.
type Priority struct {
	Bucket uint8  `cbor:"1,keyasint,omitempty"` // load in steps of five points, frozen for the campaign
	ID     NodeID `cbor:"2,keyasint"`
}

// Compare returns -1 when p is the better candidate.
func (p Priority) Compare(q Priority) int {
	if p.Bucket != q.Bucket {
		if p.Bucket < q.Bucket {
			return -1
		}
		return 1
	}
	return p.ID.Compare(q.ID)
}

// Election asks a peer for its word in one phase of a campaign.
type Election struct {
	Phase    Phase    `cbor:"1,keyasint"`
	Epoch    uint64   `cbor:"2,keyasint"`
	Priority Priority `cbor:"3,keyasint"`
	Giver    NodeID   `cbor:"4,keyasint,omitzero"` // vote: the leader that has handed its office to the sender; zero: nobody
}

// Alive tells a candidate that a better one campaigns.
type Alive struct {
	Phase Phase  `cbor:"1,keyasint"`
	Epoch uint64 `cbor:"2,keyasint"`
}

// Grant gives the sender's word to a candidate for one phase and epoch.
type Grant struct {
	Phase Phase  `cbor:"1,keyasint"`
	Epoch uint64 `cbor:"2,keyasint"`
}

// LeaderAlive tells a candidate that the sender has direct evidence of a live leader.
type LeaderAlive struct {
	Phase  Phase  `cbor:"1,keyasint"`
	Epoch  uint64 `cbor:"2,keyasint"` // of the election answered
	Leader NodeID `cbor:"3,keyasint"`
	Reign  uint64 `cbor:"4,keyasint"` // the living leader's epoch
}

// EpochBehind tells a candidate or leader that the sender has promised a higher epoch.
type EpochBehind struct {
	Phase    Phase  `cbor:"1,keyasint,omitempty"` // zero: answers a heartbeat or Coordinator
	Epoch    uint64 `cbor:"2,keyasint"`           // of what is answered
	Promised uint64 `cbor:"3,keyasint"`
}

// Coordinator announces a leadership.
type Coordinator struct {
	Epoch    uint64   `cbor:"1,keyasint"`
	Leader   NodeID   `cbor:"2,keyasint"`
	Priority Priority `cbor:"3,keyasint"`
}

// Node is one server as others may reach it.
type Node struct {
	ID      NodeID           `cbor:"1,keyasint"`
	Name    string           `cbor:"2,keyasint"`
	Control []netip.AddrPort `cbor:"3,keyasint,omitempty"`
	Data    []netip.AddrPort `cbor:"4,keyasint,omitempty"`
}

// LeaderQuery asks any server who leads. Pad makes it at least as long as any answer.
type LeaderQuery struct {
	Nonce uint64 `cbor:"1,keyasint"`
	Pad   []byte `cbor:"2,keyasint,omitempty"`
}

// LeaderResponse answers LeaderQuery. Nodes[0] is the answering server. Under a client key it is a hint: only TLS proves a server.
type LeaderResponse struct {
	Nonce     uint64    `cbor:"1,keyasint"`
	Leader    NodeID    `cbor:"2,keyasint"` // zero: none yet
	Epoch     uint64    `cbor:"3,keyasint,omitempty"`
	Nodes     []Node    `cbor:"4,keyasint"`
	Cluster   ClusterID `cbor:"5,keyasint"`
	Label     string    `cbor:"6,keyasint,omitempty"` // the cluster's name
	Authority []byte    `cbor:"7,keyasint"`           // the CA's Ed25519 public key, 32 bytes; Cluster is its digest
	Cookie    []byte    `cbor:"8,keyasint"`           // proves the client's address in what it asks next
	Token     bool      `cbor:"9,keyasint,omitempty"` // jobs need a client token
	Kin       []Kin     `cbor:"10,keyasint,omitempty"`
}

// Kin is another CA by which the cluster is known, or was, because its secret is being rotated or has been (PROTOCOL.md §5.1).
type Kin struct {
	Authority []byte `cbor:"1,keyasint"`           // its Ed25519 public key, 32 bytes
	Statement []byte `cbor:"2,keyasint,omitempty"` // signed by it: LeaderResponse.Authority is its successor. Empty: accepted besides
}

// TaskAssignmentRequest asks the leader which server shall do a job. Asking again with the same job is the same question.
type TaskAssignmentRequest struct {
	Cookie  []byte   `cbor:"1,keyasint"`
	Job     JobID    `cbor:"2,keyasint"`
	Client  string   `cbor:"3,keyasint,omitempty"`
	Request uint64   `cbor:"4,keyasint,omitempty"`
	Size    uint64   `cbor:"5,keyasint,omitempty"`
	Avoid   []NodeID `cbor:"6,keyasint,omitempty"` // servers the client could not use
	Pad     []byte   `cbor:"7,keyasint,omitempty"`
}

// TaskAssignmentResponse names the server of a job's current attempt.
type TaskAssignmentResponse struct {
	Job     JobID  `cbor:"1,keyasint"`
	Attempt uint32 `cbor:"2,keyasint"`
	Epoch   uint64 `cbor:"3,keyasint"`
	Leader  NodeID `cbor:"4,keyasint"`
	Server  Node   `cbor:"5,keyasint"`
	Durable bool   `cbor:"6,keyasint,omitempty"`
}

// NotLeader sends a client on to the leader, when one is known.
type NotLeader struct {
	Job    JobID  `cbor:"1,keyasint"`
	Leader Node   `cbor:"2,keyasint"` // zero ID: none
	Epoch  uint64 `cbor:"3,keyasint,omitempty"`
}

// Busy refuses a request for now (RetryAfter in milliseconds) or, with RetryAfter zero, for good.
type Busy struct {
	Job        JobID  `cbor:"1,keyasint"`
	Code       Code   `cbor:"2,keyasint"`
	RetryAfter uint32 `cbor:"3,keyasint,omitempty"`
	Detail     string `cbor:"4,keyasint,omitempty"`
}

// TaskStatusQuery asks any server what it knows of a job.
type TaskStatusQuery struct {
	Cookie []byte `cbor:"1,keyasint"`
	Job    JobID  `cbor:"2,keyasint"`
	Pad    []byte `cbor:"3,keyasint,omitempty"`
}

// TaskStatusResponse answers TaskStatusQuery; State zero: unknown job.
type TaskStatusResponse struct {
	Job     JobID  `cbor:"1,keyasint"`
	State   State  `cbor:"2,keyasint"`
	Attempt uint32 `cbor:"3,keyasint,omitempty"`
	Epoch   uint64 `cbor:"4,keyasint,omitempty"`
	Server  Node   `cbor:"5,keyasint"`
	Code    Code   `cbor:"6,keyasint,omitempty"`
}

// TaskMoved tells a client unasked that the leader gave its job to another server.
type TaskMoved struct {
	Job     JobID  `cbor:"1,keyasint"`
	Attempt uint32 `cbor:"2,keyasint"`
	Epoch   uint64 `cbor:"3,keyasint"`
	Server  Node   `cbor:"4,keyasint"`
}

// RotateToken offers the lead to the next node of the ring (PROTOCOL.md §6.6). The sender leads Epoch.
type RotateToken struct {
	Epoch  uint64 `cbor:"1,keyasint"`
	Digest uint64 `cbor:"2,keyasint"` // of the sender's ledger
	Next   uint64 `cbor:"3,keyasint"` // the epoch that the sender will vote for the receiver in
	Number uint64 `cbor:"4,keyasint"` // counts the offers of one leadership, from 1
}

// RotateAccept takes or declines the offer of RotateToken.
type RotateAccept struct {
	Epoch    uint64 `cbor:"1,keyasint"`
	Accepted bool   `cbor:"2,keyasint"`
	Number   uint64 `cbor:"3,keyasint"`           // of the offer
	Reason   Code   `cbor:"4,keyasint,omitempty"` // why not
}

func (Hello) Kind() Kind                  { return KindHello }
func (HelloAck) Kind() Kind               { return KindHelloAck }
func (Ping) Kind() Kind                   { return KindPing }
func (Pong) Kind() Kind                   { return KindPong }
func (PingReq) Kind() Kind                { return KindPingReq }
func (Leave) Kind() Kind                  { return KindLeave }
func (Heartbeat) Kind() Kind              { return KindHeartbeat }
func (Election) Kind() Kind               { return KindElection }
func (Alive) Kind() Kind                  { return KindAlive }
func (Grant) Kind() Kind                  { return KindGrant }
func (LeaderAlive) Kind() Kind            { return KindLeaderAlive }
func (EpochBehind) Kind() Kind            { return KindEpochBehind }
func (Coordinator) Kind() Kind            { return KindCoordinator }
func (LeaderQuery) Kind() Kind            { return KindLeaderQuery }
func (LeaderResponse) Kind() Kind         { return KindLeaderResponse }
func (TaskAssignmentRequest) Kind() Kind  { return KindTaskAssignmentRequest }
func (TaskAssignmentResponse) Kind() Kind { return KindTaskAssignmentResponse }
func (NotLeader) Kind() Kind              { return KindNotLeader }
func (Busy) Kind() Kind                   { return KindBusy }
func (TaskStatusQuery) Kind() Kind        { return KindTaskStatusQuery }
func (TaskStatusResponse) Kind() Kind     { return KindTaskStatusResponse }
func (TaskMoved) Kind() Kind              { return KindTaskMoved }
func (HistoryAdd) Kind() Kind             { return KindHistoryAdd }
func (HistoryRemove) Kind() Kind          { return KindHistoryRemove }
func (HistoryDigest) Kind() Kind          { return KindHistoryDigest }
func (HistoryPull) Kind() Kind            { return KindHistoryPull }
func (HistoryChunk) Kind() Kind           { return KindHistoryChunk }
func (RotateToken) Kind() Kind            { return KindRotateToken }
func (RotateAccept) Kind() Kind           { return KindRotateAccept }
