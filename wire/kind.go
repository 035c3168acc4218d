package wire

import "fmt"

// rule is one row of the message table (PROTOCOL.md §3): anything not in it is dropped.
type rule struct {
	name     string
	reliable bool // CON: retransmitted until acknowledged, delivered once
	held     bool // CON whose acknowledgement the core releases
	says     sayer
	parse    func([]byte) (Message, error)
}

// sayer is a set of those who may say a message.
type sayer uint8

const (
	peers   sayer = 1 << iota // a server to a server, under K_server
	asks                      // a client to a server, under a client key
	answers                   // a server to a client, under a client key
)

// kindRoom leaves rows for versions to come.
const kindRoom = 32

var rules = [kindRoom]rule{
	KindHello:                  {name: "Hello", says: peers | asks, parse: parse[Hello]},
	KindHelloAck:               {name: "HelloAck", says: peers | answers, parse: parse[HelloAck]},
	KindPing:                   {name: "Ping", says: peers, parse: parse[Ping]},
	KindPong:                   {name: "Pong", says: peers, parse: parse[Pong]},
	KindPingReq:                {name: "PingReq", says: peers, parse: parse[PingReq]},
	KindLeave:                  {name: "Leave", says: peers, parse: parse[Leave], reliable: true},
	KindHeartbeat:              {name: "Heartbeat", says: peers, parse: parse[Heartbeat]},
	KindElection:               {name: "Election", says: peers, parse: parse[Election], reliable: true},
	KindAlive:                  {name: "Alive", says: peers, parse: parse[Alive], reliable: true},
	KindGrant:                  {name: "Grant", says: peers, parse: parse[Grant], reliable: true},
	KindLeaderAlive:            {name: "LeaderAlive", says: peers, parse: parse[LeaderAlive], reliable: true},
	KindEpochBehind:            {name: "EpochBehind", says: peers, parse: parse[EpochBehind], reliable: true},
	KindCoordinator:            {name: "Coordinator", says: peers, parse: parse[Coordinator], reliable: true},
	KindLeaderQuery:            {name: "LeaderQuery", says: asks, parse: parse[LeaderQuery]},
	KindLeaderResponse:         {name: "LeaderResponse", says: answers, parse: parse[LeaderResponse]},
	KindTaskAssignmentRequest:  {name: "TaskAssignmentRequest", says: asks, parse: parse[TaskAssignmentRequest]},
	KindTaskAssignmentResponse: {name: "TaskAssignmentResponse", says: answers, parse: parse[TaskAssignmentResponse]},
	KindNotLeader:              {name: "NotLeader", says: answers, parse: parse[NotLeader]},
	KindBusy:                   {name: "Busy", says: answers, parse: parse[Busy]},
	KindTaskStatusQuery:        {name: "TaskStatusQuery", says: asks, parse: parse[TaskStatusQuery]},
	KindTaskStatusResponse:     {name: "TaskStatusResponse", says: answers, parse: parse[TaskStatusResponse]},
	KindTaskMoved:              {name: "TaskMoved", says: answers, parse: parse[TaskMoved]},
	KindHistoryAdd:             {name: "HistoryAdd", says: peers, parse: parse[HistoryAdd], reliable: true, held: true},
	KindHistoryRemove:          {name: "HistoryRemove", says: peers, parse: parse[HistoryRemove], reliable: true, held: true},
	KindHistoryDigest:          {name: "HistoryDigest", says: peers, parse: parse[HistoryDigest], reliable: true},
	KindHistoryPull:            {name: "HistoryPull", says: peers, parse: parse[HistoryPull], reliable: true},
	KindHistoryChunk:           {name: "HistoryChunk", says: peers, parse: parse[HistoryChunk], reliable: true, held: true},
	KindRotateToken:            {name: "RotateToken", says: peers, parse: parse[RotateToken], reliable: true},
	KindRotateAccept:           {name: "RotateAccept", says: peers, parse: parse[RotateAccept], reliable: true},
}

// kindVoid keeps message ids dense where a message was given up: it is acknowledged and skipped.
const kindVoid Kind = 0

// rule returns the row of k, nil for a kind this version does not know.
func (k Kind) rule() *rule {
	if int(k) >= len(rules) || rules[k].parse == nil {
		return nil
	}
	return &rules[k]
}

// String returns the message's name in PROTOCOL.md.
func (k Kind) String() string {
	if r := k.rule(); r != nil {
		return r.name
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Reliable reports whether m is retransmitted until acknowledged. Only EpochBehind is either: it is when it answers an
// Election, and not when it answers a heartbeat, which repeats.
func Reliable(m Message) bool {
	if b, ok := m.(EpochBehind); ok {
		return b.Phase != 0
	}
	r := m.Kind().rule()
	return r != nil && r.reliable
}

// allowed reports whether a datagram under authority a may carry kind k to an endpoint that is a server or a client.
func (r *rule) allowed(a Authority, server bool) bool {
	switch {
	case a == AuthorityPeer:
		return r.says&peers != 0
	case server:
		return r.says&asks != 0
	}
	return r.says&answers != 0
}
