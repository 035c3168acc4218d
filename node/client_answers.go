package node

import (
	"crypto/ed25519"
	"net/netip"
	"time"

	"p2pnode/wire"
)

// answered takes note of a server. What it says under a client key is a hint: only TLS proves a server.
func (s *search) answered(now time.Time, e wire.Event, m wire.LeaderResponse) {
	if !plausible(e, m) || s.servers[e.Peer] == nil && len(s.servers) >= maxServers {
		return
	}
	if s.first.IsZero() {
		s.first = now
	}
	v := &server{
		event: e, node: m.Nodes[0], answer: m, leader: m.Leader, epoch: m.Epoch, first: now,
		cluster: ClusterInfo{Name: m.Label, Server: e.Addr.String()},
	}
	if s.trust.token.IsZero() {
		for _, k := range m.Kin {
			s.bequeath(k, m)
		}
	}
	s.identify(v)
	if at, ok := s.nonces[m.Nonce]; ok {
		v.rtt = now.Sub(at)
	}
	if old := s.servers[e.Peer]; old != nil {
		v.first = old.first
		s.keep(old, v)
	}
	s.servers[e.Peer] = v
	for _, n := range m.Nodes[1:] {
		s.hint(e, n)
	}
}

// keep lets a server be known by the fastest of its addresses, unless it was started anew.
func (s *search) keep(old, v *server) {
	if old.event.Boot == v.event.Boot && old.event.Addr != v.event.Addr && s.nonces[v.answer.Nonce] == s.nonces[old.answer.Nonce] {
		v.event, v.cluster.Server, v.answer.Cookie, v.rtt = old.event, old.cluster.Server, old.answer.Cookie, old.rtt
	}
}

func plausible(e wire.Event, m wire.LeaderResponse) bool {
	return len(m.Nodes) > 0 && m.Nodes[0].ID == e.Peer && len(m.Authority) == ed25519.PublicKeySize &&
		ClusterOf(m.Authority) == m.Cluster
}

// hint remembers where a server that has not answered yet may be asked.
func (s *search) hint(e wire.Event, n wire.Node) {
	if n.ID.IsZero() || len(s.hints) >= maxServers && s.hints[n.ID].ID.IsZero() {
		return
	}
	n.Control = resolved(n.Control, e.Addr)
	s.hints[n.ID] = n
}

// resolved puts the source of the datagram in place of unspecified addresses.
func resolved(list []netip.AddrPort, source netip.AddrPort) []netip.AddrPort {
	out := make([]netip.AddrPort, 0, len(list))
	for _, a := range list {
		if a.Addr().IsUnspecified() {
			a = netip.AddrPortFrom(source.Addr(), a.Port())
		}
		out = append(out, a)
	}
	return out
}

// assigned takes the assignment, if it comes from a server of the cluster and is about this job.
func (s *search) assigned(e wire.Event, m wire.TaskAssignmentResponse) {
	v := s.member(e)
	if v == nil || s.job == nil || m.Job != s.job.Job || m.Server.ID.IsZero() || s.found != nil {
		return
	}
	m.Server.Data = resolved(m.Server.Data, e.Addr)
	s.found = &assignment{
		TaskAssignmentResponse: m, Cluster: v.cluster, Authority: v.authority, Former: s.formerOf(v.cluster.ID), Token: v.answer.Token,
		Leader: v.node.Name, From: e.Addr,
	}
}

// redirected follows the word of a server that does not lead.
func (s *search) redirected(now time.Time, e wire.Event, m wire.NotLeader) {
	v := s.member(e)
	if v == nil || s.job == nil || m.Job != s.job.Job {
		return
	}
	s.asks = 0
	v.leader, v.epoch = m.Leader.ID, max(v.epoch, m.Epoch)
	s.hint(e, m.Leader)
	s.doubt(v, m.Epoch)
	if s.servers[m.Leader.ID] == nil {
		s.queryAt = earliest(s.queryAt, now.Add(firstAsk))
	}
	s.askAt = s.askedAt.Add(firstAsk / 2) // no faster, should two servers send us to each other
}

// doubt forgets what others said of v leading, up to the epoch that v itself knows: it should know best.
func (s *search) doubt(v *server, epoch uint64) {
	for _, o := range s.servers {
		if o != v && o.leader == v.node.ID && o.epoch <= epoch {
			o.leader = wire.NodeID{}
		}
	}
}

// refused takes a Busy: to be repeated later, or final.
func (s *search) refused(now time.Time, e wire.Event, m wire.Busy) {
	v := s.member(e)
	if v == nil || s.job == nil || m.Job != s.job.Job {
		return
	}
	s.asks = 0
	s.busy = &RemoteError{From: v.node.Name, Code: m.Code, Detail: m.Detail, retry: m.RetryAfter > 0 || passing(m.Code)}
	if !s.busy.retry {
		s.err = s.busy
	}
	s.askAt = now.Add(max(firstAsk/2, min(5*time.Second, time.Duration(m.RetryAfter)*time.Millisecond)))
}

// passing reports whether a refusal with this code is over one day, whatever it says of trying again.
func passing(c wire.Code) bool {
	switch c {
	case wire.CodeBusy, wire.CodeNoCluster, wire.CodeNoLeader, wire.CodeNoQuorum, wire.CodeUnreachable:
		return true
	}
	return false
}

// member returns the server of the chosen cluster that an event came from, nil for any other.
func (s *search) member(e wire.Event) *server {
	v := s.servers[e.Peer]
	if v == nil || s.chosen == nil || v.cluster.ID != s.chosen.ID || v.event.Boot != e.Boot {
		return nil
	}
	return v
}
