//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"p2pnode/node"
)

// deaths are the ends of servers. Each comes back after the time that the fault lasts.
var deaths = []mischief{
	{name: "kill the leader", often: 3, least: 0, most: 1500 * time.Millisecond, begin: (*chaos).killLeader},
	{name: "kill a worker", often: 3, least: 0, most: 1500 * time.Millisecond, begin: (*chaos).killWorker},
	{name: "kill any", often: 4, least: 0, most: time.Second, begin: (*chaos).killAny},
	{name: "kill two at once", often: 2, least: 0, most: time.Second, begin: (*chaos).killTwo},
	{name: "kill all at once", often: 1, least: 0, most: time.Second, begin: (*chaos).killAll},
	{name: "all are down for a while", often: 1, least: 2 * time.Second, most: 5 * time.Second, begin: (*chaos).killAll},
	{name: "stop one", often: 2, least: 0, most: 2 * time.Second, begin: (*chaos).stopOne},
	{name: "kill a server and a client", often: 1, least: 0, most: 0, begin: (*chaos).killBothEnds},
}

// kill kills these servers, one right after the other, and counts those that ran.
func (c *chaos) kill(rest time.Duration, some ...*keeper) string {
	var hit []string
	for _, k := range some {
		if k.kill(rest) {
			c.killed++
			hit = append(hit, k.p.name)
		}
	}
	return strings.Join(hit, " ")
}

func (c *chaos) killLeader(r *rand.Rand, rest time.Duration) (string, func()) {
	return c.kill(rest, c.leading(r)), nil
}

func (c *chaos) killWorker(r *rand.Rand, rest time.Duration) (string, func()) {
	busy := func(p *proc, s node.Status) bool {
		return slices.ContainsFunc(s.Nodes, func(n node.NodeStatus) bool { return n.Name == p.name && n.Jobs > 0 })
	}
	return c.kill(rest, c.first(r, busy)), nil
}

func (c *chaos) killAny(r *rand.Rand, rest time.Duration) (string, func()) {
	return c.kill(rest, c.anyone(r)), nil
}

func (c *chaos) killTwo(r *rand.Rand, rest time.Duration) (string, func()) {
	i := r.Perm(len(c.keepers))
	return c.kill(rest, c.keepers[i[0]], c.keepers[i[1]]), nil
}

func (c *chaos) killAll(_ *rand.Rand, rest time.Duration) (string, func()) {
	return c.kill(rest, c.keepers...), nil
}

func (c *chaos) stopOne(r *rand.Rand, rest time.Duration) (string, func()) {
	k := c.anyone(r)
	if !k.stop(rest) {
		return "", nil
	}
	return k.p.name, nil
}

// killBothEnds kills a server and a client; both have successors at once.
func (c *chaos) killBothEnds(r *rand.Rand, rest time.Duration) (string, func()) {
	n, ok := c.clients.desert(r)
	server := c.kill(rest, c.anyone(r))
	if !ok || server == "" {
		return "", nil
	}
	return fmt.Sprintf("%s and the client of job %d", server, n), nil
}

// anyone is a server that runs, or any if none does.
func (c *chaos) anyone(r *rand.Rand) *keeper {
	i := r.Perm(len(c.keepers))
	for _, n := range i {
		if c.keepers[n].pid() != 0 {
			return c.keepers[n]
		}
	}
	return c.keepers[i[0]]
}

// leading is the server that the first one to answer says leads; if none says, any.
func (c *chaos) leading(r *rand.Rand) *keeper {
	return c.first(r, func(p *proc, s node.Status) bool { return s.Leader != nil && *s.Leader == p.name })
}

// first is a server that says of itself what is wanted, or any.
func (c *chaos) first(r *rand.Rand, wanted func(*proc, node.Status) bool) *keeper {
	found := make(chan *keeper, len(c.keepers))
	var asking sync.WaitGroup
	for _, k := range c.keepers {
		asking.Go(func() {
			if s, err := c.glance(k.p); err == nil && wanted(k.p, s) {
				found <- k
			}
		})
	}
	asking.Wait()
	select {
	case k := <-found:
		return k
	default:
		return c.anyone(r)
	}
}
