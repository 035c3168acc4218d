package wire

// State is where a job stands (PROTOCOL.md §8). Zero: unknown.
type State uint8

const (
	Assigned State = iota + 1
	Running
	Failed
	Done
	Cancelled
	Acked
)

// String returns the name used in PROTOCOL.md. JSON has it in lower case.
func (s State) String() string {
	return [...]string{"UNKNOWN", "ASSIGNED", "RUNNING", "FAILED", "DONE", "CANCELLED", "ACKED"}[min(s, 6)]
}

// Record is one job in the ledger.
type Record struct {
	Job     JobID  `cbor:"1,keyasint"`
	Attempt uint32 `cbor:"2,keyasint"`
	State   State  `cbor:"3,keyasint"`
	Epoch   uint64 `cbor:"4,keyasint"`
	Leader  NodeID `cbor:"5,keyasint"`
	Server  NodeID `cbor:"6,keyasint"`
	Client  string `cbor:"7,keyasint,omitempty"`
	Request uint64 `cbor:"8,keyasint,omitempty"`
	Owner   []byte `cbor:"9,keyasint,omitempty"` // what the quota is counted by: source IP or /64
	Size    uint64 `cbor:"10,keyasint,omitempty"`
	Result  Digest `cbor:"11,keyasint,omitzero"` // SHA-256 of the result, from DONE on
	Code    Code   `cbor:"12,keyasint,omitempty"`
}

// HistoryAdd carries a whole record; acknowledged once it is on the receiver's disk.
type HistoryAdd struct {
	Record Record `cbor:"1,keyasint"`
}

// HistoryRemove carries a tombstone: the record in state ACKED or CANCELLED.
type HistoryRemove struct {
	Record Record `cbor:"1,keyasint"`
}

// HistoryDigest summarises a ledger in 64 buckets, by the first byte of the job id divided by four.
type HistoryDigest struct {
	Buckets []uint64 `cbor:"1,keyasint"`
	Epoch   uint64   `cbor:"2,keyasint,omitempty"` // of a new leader, which wants a HistoryChunk of what differs, or an empty one; zero: of anybody else
}

// HistoryPull asks for the records of the buckets whose bit is set, beginning after a job id.
type HistoryPull struct {
	Buckets uint64 `cbor:"1,keyasint"`
	After   JobID  `cbor:"2,keyasint"`
	Epoch   uint64 `cbor:"3,keyasint,omitempty"` // of the asking leader's leadership; zero: it does not lead
}

// HistoryChunk answers HistoryPull; More: pull again after the last record.
type HistoryChunk struct {
	Buckets uint64   `cbor:"1,keyasint"`
	Records []Record `cbor:"2,keyasint"`
	More    bool     `cbor:"3,keyasint,omitempty"`
	Epoch   uint64   `cbor:"4,keyasint,omitempty"` // of the pull that is answered
}
