package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"p2pnode/stego"
	"p2pnode/wire"
)

// errand is one job on its way through a cluster. One goroutine owns it; the stream of an attempt runs in another, which
// meanwhile owns what is marked so.
type errand struct {
	cl     *Client
	job    Job
	secret []byte
	id     wire.JobID
	image  wire.Digest
	most   int64 // bytes that a result can have, at most
	begun  time.Time

	search *search
	events chan wire.Event
	asked  time.Time     // when the present search began
	knows  *recollection // what it found out; nil: nothing
	avoid  []wire.NodeID
	spared wire.NodeID // server whose last connection broke, and was not shunned for it
	fails  int
	last   *assignment
	boot   wire.Boot // of the present attempt's server; zero: not known
	moved  error     // errMoved or errReborn once that server no longer has the job

	receipt Receipt    // owned by the stream
	part    partial    // owned by the stream
	passed  milestones // owned by the stream
	reached Progress   // owned by the stream
	lanes   *lanes     // owned by the stream; nil while one connection will do
	audit   *audit     // owned by the stream; nil: the result is looked at when it is whole

	active   instant     // when bytes last moved
	sending  atomic.Bool // the image is on its way over the job's own stream: the result may be as well
	verified atomic.Bool // the result is whole: nothing is lost any more
}

const (
	secretSize  = 16
	maxAvoid    = 16
	maxWrong    = 3 // results that fail verification before the job is given up
	maxPause    = time.Second
	cancelGrace = 500 * time.Millisecond
	patience    = time.Second // before a wait is told
)

// localError is a failure of this machine's own files: no server can help.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

// errMoved ends a stream whose server no longer has the job.
var errMoved = errors.New("node: the job was given to another server")

// errReborn is an errMoved for a server that was started anew: what stands of a connection to it leads nowhere.
var errReborn = fmt.Errorf("%w: its own was started anew", errMoved)

// Encrypt has a cluster hide the payload, and checks and writes the result. It goes on until it has one, ctx ends or a server
// gives a reason that will not change; then the error is a *RemoteError or *SearchError.
func (cl *Client) Encrypt(ctx context.Context, j Job) (Receipt, error) {
	e, err := cl.newErrand(ctx, j)
	if err != nil {
		return Receipt{}, err
	}
	defer cl.mail.unsubscribe(e.events)
	err = e.run(ctx)
	if err != nil && ctx.Err() != nil {
		e.withdraw()
	}
	e.receipt.Elapsed = time.Since(e.begun)
	return e.receipt, err
}

func (cl *Client) newErrand(ctx context.Context, j Job) (*errand, error) {
	e := &errand{cl: cl, job: j, begun: time.Now()}
	var err error
	if e.secret, err = cl.secretOf(j); err != nil {
		return nil, err
	}
	if err := e.measure(); err != nil {
		return nil, &localError{fmt.Errorf("read image: %w", err)}
	}
	e.id = jobIDOf(e.secret)
	e.receipt = Receipt{Job: e.id, Hidden: int64(len(j.Payload.Data))}
	e.search = cl.newSearch()
	e.search.job = &wire.TaskAssignmentRequest{
		Job: e.id, Client: cl.config.Name, Request: j.Request, Size: uint64(e.job.Size),
	}
	e.events, err = cl.mail.subscribe(ctx)
	return e, err
}

// secretOf returns the secret that a job has, or draws one.
func (cl *Client) secretOf(j Job) ([]byte, error) {
	switch len(j.Secret) {
	case secretSize:
		return j.Secret, nil
	case 0:
	default:
		return nil, fmt.Errorf("node: a job secret of %d bytes, want %d", len(j.Secret), secretSize)
	}
	secret := make([]byte, secretSize)
	if _, err := io.ReadFull(cl.config.Entropy, secret); err != nil {
		return nil, fmt.Errorf("draw a job secret: %w", err)
	}
	return secret, nil
}

// jobIDOf returns the public id that a job's secret stands behind.
func jobIDOf(secret []byte) wire.JobID {
	sum := sha256.Sum256(secret)
	return wire.JobID(sum[:16])
}

// measure finds the image's size and digest.
func (e *errand) measure() error {
	if f, ok := e.job.Image.(interface{ Stat() (os.FileInfo, error) }); ok && e.job.Size == 0 {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		e.job.Size = info.Size()
	}
	h := sha256.New()
	n, err := io.Copy(h, e.carrier(0))
	if err == nil && n != e.job.Size {
		err = io.ErrUnexpectedEOF
	}
	h.Sum(e.image[:0])
	e.most = e.largest()
	return err
}

// largest is the most bytes that a result can have. Of an image that cannot be read here none could be verified; what its
// server has against it is heard all the same.
func (e *errand) largest() int64 {
	info, err := stego.Probe(e.carrier(0), stego.Limits{MaxPixels: e.job.MaxPixels})
	if err != nil {
		info = stego.Info{}
	}
	return info.Largest(e.job.Size)
}

// carrier reads the image from an offset on.
func (e *errand) carrier(offset int64) io.Reader {
	return io.NewSectionReader(e.job.Image, offset, e.job.Size-offset)
}

// run asks for an assignment and tries it, again and again with the same job, until one attempt succeeds.
func (e *errand) run(ctx context.Context) error {
	defer e.forgo()
	for {
		a, err := e.assignment(ctx)
		if err != nil {
			return err
		}
		if err = e.attempt(ctx, a); err == nil {
			e.cl.remember(e.knows) // the server has shown by now that it is of the cluster
			return nil
		}
		e.cl.remember(nil)
		if !e.again(ctx, a, err) {
			return err
		}
		e.cl.config.Log.Debug("attempt failed", "job", e.id, "server", a.Server.Name, "error", err)
		if err := e.pause(ctx, err); err != nil {
			return err
		}
	}
}

// again decides whether a failed attempt is followed by another, and which servers it should not go to.
func (e *errand) again(ctx context.Context, a *assignment, err error) bool {
	var remote *RemoteError
	var local *localError
	switch {
	case ctx.Err() != nil, errors.As(err, &local), errors.Is(err, ErrClosed):
		return false
	case errors.Is(err, errMoved), errors.Is(err, errPieced):
		return true
	case errors.As(err, &remote) && !remote.retry:
		return false
	case errors.Is(err, ErrVerify):
		e.receipt.Rejected++
		if e.receipt.Rejected >= maxWrong {
			return false
		}
	}
	e.fails++
	e.judge(a.Server.ID, err)
	return true
}

// judge shuns a server that failed. The first connection that breaks in the middle is forgiven: a result that is there
// can go on where it broke off, and whether the server lives is the leader's to know.
func (e *errand) judge(id wire.NodeID, err error) {
	var broken *brokenError
	if errors.As(err, &broken) && e.spared != id {
		e.spared = id
		return
	}
	e.spared = wire.NodeID{}
	e.shun(id)
}

// shun asks the leader for another server from now on.
func (e *errand) shun(id wire.NodeID) {
	if len(e.avoid) == maxAvoid {
		e.avoid = e.avoid[1:]
	}
	e.avoid = append(e.avoid, id)
}

// pause keeps failures from following each other ever faster; the first is answered at once.
func (e *errand) pause(ctx context.Context, why error) error {
	if e.fails < 2 {
		return nil
	}
	d := min(maxPause, 25*time.Millisecond<<min(e.fails, 10))
	d = d/2 + rand.N(d/2)
	e.cl.tell.say(Progress{
		Stage: StageWaiting, Server: e.last.Server.Name, Attempt: e.receipt.Attempts,
		Waiting: fmt.Sprintf("%s failed: %s", e.last.Server.Name, strings.TrimPrefix(why.Error(), "node: ")),
	})
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return &SearchError{Reason: reason(why), Cause: ctx.Err(), Tried: e.search.tried()}
	}
}

// reason is what err says of a server, in the words of SearchError.
func reason(err error) error {
	var remote *RemoteError
	if errors.As(err, &remote) {
		return remote
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// assignment finds the leader and gets the job's server from it.
func (e *errand) assignment(ctx context.Context) (*assignment, error) {
	e.search.rely(e.cl.trusted())
	e.search.job.Avoid = slices.Clone(e.avoid)
	e.asked = time.Now()
	s := e.search
	s.targets, s.places = e.cl.targets(ctx)
	if r := e.cl.recall(e.asked); r != nil && e.last == nil {
		s.resume(e.asked, r)
	} else {
		s.begin(e.asked)
	}
	if err := e.cl.seek(ctx, s, e.events, func() bool { return s.found != nil }, e.report); err != nil {
		return nil, err
	}
	took := time.Since(e.asked)
	e.receipt.Searched += took
	e.knows = s.recollect(time.Now())
	e.cl.config.Log.Debug("job assigned", "job", e.id, "server", s.found.Server.Name, "attempt", s.found.Attempt,
		"leader", s.found.Leader, "epoch", s.found.Epoch, "rounds", s.round, "took", took)
	return s.found, nil
}

// report tells what the search waits for.
func (e *errand) report() {
	p := Progress{Stage: StageDiscovering, Attempt: e.receipt.Attempts + 1}
	if l := e.search.leader(); l != nil {
		p.Stage, p.Server = StageAssigning, l.node.Name
	}
	if time.Since(e.asked) >= patience {
		p.Waiting = e.search.waiting()
	}
	e.cl.tell.say(p)
}

// attempt gives the job to the assigned server, and watches over it.
func (e *errand) attempt(ctx context.Context, a *assignment) error {
	e.enter(a)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- e.stream(ctx, a) }()
	return e.watch(ctx, cancel, done, a)
}

// enter counts an attempt.
func (e *errand) enter(a *assignment) {
	if e.last != nil && e.last.Server.ID != a.Server.ID {
		e.receipt.Failovers++
	}
	e.last, e.moved, e.boot = a, nil, wire.Boot{}
	if v := e.search.servers[a.Server.ID]; v != nil {
		e.boot = v.event.Boot
	}
	e.avoid = slices.DeleteFunc(e.avoid, func(id wire.NodeID) bool { return id == a.Server.ID })
	e.receipt.Attempts++
	e.active.note(time.Now())
	e.reached = Progress{Server: a.Server.Name, Attempt: e.receipt.Attempts}
}
