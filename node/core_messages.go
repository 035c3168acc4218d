package node

import (
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// delivered hands a message to the part of the core it is for. The endpoint has checked who may say what.
func (c *core) delivered(now time.Time, e wire.Event) {
	if e.Authority != wire.AuthorityPeer {
		c.clientSays(now, e)
		return
	}
	p := c.peers[e.Peer]
	if p == nil || p.boot != e.Boot {
		return
	}
	c.peerSays(now, p, e)
}

func (c *core) peerSays(now time.Time, p *peer, e wire.Event) {
	switch m := e.Message.(type) {
	case wire.Heartbeat:
		c.heartbeatFrom(now, p, m)
	case wire.Ping:
		c.pingFrom(now, p, m)
	case wire.Pong:
		c.pong(now, p.id, m)
	case wire.PingReq:
		c.relayPing(now, p.id, m)
	case wire.Leave:
		c.part(now, p, election.Left, PeerLeft)
	case wire.HistoryAdd:
		c.learn(now, e, []wire.Record{m.Record})
	case wire.HistoryRemove:
		c.learn(now, e, []wire.Record{m.Record})
	case wire.HistoryDigest:
		c.compare(now, p, m)
	case wire.HistoryPull:
		c.give(now, p, m)
	case wire.HistoryChunk:
		c.takeChunk(now, p, e, m)
	case wire.RotateToken, wire.RotateAccept:
		c.rest()
		c.elect.Receive(now, p.id, m)
	default:
		c.later.hear(c, p, m)
		c.elect.Receive(now, p.id, m)
	}
}

func (c *core) heartbeatFrom(now time.Time, p *peer, m wire.Heartbeat) {
	if m.Sequence < p.beat.Sequence {
		return // overtaken on the way
	}
	c.introduced(now, p, m.Met)
	m.Met = nil
	p.beat = m
	c.elect.Receive(now, p.id, m)
	c.watchDigest(now, p)
}

// pingFrom answers a probe; from the leader it is also a sign of the lease, so the election hears it first.
func (c *core) pingFrom(now time.Time, p *peer, m wire.Ping) {
	c.elect.Receive(now, p.id, m)
	epoch, leader, _, _ := c.elect.Beat()
	c.ep.Send(now, p.id, wire.Pong{Sequence: m.Sequence, Epoch: epoch, Leader: leader})
	c.beatAt = earliest(c.beatAt, now.Add(probeEvery)) // who pings may not hear this node well: the answer may be lost too
}

// output does what the election wants done.
func (c *core) output(now time.Time, o election.Output) {
	switch o.What {
	case election.Send:
		c.electionSays(now, o)
	case election.Persist:
		n := c.put(Batch{Epoch: &Vote{Epoch: o.Epoch, For: o.For}})
		c.after(now, n, func(now time.Time) {
			c.rest()
			c.elect.Stored(now, o.Epoch)
		})
	case election.Changed:
		c.turned(now, o)
	}
}

func (c *core) electionSays(now time.Time, o election.Output) {
	to := []*peer{c.peers[o.To]}
	if o.To.IsZero() {
		to = c.live()
	}
	for _, p := range to {
		switch {
		case p == nil || !p.live():
		case o.Message.Kind() == wire.KindPing:
			c.ping(now, p.id)
		default:
			c.ep.Send(now, p.id, o.Message)
			c.canvassed(o.Message)
		}
	}
}

// canvassed counts what is said to become leader, or to say that one is.
func (c *core) canvassed(m wire.Message) {
	if k := m.Kind(); k == wire.KindElection || k == wire.KindCoordinator {
		c.canvass++
	}
}

// turned takes note of a new leader, or of there being none.
func (c *core) turned(now time.Time, o election.Output) {
	ch := change{epoch: o.Epoch, role: o.Role}
	if !o.Leader.IsZero() {
		ch.leader = c.nameOf(o.Leader)
		if !c.leaderAt.IsZero() {
			ch.took, c.leaderAt = now.Sub(c.leaderAt), time.Time{}
		}
	}
	if !(c.ruler.IsZero() && o.Leader.IsZero()) && len(c.changes) < maxChanges { // still nobody is no news
		c.changes = append(c.changes, ch)
	}
	c.handed(now, o)
	c.noteTurn(now, o.Leader, o.Role, o.Epoch, ch.took)
	if o.Role == wire.Leader {
		c.enthrone(now, o.Epoch)
	} else {
		c.dethrone()
	}
}

const maxChanges = 256

// takeChanges returns the changes of leadership since last asked.
func (c *core) takeChanges() []change {
	ch := c.changes
	c.changes = nil
	return ch
}

func (c *core) nameOf(id wire.NodeID) string {
	if id == c.cfg.self {
		return c.cfg.Name
	}
	if p := c.peers[id]; p != nil {
		return p.name
	}
	return id.String()[:8]
}
