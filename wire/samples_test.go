package wire

import "net/netip"

// Samples of every message and stream frame, with every field set: the golden vectors, the fuzz corpora and the
// round-trip tests are made of them.

func id16(b byte) (id [16]byte) {
	for i := range id {
		id[i] = b + byte(i)
	}
	return id
}

func id32(b byte) (id [32]byte) {
	for i := range id {
		id[i] = b + byte(i)
	}
	return id
}

func bytesOf(b byte, n int) []byte {
	p := id32(b)
	return p[:n]
}

var (
	alice   = NodeID(id16(0xA0))
	bob     = NodeID(id16(0xB0))
	aJob    = JobID(id16(0x10))
	v4      = netip.MustParseAddrPort("192.0.2.7:47470")
	v6      = netip.MustParseAddrPort("[2001:db8::7]:47480")
	anybody = netip.MustParseAddrPort("0.0.0.0:47480")
)

var (
	sampleHello = Hello{MinVersion: 1, MaxVersion: 1, Features: 5, Name: "alice", Control: []netip.AddrPort{v4},
		Data: []netip.AddrPort{anybody, v6}, Cookie: bytesOf(0x20, 16), Echo: bytesOf(0x40, 16), Pad: make([]byte, 4)}
	samplePriority = Priority{Bucket: 3, ID: alice}
	sampleNode     = Node{ID: bob, Name: "bob", Control: []netip.AddrPort{v4}, Data: []netip.AddrPort{v6}}
	sampleRecord   = Record{Job: aJob, Attempt: 2, State: Done, Epoch: 7, Leader: alice, Server: bob, Client: "carol",
		Request: 41, Owner: []byte{192, 0, 2, 9}, Size: 1 << 20, Result: id32(0x60), Code: CodeCapacity}
)

// sampleMessages has one of each kind, in order of kinds.
var sampleMessages = []Message{
	sampleHello,
	HelloAck{Hello: sampleHello, Refused: CodeConflict, Detail: "that name is taken"},
	Ping{Sequence: 300, Epoch: 7, Leader: alice},
	Pong{Sequence: 300, Epoch: 7, Leader: alice, Target: bob},
	PingReq{Target: bob, Sequence: 301},
	Leave{Epoch: 7},
	Heartbeat{Sequence: 302, Epoch: 7, Leader: alice, Role: Leader, Load: Load{Score: 700, CPU: 1000, Memory: 1000, Active: 1},
		Digest: 0x0123456789ABCDEF, Count: 12, View: 3, Echo: 299, Done: 4, PID: 4711},
	Election{Phase: Pre, Epoch: 7, Priority: samplePriority},
	Alive{Phase: Pre, Epoch: 7},
	Grant{Phase: Vote, Epoch: 8},
	LeaderAlive{Phase: Pre, Epoch: 7, Leader: alice, Reign: 7},
	EpochBehind{Phase: Vote, Epoch: 7, Promised: 9},
	Coordinator{Epoch: 8, Leader: alice, Priority: samplePriority},
	LeaderQuery{Nonce: 0xFEED, Pad: make([]byte, 4)},
	LeaderResponse{Nonce: 0xFEED, Leader: alice, Epoch: 7, Nodes: []Node{sampleNode}, Cluster: id16(0xC0), Label: "home",
		Authority: bytesOf(0x80, 32), Cookie: bytesOf(0x20, 16), Token: true, Kin: []Kin{{Authority: bytesOf(0x40, 32), Statement: append(bytesOf(0x60, 32), bytesOf(0xC0, 32)...)}}},
	TaskAssignmentRequest{Cookie: bytesOf(0x20, 16), Job: aJob, Client: "carol", Request: 41, Size: 1 << 20, Avoid: []NodeID{bob}, Pad: make([]byte, 4)},
	TaskAssignmentResponse{Job: aJob, Attempt: 2, Epoch: 7, Leader: alice, Server: sampleNode, Durable: true},
	NotLeader{Job: aJob, Leader: sampleNode, Epoch: 7},
	Busy{Job: aJob, Code: CodeQuota, RetryAfter: 250, Detail: "too many jobs of one client"},
	TaskStatusQuery{Cookie: bytesOf(0x20, 16), Job: aJob, Pad: make([]byte, 4)},
	TaskStatusResponse{Job: aJob, State: Running, Attempt: 2, Epoch: 7, Server: sampleNode, Code: CodeBusy},
	TaskMoved{Job: aJob, Attempt: 3, Epoch: 8, Server: sampleNode},
	HistoryAdd{Record: sampleRecord},
	HistoryRemove{Record: Record{Job: aJob, Attempt: 2, State: Acked, Epoch: 7, Leader: alice, Server: bob}},
	HistoryDigest{Buckets: []uint64{0, 1, 0xFFFFFFFFFFFFFFFF}},
	HistoryPull{Buckets: 6, After: aJob, Epoch: 7},
	HistoryChunk{Buckets: 6, Records: []Record{sampleRecord}, More: true},
	RotateToken{Epoch: 7, Digest: 0x0123456789ABCDEF, Next: 8, Number: 3},
	RotateAccept{Epoch: 7, Accepted: true, Number: 3},
}

// sampleFrames has one of each stream frame, in order of kinds.
var sampleFrames = []Frame{
	TaskRequest{Secret: bytesOf(0x30, 16), Attempt: 2, Epoch: 7, Leader: alice, Client: "carol", Request: 41, Name: "photo.png",
		Size: 1 << 20, Image: id32(0x50), Format: 1, Rate: 10, Sealed: []byte("sealed"), Place: id32(0x70), Change: id32(0x90),
		Strip: true, Have: 4096, Result: id32(0x60), Proof: bytesOf(0xB0, 32), Split: true},
	TaskResponse{Accepted: true, Stored: true, Offset: 4096, Result: id32(0x60), Size: 1 << 20, Code: CodeBusy, Detail: "why",
		Need: 4096, Limit: 1180, Retry: 250, Split: true, Lossy: true},
	TaskTrailer{Code: CodeCapacity, Detail: "why", Need: 4096, Limit: 1180, Size: 1 << 20, Result: id32(0x60), Capacity: 9000,
		Server: bob, Name: "bob", Queued: 120, Worked: 3400},
	TaskAck{Job: aJob, Result: id32(0x60)},
	TaskCancel{Secret: bytesOf(0x30, 16)},
	Fetch{Secret: bytesOf(0x30, 16), Have: 4096, Result: id32(0x60), Proof: bytesOf(0xB0, 32), Length: 16384},
	Query{What: "events", Proof: bytesOf(0xB0, 32), Peer: bytesOf(0xD0, 32), After: 41, Run: "0badcafe", Max: 100, Wait: 30000,
		Job: aJob, State: Done, Page: 7},
	Report{Code: CodeUnauthorized, Detail: "why", JSON: []byte(`{"ok":true}`)},
	TaskRange{Secret: bytesOf(0x30, 16), Offset: 32768, Length: 16384, Proof: bytesOf(0xB0, 32)},
	Fault{Peer: bytesOf(0xD0, 32), Down: 20000},
	StepDown{Peer: bytesOf(0xD0, 32)},
	Reload{Peer: bytesOf(0xD0, 32)},
}
