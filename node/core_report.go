package node

import (
	"net/netip"
	"time"

	"p2pnode/wire"
)

// What operators ask of a node besides its status (PROTOCOL.md §9.5).

// peersReport describes the peers, by name.
func (c *core) peersReport(now time.Time) Peers {
	_, leader, _, _ := c.elect.Beat()
	s := Peers{Schema: PeersSchema, Node: c.cfg.Name, ID: c.cfg.self.String(), Boot: c.ep.Boot().String(), Peers: []PeerInfo{}}
	for _, p := range c.sorted() {
		n := c.peerStatus(now, p, leader)
		s.Peers = append(s.Peers, PeerInfo{
			Name: n.Name, ID: n.ID, State: n.State, Role: n.Role, Seen: n.Seen,
			Control: texts(reachable(p.control, p.listed)), Data: texts(reachable(p.control, p.data)), Session: c.sessionReport(p.id),
		})
	}
	sortPeers(s.Peers)
	return s
}

func texts(as []netip.AddrPort) []string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = a.String()
	}
	return out
}

func (c *core) sessionReport(id wire.NodeID) *PeerSession {
	s, ok := c.ep.Session(id)
	if !ok {
		return nil
	}
	v := &PeerSession{
		Boot: s.Boot.String(), Address: s.Addr.String(), Since: wall(s.Since), RTT: float64(s.RTT.Microseconds()) / 1000,
		Queued: s.Queued, DatagramsIn: s.DatagramsIn, DatagramsOut: s.DatagramsOut, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Retransmissions: s.Retransmissions, MinVersion: s.Hello.MinVersion, MaxVersion: s.Hello.MaxVersion, Features: s.Hello.Features,
	}
	if s.DatagramsOut > 0 {
		v.Loss = min(1, float64(s.Retransmissions)/float64(s.DatagramsOut))
	}
	return v
}

// wall is a time as it is told to others.
func wall(t time.Time) time.Time { return t.Round(0).UTC() }

// jobsReport returns a page of the ledger.
func (c *core) jobsReport(q JobsQuery) Jobs {
	s := Jobs{Schema: JobsSchema, Node: c.cfg.Name, Scope: q.Scope, Records: c.ledger.Len(), Counts: map[string]int{}, Jobs: []JobRecord{}}
	for _, state := range states {
		s.Counts[stateName(state)] = c.ledger.Count(state)
	}
	n := c.lives.next
	if q.Page != 0 {
		n = min(n, q.Page)
	}
	oldest := c.lives.oldest()
	for scanned := 0; n > oldest && scanned < maxJobsScan && len(s.Jobs) < q.Max; scanned++ {
		n--
		job := c.lives.order[n%maxLives]
		if r, known := c.ledger.Get(job); known && (q.State == 0 || r.State == q.State) && (q.Scope != ScopeOwn || c.owns(q.owner, job)) {
			s.Jobs = append(s.Jobs, c.jobRecord(r, c.lives.byJob[job], q.Scope))
		}
	}
	if n > oldest {
		s.Next = n
	}
	return s
}

// jobRecord puts a record into words; what is nobody's business but its client's is left out of a public answer.
func (c *core) jobRecord(r wire.Record, f *life, scope Scope) JobRecord {
	v := JobRecord{
		Job: r.Job.String(), State: stateName(r.State), Attempt: r.Attempt, Epoch: r.Epoch, Leader: c.nameOf(r.Leader), Server: c.nameOf(r.Server),
	}
	if f != nil && len(f.steps) > 0 {
		v.First, v.Since = wall(f.steps[0].at), wall(f.last().at)
	}
	if r.Code != wire.CodeOK {
		v.Code = r.Code.String()
	}
	if scope != ScopePublic {
		v.Client, v.Request, v.Size = r.Client, r.Request, r.Size
	}
	return v
}

// jobReport returns one job's life.
func (c *core) jobReport(job wire.JobID, q JobsQuery) (JobLife, bool) {
	r, known := c.ledger.Get(job)
	if !known || q.Scope == ScopeOwn && !c.owns(q.owner, job) {
		return JobLife{}, false
	}
	f := c.lives.byJob[job]
	v := JobLife{Schema: JobSchema, Node: c.cfg.Name, Scope: q.Scope, JobRecord: c.jobRecord(r, f, q.Scope), Life: []JobStep{}}
	if f == nil {
		return v, true
	}
	v.Complete = !f.cut
	for _, s := range f.steps {
		v.Life = append(v.Life, c.jobStep(s))
	}
	return v, true
}

func (c *core) jobStep(s step) JobStep {
	v := JobStep{Time: wall(s.at), Kind: s.kind(), Attempt: s.attempt, Epoch: s.epoch, Leader: c.nameOf(s.leader), Server: c.nameOf(s.server)}
	if s.code != wire.CodeOK {
		v.Code = s.code.String()
	}
	return v
}
