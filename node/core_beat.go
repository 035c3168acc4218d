package node

import (
	"time"

	"p2pnode/wire"
)

// beat sends a Heartbeat to every live peer when one is due. A peer held dead gets only Hello: heartbeats to the dead
// would let a deaf leader keep the cluster.
func (c *core) beat(now time.Time) {
	if now.Before(c.beatAt) {
		return
	}
	c.beatAt = now.Add(c.cfg.Heartbeat)
	c.sequence++
	h := c.heartbeat()
	m := wire.Message(h) // one for all
	for _, p := range c.live() {
		if _, err := c.ep.Send(now, p.id, m); err == nil {
			c.elect.Sent(now, h.Sequence, p.id)
		}
	}
	c.later.beat(now, c)
}

func (c *core) heartbeat() wire.Heartbeat {
	epoch, leader, role, echo := c.elect.Beat()
	sum, count := c.ledger.Digest()
	return wire.Heartbeat{
		Sequence: c.sequence, Epoch: epoch, Leader: leader, Role: role, Load: c.load, Digest: sum, Count: uint32(count),
		View: uint16(len(c.live()) + 1), Echo: echo, Done: c.done, PID: c.cfg.pid, Met: c.acquaintances(),
	}
}

const fullLoad = 10000 // hundredths of a percent

// sample takes a new measurement of the machine.
func (c *core) sample(l wire.Load) {
	c.load.CPU, c.load.Memory = l.CPU, l.Memory
	c.reload()
}

// busy counts a job in or out.
func (c *core) busy(delta int) {
	c.active += delta
	c.reload()
}

// reload computes the load others see. A node that stops is as loaded as can be: it is the last to be given a job.
func (c *core) reload() {
	if c.stopping {
		c.load.CPU, c.load.Memory = fullLoad, fullLoad
	}
	c.load.Active = uint16(min(max(c.active, 0), 65535))
	c.load.Score = Score(float64(c.load.CPU)/100, 100-float64(c.load.Memory)/100, c.active)
	c.elect.SetLoad(c.load.Score)
}

// ping sends a probe under the common sequence, so that its echo can renew a lease.
func (c *core) ping(now time.Time, to wire.NodeID) uint64 {
	c.sequence++
	epoch, leader, _, _ := c.elect.Beat()
	if _, err := c.ep.Send(now, to, wire.Ping{Sequence: c.sequence, Epoch: epoch, Leader: leader}); err == nil {
		c.elect.Sent(now, c.sequence, to)
	}
	return c.sequence
}
