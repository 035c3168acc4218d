package node

import (
	"net/netip"
	"slices"
	"time"

	"p2pnode/wire"
)

// simAsk is one question of a client about one of its jobs, repeated until it is answered: what porcupine calls an
// operation. Each has an endpoint of its own, so that an answer belongs to one question however late it comes.
type simAsk struct {
	client *simClient
	ep     *wire.Endpoint
	job    *simJob
	server wire.NodeID // whose status is asked; zero: the leader is asked for an assignment
	called time.Time
	tries  int
	again  bool // a job that this client has asked about before
}

// asked reports whether a question about an assignment of j is unanswered.
func (c *simClient) asked(j *simJob) bool {
	return slices.ContainsFunc(c.asks, func(a *simAsk) bool { return a.job == j && a.server.IsZero() })
}

// ask begins a question: who does the job?
func (c *simClient) ask(j *simJob, again bool) {
	c.asks = append(c.asks, &simAsk{client: c, ep: c.endpoint(), job: j, again: again})
}

// reread asks about an old job: for its assignment, or some server for its state.
func (c *simClient) reread(j *simJob, server wire.NodeID) {
	if c.dead || slices.ContainsFunc(c.asks, func(a *simAsk) bool { return a.job == j && a.server == server }) {
		return
	}
	c.ask(j, true)
	c.asks[len(c.asks)-1].server = server
	c.begin()
}

// rereadTries is how often a question about an old job is repeated: nothing depends on its answer.
const rereadTries = 8

// repeat sends every question that has no answer yet.
func (c *simClient) repeat() {
	c.asks = slices.DeleteFunc(c.asks, func(a *simAsk) bool { return a.again && a.tries >= rereadTries })
	for _, a := range c.asks {
		a.put()
	}
}

// put sends a question, if it is known where to.
func (a *simAsk) put() {
	c := a.client
	to := c.leader
	if !a.server.IsZero() {
		to = c.met[a.server]
	}
	r, ok := to.Message.(wire.LeaderResponse)
	a.tries++
	if !ok {
		return
	}
	if a.called.IsZero() {
		a.called = c.s.now
		if c.begins != nil {
			c.begins(a)
		}
	}
	var m wire.Message = wire.TaskStatusQuery{Cookie: r.Cookie, Job: a.job.id}
	if a.server.IsZero() {
		m = wire.TaskAssignmentRequest{Cookie: r.Cookie, Job: a.job.id, Client: c.name, Size: 1000, Avoid: a.job.avoid}
	}
	a.ep.SendTo(c.s.now, to.Addr, to.Peer, to.Boot, to.Key, m)
	for _, d := range a.ep.Take() {
		c.s.send(c.addr, d.To, d.Data)
	}
}

// answers gives a datagram to every question that may be the one it answers.
func (c *simClient) answers(from netip.AddrPort, p []byte) {
	for _, a := range slices.Clone(c.asks) {
		a.ep.Receive(c.s.now, from, p)
		for _, e := range a.ep.Events() {
			if a.take(e) {
				c.asks = slices.DeleteFunc(c.asks, func(b *simAsk) bool { return a == b })
			}
		}
	}
}

// take works off an answer, and reports whether the question is answered by it.
func (a *simAsk) take(e wire.Event) bool {
	c := a.client
	switch m := e.Message.(type) {
	case wire.TaskAssignmentResponse:
		if c.told != nil {
			c.told(a, m)
		}
		if !a.again {
			c.s.log("%s is told that %s is with %s, attempt %d of epoch %d", c.name, brief(m.Job), m.Server.Name, m.Attempt, m.Epoch)
		}
		c.do(m)
		return true
	case wire.TaskStatusResponse:
		if c.state != nil {
			c.state(e, m)
		}
		return true
	case wire.Busy:
		return c.declined(a, m)
	case wire.NotLeader:
		if e.Peer == c.leader.Peer {
			c.leader = wire.Event{}
		}
	}
	return false
}

// declined is a refusal: for good, or to be asked again.
func (c *simClient) declined(a *simAsk, m wire.Busy) bool {
	if m.RetryAfter != 0 {
		return false
	}
	if a.job.results == 0 {
		a.job.refused = m.Code
		c.s.log("%s is refused %s for good: %v, %s", c.name, brief(m.Job), m.Code, m.Detail)
	}
	return true
}
