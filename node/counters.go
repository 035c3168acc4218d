package node

import (
	"context"
	"time"

	"p2pnode/wire"
)

// Counters count what a node has done since its start, for a monitoring system.
type Counters struct {
	Wire    wire.Counters
	Dropped uint64        // datagrams that came in faster than the loop took them
	Changes uint64        // of leadership, as this node saw it
	Canvass uint64        // messages Election and Coordinator said to peers, retransmissions not counted
	Late    time.Duration // the longest the loop was late
	Backlog int           // store batches not yet durable
	Held    int           // results held here
	Here    int           // jobs admitted by this server and not ended, their uploads included
	Waiting int           // of those, how many wait for a worker or for memory
}

// Counters returns the present counts.
func (n *Node) Counters(ctx context.Context) (v Counters, err error) {
	err = n.loop.do(ctx, func(_ time.Time, c *core) {
		v = Counters{
			Wire: c.ep.Counters(), Dropped: n.loop.dropped.Load(), Changes: c.elect.Status().Changes, Canvass: c.canvass,
			Late: n.loop.late, Backlog: int(c.queued - c.stored), Held: len(c.mine),
		}
	})
	t := n.transport
	v.Here, v.Waiting = int(t.lobby.jobs()), t.slots.waiting()+t.memory.waiting()
	return v, err
}
