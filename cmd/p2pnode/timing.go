package main

import (
	"cmp"
	"time"

	"github.com/urfave/cli/v2"
)

// The defaults of PROTOCOL.md §7: a peer is suspect after 12/5 heartbeats and dead after 24/5.
const (
	usualHeartbeat = 250 * time.Millisecond
	usualElection  = 1500 * time.Millisecond // and no less than six heartbeats

	longestElection = time.Minute
)

// timing is how soon silence counts, and how long a leader stays.
type timing struct {
	heartbeat, suspect, dead, election time.Duration

	rotation time.Duration // zero: never
}

// readTiming reads the times of the failure detector and refuses what cannot work.
func readTiming(c *cli.Context) (timing, error) {
	t := timing{
		c.Duration("heartbeat-interval"), c.Duration("suspect-timeout"), c.Duration("failure-timeout"), c.Duration("election-timeout"),
		c.Duration("rotation"),
	}.completed()
	if t.election < t.heartbeat || t.election > max(longestElection, 6*t.heartbeat) {
		return t, configf("election-timeout %v must lie between the heartbeat-interval, %v, and %v", t.election, t.heartbeat, max(longestElection, 6*t.heartbeat))
	}
	if t.heartbeat <= 0 || t.heartbeat >= t.suspect || t.suspect >= t.dead {
		return t, configf("heartbeat-interval %v, suspect-timeout %v and failure-timeout %v must grow in this order", t.heartbeat, t.suspect, t.dead)
	}
	if t.rotation != 0 && t.rotation < 4*t.heartbeat {
		return t, configf("rotation %v must be 0, for never, or at least four times the heartbeat-interval, %v", t.rotation, 4*t.heartbeat)
	}
	return t, nil
}

// completed replaces zeros: those beside a time that is set keep its proportion, so
// that a slow heartbeat alone makes no peer suspect.
func (t timing) completed() timing {
	switch {
	case t.heartbeat == 0 && t.dead != 0:
		t.heartbeat = min(usualHeartbeat, t.dead/4)
	case t.heartbeat == 0:
		t.heartbeat = usualHeartbeat
	}
	t.dead = cmp.Or(t.dead, max(t.heartbeat, t.suspect/2)*24/5)
	if t.suspect == 0 {
		t.suspect = min(t.heartbeat*12/5, t.heartbeat+(t.dead-t.heartbeat)/2)
	}
	t.election = cmp.Or(t.election, max(usualElection, 6*t.heartbeat))
	return t
}
