package wire

// StreamKind numbers a frame on a client's QUIC stream (PROTOCOL.md §9).
type StreamKind uint8

const (
	StreamTaskRequest StreamKind = iota + 1
	StreamTaskResponse
	StreamTaskTrailer
	StreamTaskAck
	StreamTaskCancel
	StreamFetch
	StreamQuery
	StreamReport
	StreamTaskRange
	StreamFault
	StreamStepDown
	StreamReload
)

// Frame is a message of a stream: one of the structs of this file.
type Frame interface{ StreamKind() StreamKind }

// TaskRequest begins a job's stream; Size raw image bytes follow once the server has accepted.
type TaskRequest struct {
	Secret  []byte `cbor:"1,keyasint"` // 16 bytes; the job id is the first half of its SHA-256
	Attempt uint32 `cbor:"2,keyasint"`
	Epoch   uint64 `cbor:"3,keyasint"`
	Leader  NodeID `cbor:"4,keyasint"`
	Client  string `cbor:"5,keyasint,omitempty"`
	Request uint64 `cbor:"6,keyasint,omitempty"`
	Name    string `cbor:"7,keyasint,omitempty"` // of the image, for people; never a path
	Size    uint64 `cbor:"8,keyasint"`           // of the image, bytes
	Image   Digest `cbor:"9,keyasint"`           // its SHA-256
	Format  uint8  `cbor:"10,keyasint"`          // stego.Format
	Rate    uint8  `cbor:"11,keyasint,omitempty"`
	Sealed  []byte `cbor:"12,keyasint"`
	Place   Digest `cbor:"13,keyasint"`
	Change  Digest `cbor:"14,keyasint"`
	Strip   bool   `cbor:"15,keyasint,omitempty"` // drop the image's metadata
	Have    uint64 `cbor:"16,keyasint,omitempty"` // bytes of Result the client already holds
	Result  Digest `cbor:"17,keyasint,omitzero"`  // of the result those bytes are of
	Proof   []byte `cbor:"18,keyasint,omitempty"` // HMAC of the TLS exporter under K_client (token mode)
	Split   bool   `cbor:"19,keyasint,omitempty"` // the image shall come as TaskRanges, on streams of their own
}

// TaskResponse accepts or refuses a TaskRequest or Fetch. Accepted with Stored false: send the image from Offset.
// Accepted with Stored: the result is there, its bytes follow from Offset. The result comes in chunks, then a TaskTrailer.
type TaskResponse struct {
	Accepted bool   `cbor:"1,keyasint"`
	Stored   bool   `cbor:"2,keyasint,omitempty"`
	Offset   uint64 `cbor:"3,keyasint,omitempty"`
	Result   Digest `cbor:"4,keyasint,omitzero"`
	Size     uint64 `cbor:"5,keyasint,omitempty"`
	Code     Code   `cbor:"6,keyasint,omitempty"`
	Detail   string `cbor:"7,keyasint,omitempty"`
	Need     int64  `cbor:"8,keyasint,omitempty"`
	Limit    int64  `cbor:"9,keyasint,omitempty"`
	Retry    uint32 `cbor:"10,keyasint,omitempty"` // milliseconds after which asking again may help; zero: it will not
	Split    bool   `cbor:"11,keyasint,omitempty"` // Accepted: send the image as TaskRanges, nothing of it on this stream
	Lossy    bool   `cbor:"12,keyasint,omitempty"` // to a Fetch of a range: chance loses what the server sends on this connection
}

// TaskTrailer ends a result. Code other than CodeOK: the work failed after it was accepted, and the chunks so far are void.
type TaskTrailer struct {
	Code     Code   `cbor:"1,keyasint,omitempty"`
	Detail   string `cbor:"2,keyasint,omitempty"`
	Need     int64  `cbor:"3,keyasint,omitempty"`
	Limit    int64  `cbor:"4,keyasint,omitempty"`
	Size     uint64 `cbor:"5,keyasint,omitempty"`
	Result   Digest `cbor:"6,keyasint,omitzero"`
	Capacity int64  `cbor:"7,keyasint,omitempty"`
	Server   NodeID `cbor:"8,keyasint"`
	Name     string `cbor:"9,keyasint,omitempty"`  // the server's
	Queued   uint64 `cbor:"10,keyasint,omitempty"` // microseconds
	Worked   uint64 `cbor:"11,keyasint,omitempty"` // microseconds
}

// TaskAck says that the client has verified and stored the result.
type TaskAck struct {
	Job    JobID  `cbor:"1,keyasint"`
	Result Digest `cbor:"2,keyasint"`
}

// TaskCancel withdraws a job.
type TaskCancel struct {
	Secret []byte `cbor:"1,keyasint"`
}

// Fetch asks for a stored result by its job's secret, from an offset on. With a Length the chunks of so many bytes are all
// of the answer that follows TaskResponse: no trailer, and no acknowledgement is expected.
type Fetch struct {
	Secret []byte `cbor:"1,keyasint"`
	Have   uint64 `cbor:"2,keyasint,omitempty"`
	Result Digest `cbor:"3,keyasint,omitzero"`
	Proof  []byte `cbor:"4,keyasint,omitempty"`
	Length uint64 `cbor:"5,keyasint,omitempty"`
}

// TaskRange brings one range of the image of a job whose TaskRequest was accepted as Split: Length raw bytes follow it at
// once. TaskResponse tells that they are with the rest.
type TaskRange struct {
	Secret []byte `cbor:"1,keyasint"`
	Offset uint64 `cbor:"2,keyasint"`
	Length uint64 `cbor:"3,keyasint"`
	Proof  []byte `cbor:"4,keyasint,omitempty"`
}

// Query asks a server for a Report: "status", "peers", "jobs", "job" or "events".
type Query struct {
	What  string `cbor:"1,keyasint"`
	Proof []byte `cbor:"2,keyasint,omitempty"`  // HMAC of the TLS exporter under K_client
	Peer  []byte `cbor:"3,keyasint,omitempty"`  // the same under K_server: the asker may see other clients' jobs
	After uint64 `cbor:"4,keyasint,omitempty"`  // events: only later ones
	Run   string `cbor:"5,keyasint,omitempty"`  // events: the run of which After is a number
	Max   uint32 `cbor:"6,keyasint,omitempty"`  // events, jobs: of one answer
	Wait  uint32 `cbor:"7,keyasint,omitempty"`  // events: milliseconds to wait for the next one
	Job   JobID  `cbor:"8,keyasint,omitzero"`   // job, events: of this job only
	State State  `cbor:"9,keyasint,omitempty"`  // jobs: in this state only
	Page  uint64 `cbor:"10,keyasint,omitempty"` // jobs: what the answer before said comes next
}

// Fault makes the server that takes it deaf and mute for a while: a drill. A Report answers it before that begins.
type Fault struct {
	Peer []byte `cbor:"1,keyasint"` // HMAC of the TLS exporter under K_server
	Down uint32 `cbor:"2,keyasint"` // milliseconds
}

// StepDown makes the server that takes it give up the lead to another. A Report answers it.
type StepDown struct {
	Peer []byte `cbor:"1,keyasint"` // HMAC of the TLS exporter under K_server
}

// Reload makes the server that takes it read its configuration again. A Report answers it.
type Reload struct {
	Peer []byte `cbor:"1,keyasint"` // HMAC of the TLS exporter under K_server
}

// Report answers Query with one JSON object.
type Report struct {
	Code   Code   `cbor:"1,keyasint,omitempty"`
	Detail string `cbor:"2,keyasint,omitempty"`
	JSON   []byte `cbor:"3,keyasint,omitempty"`
}

func (TaskRequest) StreamKind() StreamKind  { return StreamTaskRequest }
func (TaskResponse) StreamKind() StreamKind { return StreamTaskResponse }
func (TaskTrailer) StreamKind() StreamKind  { return StreamTaskTrailer }
func (TaskAck) StreamKind() StreamKind      { return StreamTaskAck }
func (TaskCancel) StreamKind() StreamKind   { return StreamTaskCancel }
func (Fetch) StreamKind() StreamKind        { return StreamFetch }
func (Query) StreamKind() StreamKind        { return StreamQuery }
func (Report) StreamKind() StreamKind       { return StreamReport }
func (TaskRange) StreamKind() StreamKind    { return StreamTaskRange }
func (Fault) StreamKind() StreamKind        { return StreamFault }
func (StepDown) StreamKind() StreamKind     { return StreamStepDown }
func (Reload) StreamKind() StreamKind       { return StreamReload }
