package node

import (
	"context"
	"time"

	"p2pnode/wire"
)

// Events returns what this node saw happen, a page at a time.
func (n *Node) Events(ctx context.Context, q EventsQuery) (Events, error) {
	return n.loop.events(ctx, q)
}

// Peers returns what this node knows of the others.
func (n *Node) Peers(ctx context.Context) (p Peers, err error) {
	err = n.loop.do(ctx, func(now time.Time, c *core) { p = c.peersReport(now) })
	return p, err
}

// Jobs returns a page of the ledger, newest jobs first.
func (n *Node) Jobs(ctx context.Context, q JobsQuery) (j Jobs, err error) {
	q = q.bounded()
	err = n.loop.do(ctx, func(_ time.Time, c *core) { j = c.jobsReport(q) })
	return j, err
}

// Job returns the life of one job, as far as this node saw it. One that the ledger does not know is ErrForgotten.
func (n *Node) Job(ctx context.Context, job wire.JobID, scope Scope) (j JobLife, err error) {
	q, found := JobsQuery{Scope: scope}.bounded(), false
	err = n.loop.do(ctx, func(_ time.Time, c *core) { j, found = c.jobReport(job, q) })
	if err == nil && !found {
		err = ErrForgotten
	}
	return j, err
}
