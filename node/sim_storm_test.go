package node

import (
	"slices"
	"time"

	"p2pnode/election"
)

// The bound on messages Election and Coordinator, copies not counted: 6N for each real event, which is
//   - the start, end, pause or farewell of a node, the begin or end of a partition, a message of somebody who may speak;
//   - every stormEach while a link is cut or the network loses packets: somebody may hear nobody for longer than *dead* then,
//     and ask again and again, which is right.
//
// An event counts for stormFor: what it causes comes in that time, or not because of it.
const (
	stormPer  = 6
	stormEach = 2 * time.Second
	stormFor  = 10 * time.Second
)

// storm is what of both has happened lately.
type storm struct {
	told   bool        // whoever makes the events says so, first of all that nodes start; else there is no bound
	events []time.Time // real ones
	said   []time.Time
}

// event notes that something real has happened.
func (c *check) event() { c.storms.told, c.storms.events = true, append(c.storms.events, c.s.now) }

// calm holds the cluster to the bound, after each event of a node.
func (c *check) calm(x *simNode) {
	if !c.storms.told {
		return
	}
	e := c.ear(x)
	for ; e.canvass < x.core.canvass; e.canvass++ {
		c.storms.said = append(c.storms.said, c.s.now)
	}
	since := c.s.now.Add(-stormFor)
	c.storms.said = after(c.storms.said, since)
	c.storms.events = after(c.storms.events, since.Add(-stormFor))
	events := len(c.storms.events)
	if c.rough {
		events += int(stormFor / stormEach)
	}
	if n, most := len(c.storms.said), stormPer*len(c.s.nodes)*events; n > most {
		c.fail("%d election messages in %v, at most %d are allowed for %d events", n, stormFor, most, events)
	}
}

func after(ts []time.Time, t time.Time) []time.Time {
	i := slices.IndexFunc(ts, func(x time.Time) bool { return x.After(t) })
	if i < 0 {
		return ts[:0]
	}
	return ts[i:]
}

// steady: without any fault but the weather's, at no more loss than 30 %, who was first agreed on leads for ever.
func (c *check) steady(x *simNode, st *election.Status) {
	switch {
	case !c.quiet || st.Leader.IsZero() && c.first.IsZero():
	case c.first.IsZero():
		if y := c.s.agreed(c.s.nodes...); y != nil {
			c.first, c.firstEpoch = y.id, st.Epoch
		}
	case st.Leader != c.first || st.Epoch != c.firstEpoch:
		c.fail("%s turns from leader %v of epoch %d to %v of %d, without a fault", x.name, c.first, c.firstEpoch, st.Leader, st.Epoch)
	}
}
