package node

import (
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// What holders of the cluster's secret may have a server do: give up the lead, and be deaf and mute for a while
// (PROTOCOL.md §9.6).

const (
	// MaxFault is the longest time that a fault may last.
	MaxFault = 10 * time.Minute

	faultDelay = 100 * time.Millisecond // before it begins: whoever asked for it is to be answered
	returnAt   = 5 * time.Second        // who stepped down may lead again after this, whatever has come of it
)

// drill is a fault on purpose. While it lasts the core neither hears nor says nor decides anything, as if it slept.
type drill struct {
	from, to time.Time // zero: there is none
	begun    bool
}

// refusedHere is why this node does not do what it was told.
func (c *core) refusedHere(code wire.Code, why string) error {
	return &RemoteError{From: c.cfg.Name, Code: code, Detail: why}
}

// fault makes the node deaf and mute for a while, soon.
func (c *core) fault(now time.Time, down time.Duration) error {
	switch {
	case down <= 0 || down > MaxFault:
		return c.refusedHere(wire.CodeUsage, "a fault lasts from 1ms to 10m")
	case c.stopping:
		return c.refusedHere(wire.CodeBusy, "this server is stopping")
	case !c.drill.to.IsZero():
		return c.refusedHere(wire.CodeBusy, "a fault is about to begin already")
	}
	begin := now.Add(faultDelay)
	c.drill = drill{from: begin, to: begin.Add(down)}
	return nil
}

// deaf reports whether a fault lasts.
func (c *core) deaf() bool { return c.drill.begun }

// exercise begins and ends a fault. It comes to an end like a suspend: others have gone on meanwhile.
func (c *core) exercise(now time.Time) {
	switch d := &c.drill; {
	case d.to.IsZero():
	case !d.begun && !now.Before(d.from):
		d.begun = true
		c.note(now, event{kind: FaultBegun, took: d.to.Sub(d.from)})
	case d.begun && !now.Before(d.to):
		c.drill = drill{}
		c.note(now, event{kind: FaultEnded})
		c.resume(now)
	}
}

// stepDown gives up the lead, as a leader that stops does. This node does not campaign until another leads, or nobody is
// left who could, or a while has passed.
func (c *core) stepDown(now time.Time) error {
	_, leader, _, _ := c.elect.Beat()
	switch {
	case leader != c.cfg.self:
		return c.refusedHere(wire.CodeNoLeader, "this server does not lead")
	case c.stopping:
		return c.refusedHere(wire.CodeBusy, "this server is stopping")
	case !c.succeeded():
		return c.refusedHere(wire.CodeConflict, "no other server is there that could lead")
	}
	c.note(now, event{kind: SteppedDown})
	c.yieldsTo = now.Add(returnAt)
	c.elect.Retire(now)
	c.beatAt = now
	c.digest(now)
	return nil
}

// succeeded reports whether another node is well enough to lead: in majority mode a voter.
func (c *core) succeeded() bool {
	for _, p := range c.live() {
		if p.standing == election.Alive && (c.cfg.Quorum != election.Majority || c.votes(p.id)) {
			return true
		}
	}
	return false
}

// comeBack lets a node that stepped down campaign again.
func (c *core) comeBack(now time.Time) {
	if c.yieldsTo.IsZero() || c.stopping {
		return
	}
	if !c.ruler.IsZero() && c.ruler != c.cfg.self || !c.succeeded() || !now.Before(c.yieldsTo) {
		c.yieldsTo = time.Time{}
		c.elect.Return(now)
	}
}
