package node

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"p2pnode/wire"
)

// status describes the cluster as this node knows it.
func (c *core) status(now time.Time) Status {
	epoch, leader, _, _ := c.elect.Beat()
	sum, count := c.ledger.Digest()
	s := Status{
		Schema: StatusSchema, Cluster: c.cfg.Cluster, ID: c.cfg.ident.Cluster.String(), Epoch: epoch, Self: c.cfg.Name,
		Version: c.cfg.Version, Time: now.Round(0).UTC(),
		Quorum: c.cfg.Quorum.String(), Clients: clientsMode(c.cfg.OpenClients),
		Ledger: LedgerStatus{Records: count, Digest: fmt.Sprintf("%016x", sum)},
		Jobs: JobsStatus{
			Assigned: c.ledger.Count(wire.Assigned), Running: c.ledger.Count(wire.Running), Done: c.ledger.Count(wire.Done),
		},
	}
	if !leader.IsZero() {
		name := c.nameOf(leader)
		s.Leader = &name
	}
	s.Ready, s.Reason = c.readiness(now, leader)
	s.Nodes = append(s.Nodes, c.selfStatus())
	for _, p := range c.sorted() {
		s.Nodes = append(s.Nodes, c.peerStatus(now, p, leader))
	}
	sortNodes(s.Nodes)
	return s
}

func clientsMode(open bool) string {
	if open {
		return "open"
	}
	return "token"
}

// readiness reports whether a client that asked this node now would get a server, as far as this node can tell.
func (c *core) readiness(now time.Time, leader wire.NodeID) (bool, string) {
	switch {
	case c.stopping:
		return false, "stopping"
	case c.deaf():
		return false, "deaf and mute: a fault on purpose"
	case leader.IsZero():
		return false, c.whyNot(c.elect.Ready(now))
	case leader != c.cfg.self:
		return true, ""
	case !c.reign.ready:
		return false, "merging ledgers"
	}
	if code := c.elect.Ready(now); code != wire.CodeOK {
		return false, c.whyNot(code)
	}
	return true, ""
}

func (c *core) selfStatus() NodeStatus {
	_, _, role, _ := c.elect.Beat()
	n := NodeStatus{Name: c.cfg.Name, ID: c.cfg.self.String(), State: "alive", Role: role.String(), Done: c.done, PID: int(c.cfg.pid)}
	n.Control, n.Data = first(c.cfg.control), first(c.cfg.data)
	return n.withLoad(c.load)
}

func (c *core) peerStatus(now time.Time, p *peer, leader wire.NodeID) NodeStatus {
	n := NodeStatus{
		Name: p.name, ID: p.id.String(), State: standingOf(p.standing), Role: p.beat.Role.String(), Done: p.beat.Done,
		Control: p.control.String(), Data: first(reachable(p.control, p.data)), PID: int(p.beat.PID),
		Seen: float64(now.Sub(p.heard).Microseconds()) / 1000,
	}
	if p.id == leader {
		n.Role = wire.Leader.String()
	} else if p.beat.Role == wire.Leader || !p.live() {
		n.Role = wire.Follower.String()
	}
	if s, ok := c.ep.Session(p.id); ok {
		n.RTT = float64(s.RTT.Microseconds()) / 1000
	}
	return n.withLoad(p.beat.Load)
}

func (n NodeStatus) withLoad(l wire.Load) NodeStatus {
	n.Load, n.CPU, n.Memory, n.Jobs = float64(l.Score)/100, float64(l.CPU)/100, float64(l.Memory)/100, int(l.Active)
	return n
}

func first(as []netip.AddrPort) string {
	if len(as) == 0 {
		return ""
	}
	return as[0].String()
}

func sortPeers(ps []PeerInfo) {
	slices.SortFunc(ps, func(a, b PeerInfo) int { return cmp.Compare(a.Name, b.Name) })
}

func sortNodes(ns []NodeStatus) {
	slices.SortFunc(ns, func(a, b NodeStatus) int { return cmp.Compare(a.Name, b.Name) })
}
