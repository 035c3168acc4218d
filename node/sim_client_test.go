package node

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"p2pnode/wire"
)

// simClient does jobs as a Client would: it asks for the leader, then for a server, hands the job to that server's core,
// waits for it to be durable, acknowledges; and begins again with the same job id whenever anything is silent.
type simClient struct {
	s      *sim
	addr   netip.AddrPort
	ep     *wire.Endpoint
	leader wire.Event // the newest LeaderResponse of a leader
	cookie []byte
	jobs   map[wire.JobID]*simJob
	open   []*simJob // without a result, in order of submission
	asking bool
	told   func(wire.TaskAssignmentResponse) // of every assignment; nil: nobody
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

func newSimClient(s *sim) *simClient {
	return &simClient{
		s: s, addr: netip.MustParseAddrPort("10.0.0.200:5000"), jobs: map[wire.JobID]*simJob{},
		ep: wire.NewEndpoint(s.now, wire.EndpointConfig{Self: wire.NodeID{200}, Open: true, Rand: s.rand, Entropy: seeded{s.rand}}),
	}
}

// submit begins a job.
func (c *simClient) submit() *simJob {
	n := len(c.jobs) + 1
	sum := sha256.Sum256([]byte{byte(n), byte(n >> 8)})
	j := &simJob{id: wire.JobID(sum[:16]), secret: byte(n), started: c.s.now}
	c.jobs[j.id] = j
	c.open = append(c.open, j)
	if !c.asking {
		c.asking = true
		c.ask()
	}
	return j
}

// ask asks everybody who leads, and again while a job has no result.
func (c *simClient) ask() {
	c.open = slices.DeleteFunc(c.open, func(j *simJob) bool { return j.results > 0 || j.refused != wire.CodeOK })
	if len(c.open) == 0 {
		c.asking = false
		return
	}
	for _, x := range c.s.nodes {
		c.ep.SendTo(c.s.now, x.addr, wire.NodeID{}, wire.Boot{}, wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{Nonce: 1})
	}
	for _, j := range c.open {
		if j.working && j.on.life != j.life {
			c.fail(j, IDOf(j.on.name))
		}
		if !j.working {
			c.assign(j)
		}
	}
	c.flush()
	c.s.after(250*time.Millisecond, c.ask)
}

func (c *simClient) assign(j *simJob) {
	if c.cookie == nil {
		return
	}
	c.ep.SendTo(c.s.now, c.leader.Addr, c.leader.Peer, c.leader.Boot, c.leader.Key,
		wire.TaskAssignmentRequest{Cookie: c.cookie, Job: j.id, Client: "sim", Size: 1000, Avoid: j.avoid})
}

func (c *simClient) flush() {
	for _, d := range c.ep.Take() {
		c.s.net.Send(c.s.now, c.addr, d.To, d.Data)
	}
}

func (c *simClient) receive(from netip.AddrPort, p []byte) {
	c.ep.Receive(c.s.now, from, p)
	for _, e := range c.ep.Events() {
		switch m := e.Message.(type) {
		case wire.LeaderResponse:
			if m.Leader == e.Peer && !m.Leader.IsZero() {
				c.leader, c.cookie = e, m.Cookie
			}
		case wire.TaskAssignmentResponse:
			if c.told != nil {
				c.told(m)
			}
			c.do(m)
		case wire.Busy:
			if j := c.jobs[m.Job]; j != nil && m.RetryAfter == 0 {
				j.refused = m.Code
			}
		}
	}
	c.flush()
}

// do is the stream: half of it until the job is begun, half until the result is there.
func (c *simClient) do(m wire.TaskAssignmentResponse) {
	j := c.jobs[m.Job]
	if j == nil || j.working || j.results > 0 {
		return
	}
	x := c.s.find(m.Server.ID)
	j.working = true
	j.attempts++
	if !j.last.IsZero() && j.last != m.Server.ID {
		j.moved++
	}
	j.last = m.Server.ID
	life := x.life
	j.on, j.life = x, life
	c.s.after(5*time.Millisecond, func() {
		if x.life != life || x.core == nil || c.s.now.Before(x.until) {
			c.fail(j, m.Server.ID)
			return
		}
		c.upload(j, x, life, m)
	})
}

func (c *simClient) fail(j *simJob, server wire.NodeID) {
	j.working = false
	j.avoid = []wire.NodeID{server}
}

func (c *simClient) upload(j *simJob, x *simNode, life int, m wire.TaskAssignmentResponse) {
	t := task{Job: j.id, Request: wire.TaskRequest{Attempt: m.Attempt, Epoch: m.Epoch, Leader: m.Leader, Client: "sim", Size: 1000}, Owner: ownerOf(c.addr.Addr())}
	v := x.core.begin(c.s.local(x), t)
	c.s.flush(x)
	switch {
	case v.Code != wire.CodeOK:
		j.working = false
	case v.Stored != nil:
		c.finished(j, x)
	default:
		x.core.busy(+1)
		c.s.after(time.Duration(20+c.s.rand.IntN(200))*time.Millisecond, func() { c.worked(j, x, life) })
	}
}

func (c *simClient) worked(j *simJob, x *simNode, life int) {
	if x.life != life {
		c.fail(j, IDOf(x.name))
		return
	}
	x.core.busy(-1)
	n, err := x.core.finish(c.s.local(x), j.id, outcome{Mine: Mine{Result: wire.Digest{j.secret}, Size: 1000, Since: c.s.local(x)}})
	if err != nil {
		c.s.t.Errorf("finish: %v", err)
	}
	x.core.after(c.s.local(x), n, func(time.Time) { c.finished(j, x) })
	c.s.flush(x)
}

// finished takes the result, once, and acknowledges it.
func (c *simClient) finished(j *simJob, x *simNode) {
	j.results++
	j.working = false
	j.ended = c.s.now
	x.core.close(c.s.local(x), j.id, wire.Acked)
	c.s.flush(x)
}

func (c *simClient) allDone() bool {
	for _, j := range c.jobs {
		if j.results == 0 {
			return false
		}
	}
	return true
}

func (s *sim) find(id wire.NodeID) *simNode {
	for _, x := range s.nodes {
		if IDOf(x.name) == id {
			return x
		}
	}
	s.t.Fatalf("no node %s", id)
	return nil
}
