package node

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"p2pnode/wire"
)

// simClient does jobs as a Client would: it asks for the leader, then for a server, hands the job to that server's core,
// waits for it to be durable, acknowledges; and begins again with the same job id whenever anything is silent. It may die,
// and return knowing nothing but its jobs.
type simClient struct {
	s      *sim
	name   string
	addr   netip.AddrPort
	life   int // of the present process; what an earlier one began, it does not end
	dead   bool
	ep     *wire.Endpoint
	leader wire.Event                 // the newest LeaderResponse of a leader
	met    map[wire.NodeID]wire.Event // the newest LeaderResponse of each server
	sought time.Time                  // when LeaderQuery was last sent
	jobs   map[wire.JobID]*simJob
	list   []*simJob // all of them, in order of submission
	open   []*simJob // without a result, likewise
	asks   []*simAsk // questions that are unanswered
	asking bool
	told   func(a *simAsk, m wire.TaskAssignmentResponse) // of every assignment; nil: nobody
	state  func(e wire.Event, m wire.TaskStatusResponse)  // of every status; likewise
	begins func(a *simAsk)                                // a question begins; likewise
}

type simJob struct {
	id       wire.JobID
	secret   byte
	avoid    []wire.NodeID
	working  bool
	on       *simNode // where it works
	life     int      // of that node
	results  int
	attempts int
	moved    int
	last     wire.NodeID
	started  time.Time
	ended    time.Time
	refused  wire.Code
}

// result is the only one that a job has, whoever makes it.
func (j *simJob) result() wire.Digest { return wire.Digest(sha256.Sum256(j.id[:])) }

// How often a client repeats its questions, and looks for the leader while it gets answers.
const (
	askEach   = 250 * time.Millisecond
	seekAfter = time.Second
)

func newSimClient(s *sim, i int) *simClient {
	c := &simClient{
		s: s, name: fmt.Sprintf("c%d", i+1), addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(200 + i)}), 5000),
		jobs: map[wire.JobID]*simJob{},
	}
	c.boot()
	s.net.Attach(c.addr)
	s.guests[spotOf(c.addr)] = c.receive
	return c
}

// join adds a client to the simulation.
func (s *sim) join() *simClient {
	c := newSimClient(s, len(s.clients))
	s.clients = append(s.clients, c)
	return c
}

// boot starts a process of the client.
func (c *simClient) boot() {
	c.life++
	c.dead, c.asking = false, false
	c.ep, c.met, c.leader, c.asks = c.endpoint(), map[wire.NodeID]wire.Event{}, wire.Event{}, nil
}

// endpoint is one under an id of its own, as every process of a client has.
func (c *simClient) endpoint() *wire.Endpoint {
	var id wire.NodeID
	seeded{c.s.rand}.Read(id[:])
	return wire.NewEndpoint(c.s.now, wire.EndpointConfig{Self: id, Open: true, Rand: c.s.rand, Entropy: seeded{c.s.rand}})
}

// die ends the process of the client; what servers have of its jobs, they have.
func (c *simClient) die() {
	c.life++
	c.dead, c.asks = true, nil
	c.s.log("%s dies", c.name)
}

// comeBack starts it again, with the secrets of its jobs and no more.
func (c *simClient) comeBack() {
	c.boot()
	for _, j := range c.open {
		j.working = false
	}
	c.s.log("%s is back, %d jobs without a result", c.name, len(c.open))
	c.begin()
}

// submit begins a job.
func (c *simClient) submit() *simJob {
	n := len(c.jobs) + 1
	sum := sha256.Sum256([]byte{byte(n), byte(n >> 8), c.addr.Addr().As4()[3] - 200})
	j := &simJob{id: wire.JobID(sum[:16]), secret: byte(n), started: c.s.now}
	c.jobs[j.id] = j
	c.list, c.open = append(c.list, j), append(c.open, j)
	c.begin()
	return j
}

func (c *simClient) begin() {
	if !c.asking && !c.dead {
		c.asking = true
		c.turn(c.life)
	}
}

// turn asks what is to be asked, and again while a job has no result or a question no answer.
func (c *simClient) turn(life int) {
	if c.life != life {
		return
	}
	c.open = slices.DeleteFunc(c.open, func(j *simJob) bool { return j.results > 0 || j.refused != wire.CodeOK })
	if len(c.open) == 0 && len(c.asks) == 0 {
		c.asking = false
		return
	}
	c.seek()
	for _, j := range c.open {
		if j.working && j.on.life != j.life {
			c.fail(j, j.on.id)
		}
		if !j.working && !c.asked(j) {
			c.ask(j, false)
		}
	}
	c.repeat()
	c.flush()
	c.s.after(askEach, func() { c.turn(life) })
}

// seek asks everybody who leads, if that is not known or no answer comes.
func (c *simClient) seek() {
	stuck := slices.ContainsFunc(c.asks, func(a *simAsk) bool { return a.tries > 1 })
	if c.leader.What != 0 && !stuck && c.s.now.Sub(c.sought) < seekAfter {
		return
	}
	c.sought = c.s.now
	for _, x := range c.s.nodes {
		c.ep.SendTo(c.s.now, x.addr, wire.NodeID{}, wire.Boot{}, wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{Nonce: 1})
	}
}

func (c *simClient) flush() {
	for _, d := range c.ep.Take() {
		c.s.send(c.addr, d.To, d.Data)
	}
}

func (c *simClient) receive(from netip.AddrPort, p []byte) {
	if c.dead {
		return
	}
	c.ep.Receive(c.s.now, from, p)
	for _, e := range c.ep.Events() {
		m, ok := e.Message.(wire.LeaderResponse)
		if !ok {
			continue
		}
		c.met[e.Peer] = e
		if m.Leader == e.Peer && !m.Leader.IsZero() {
			c.leader = e
		}
	}
	c.answers(from, p)
	c.flush()
}

// do is the stream: half of it until the job is begun, half until the result is there.
func (c *simClient) do(m wire.TaskAssignmentResponse) {
	j := c.jobs[m.Job]
	if j == nil || j.working || j.results > 0 {
		return
	}
	x := c.s.find(m.Server.ID)
	if x == nil {
		c.fail(j, m.Server.ID)
		return
	}
	j.working = true
	j.attempts++
	if !j.last.IsZero() && j.last != x.id {
		j.moved++
	}
	j.last, j.on, j.life = x.id, x, x.life
	a := simAttempt{j, x, x.life, c.life, j.attempts}
	c.s.after(5*time.Millisecond, func() {
		switch {
		case !c.attends(a):
		case x.life != a.served || x.core == nil || c.s.now.Before(x.until):
			c.fail(j, x.id)
		default:
			c.upload(j, x, m)
		}
	})
}

// simAttempt is one attempt at a job, as it was begun.
type simAttempt struct {
	*simJob
	x            *simNode
	served, mine int // lives of the server and of the client
	number       int
}

// attends reports whether the client still waits for what comes of an attempt: it has neither died nor begun another.
func (c *simClient) attends(a simAttempt) bool { return c.life == a.mine && a.attempts == a.number }

func (c *simClient) fail(j *simJob, server wire.NodeID) {
	j.working = false
	j.avoid = []wire.NodeID{server}
}

func (c *simClient) upload(j *simJob, x *simNode, m wire.TaskAssignmentResponse) {
	t := task{Job: j.id, Request: wire.TaskRequest{Attempt: m.Attempt, Epoch: m.Epoch, Leader: m.Leader, Client: c.name, Size: 1000}, Owner: ownerOf(c.addr.Addr())}
	v := x.core.begin(c.s.local(x), t)
	c.s.flush(x)
	a := simAttempt{j, x, x.life, c.life, j.attempts}
	switch {
	case v.Code != wire.CodeOK:
		j.working = false
	case v.Stored != nil:
		c.finished(j, x, *v.Stored)
	case x.core != nil:
		x.core.busy(+1)
		c.s.after(time.Duration(c.s.rand.IntN(100))*time.Millisecond, func() { c.uploaded(a) })
	}
}

// uploaded is when the image is at the server, or the client is not there any more to send the rest of it.
func (c *simClient) uploaded(a simAttempt) {
	if a.x.life == a.served && c.life != a.mine {
		a.x.core.busy(-1)
		return
	}
	c.s.after(time.Duration(20+c.s.rand.IntN(100))*time.Millisecond, func() { c.worked(a) })
}

// worked is when the server has made the result; the client may be there to take it.
func (c *simClient) worked(a simAttempt) {
	x := a.x
	if x.life != a.served {
		if c.attends(a) {
			c.fail(a.simJob, x.id)
		}
		return
	}
	if c.s.now.Before(x.until) {
		c.s.at(x.until, func() { c.worked(a) })
		return
	}
	x.core.busy(-1)
	made := Mine{Job: a.id, Result: a.result(), Size: 1000, Since: c.s.local(x)}
	n, err := x.core.finish(c.s.local(x), a.id, outcome{Mine: made})
	if err != nil {
		c.s.t.Errorf("finish: %v", err)
	}
	x.core.after(c.s.local(x), n, func(time.Time) {
		if c.attends(a) {
			c.finished(a.simJob, x, made)
		}
	})
	c.s.flush(x)
}

// finished takes the result, once, and acknowledges it.
func (c *simClient) finished(j *simJob, x *simNode, m Mine) {
	if m.Result != j.result() {
		c.s.t.Errorf("job %v has a result that is another's", j.id)
	}
	j.results++
	j.working = false
	j.ended = c.s.now
	c.s.log("%s has the result of %s from %s", c.name, brief(j.id), x.name)
	x.core.close(c.s.local(x), j.id, wire.Acked)
	c.s.flush(x)
}

func (c *simClient) allDone() bool {
	return !slices.ContainsFunc(c.list, func(j *simJob) bool { return j.results == 0 })
}

// find returns the node of an id; nil: it is nobody's.
func (s *sim) find(id wire.NodeID) *simNode {
	i := slices.IndexFunc(s.nodes, func(x *simNode) bool { return x.id == id })
	if i < 0 {
		return nil
	}
	return s.nodes[i]
}

// brief is enough of a job's id to tell jobs apart in a trace.
func brief(job wire.JobID) string { return job.String()[:6] }
