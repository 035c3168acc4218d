package node

import (
	"context"
	"time"

	"p2pnode/wire"
)

// desk is what a worker asks of the loop. Its methods block until the loop, and where said the disk, has answered or ctx ends.
type desk interface {
	begin(ctx context.Context, t task) (verdict, error)          // may this node do the job? An accepted one is RUNNING from here on.
	finish(ctx context.Context, job wire.JobID, o outcome) error // DONE or FAILED, durable and replicated before it returns
	stored(ctx context.Context, job wire.JobID) (*Mine, error)   // the result this node holds, if any; changes nothing
	ack(ctx context.Context, job wire.JobID, result wire.Digest) error
	cancel(ctx context.Context, job wire.JobID) error
	report(ctx context.Context, q wire.Query, v viewer) (any, error) // what goes into a Report as JSON
	fault(ctx context.Context, down time.Duration) error             // deaf and mute, soon
	stepDown(ctx context.Context) error
	seen(job wire.JobID) // the client shows signs of life; does not block
	active(delta int)    // jobs running now, for the load; does not block
}

// viewer is who asks for a report.
type viewer struct {
	owner []byte // as in task
	peer  bool   // it has proved K_server: it may see all jobs
}

func (v viewer) scope() Scope {
	if v.peer {
		return ScopeAll
	}
	return ScopeOwn
}

// task is a job as its stream presents it.
type task struct {
	Job     wire.JobID
	Request wire.TaskRequest // as it came
	Content wire.Digest      // of everything that shapes the result but the image: same job, other content is Conflict
	Owner   []byte           // what quotas count by: source IPv4 address, or /64
	Proven  bool             // the client proved K_client
}

// verdict answers begin. With Code set it is a refusal; with Stored the result is here already; else work may begin.
type verdict struct {
	Stored  *Mine
	Attempt uint32
	Code    wire.Code
	Detail  string
	Retry   time.Duration // of a refusal: after which asking again may help. Zero: it will not.
}

// outcome ends a job: CodeOK with Mine, or why there is no result.
type outcome struct {
	Code   wire.Code
	Detail string
	Mine   Mine
}
