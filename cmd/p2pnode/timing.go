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

// timing is how soon silence counts.
type timing struct{ heartbeat, suspect, dead, election time.Duration }

// readTiming reads the times of the failure detector and refuses what cannot work.
func readTiming(c *cli.Context) (timing, error) {
	if c.Duration("rotation") != 0 {
		return timing{}, configf("rotation is not supported yet; leave it out or set it to 0")
	}
	t := timing{
		c.Duration("heartbeat-interval"), c.Duration("suspect-timeout"), c.Duration("failure-timeout"), c.Duration("election-timeout"),
	}.completed()
	if t.election < t.heartbeat || t.election > max(longestElection, 6*t.heartbeat) {
		return t, configf("election-timeout %v must lie between the heartbeat-interval, %v, and %v", t.election, t.heartbeat, max(longestElection, 6*t.heartbeat))
	}
	if t.heartbeat <= 0 || t.heartbeat >= t.suspect || t.suspect >= t.dead {
		return t, configf("heartbeat-interval %v, suspect-timeout %v and failure-timeout %v must grow in this order", t.heartbeat, t.suspect, t.dead)
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
