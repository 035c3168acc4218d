package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"p2pnode/node"
)

// faulter takes a server off the network for a while: deaf and mute, but alive.
type faulter interface {
	Fault(ctx context.Context, name string, down time.Duration) error
}

// faultPatience is how long a server may take to say that it goes.
const faultPatience = 5 * time.Second

// walk takes one server after the other off the network until ctx ends or the cycles are over. tell hears what happened.
func (r ringPlan) walk(ctx context.Context, f faulter, names func() []string, tell func(stressEvent)) {
	for cycle := 0; r.Cycles == 0 || cycle < r.Cycles; cycle++ {
		round := names()
		if len(round) == 0 && !pauseFor(ctx, r.Interval.duration()) {
			return
		}
		for _, name := range round {
			if !pauseFor(ctx, r.Interval.duration()-r.Down.duration()) {
				return
			}
			r.fault(ctx, f, name, tell)
		}
	}
}

// fault takes one server off the network and waits until it is back.
func (r ringPlan) fault(ctx context.Context, f faulter, name string, tell func(stressEvent)) {
	began, down := time.Now(), r.Down.duration()
	asking, cancel := context.WithTimeout(ctx, faultPatience)
	err := f.Fault(asking, name, down)
	cancel()
	if err != nil {
		tell(stressEvent{Kind: eventFaultFailed, Node: name, Detail: plain(err)})
	} else {
		tell(stressEvent{Kind: eventFault, Node: name, Detail: "off the network for " + down.String()})
	}
	if pauseFor(ctx, down-time.Since(began)) && err == nil {
		tell(stressEvent{Kind: eventBack, Node: name})
	}
}

// pauseFor waits; false: ctx has ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// roster is who belongs to the cluster, as its servers say.
type roster struct {
	mu    sync.Mutex
	names []string // guarded by mu
}

// update takes the servers of a status that are not dead: one that the ring took off the network a while ago counts again
// once it is back.
func (r *roster) update(s node.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range s.Nodes {
		if n.State != "dead" && !slices.Contains(r.names, n.Name) && len(r.names) < partiesMax {
			r.names = append(r.names, n.Name)
		}
	}
	slices.Sort(r.names)
}

// list returns the servers in the order of the ring.
func (r *roster) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.names)
}

// askStatus asks a cluster what it knows, with every text in the answer fit to be shown.
func askStatus(ctx context.Context, client *node.Client) (s node.Status, err error) {
	raw, err := client.Status(ctx)
	if err != nil {
		return s, err
	}
	return s, readForTable(raw, &s)
}
