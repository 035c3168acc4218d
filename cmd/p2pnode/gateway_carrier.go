package main

import (
	"slices"

	"p2pnode/node"
)

// surroundings are where the gateway's client looks for the cluster, besides its own server.
type surroundings struct{ peers, interfaces []string }

func surroundingsOf(c *node.Config) surroundings {
	return surroundings{peers: slices.Clone(c.Peers), interfaces: slices.Clone(c.Interfaces)}
}

func (s surroundings) equal(t surroundings) bool {
	return slices.Equal(s.peers, t.peers) && slices.Equal(s.interfaces, t.interfaces)
}

// carrier is a client of the cluster and how many jobs it carries. One that the gateway has replaced goes with its last job.
type carrier struct {
	client *node.Client
	jobs   int // guarded by the gateway's mu
}

// cluster returns the client that carries jobs, and makes it for the first. leave is to be called when the job has ended.
func (g *gateway) cluster() (client *node.Client, leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, nil, errStopping
	}
	if g.carrier == nil {
		config, err := g.config(g.around)
		if err != nil {
			return nil, nil, err
		}
		if client, err = node.NewClient(config); err != nil {
			return nil, nil, err
		}
		g.carrier = &carrier{client: client}
	}
	k := g.carrier
	k.jobs++
	return k.client, func() { g.leave(k) }, nil
}

// leave ends a carrier with its last job, where there is another, or none is to be any more.
func (g *gateway) leave(k *carrier) {
	g.mu.Lock()
	k.jobs--
	last := k.jobs == 0 && k != g.carrier
	g.mu.Unlock()
	if last {
		k.client.Close()
	}
}

// renew has the next job carried by a new client.
func (g *gateway) renew() {
	g.mu.Lock()
	old := g.carrier
	g.carrier = nil
	idle := old != nil && old.jobs == 0
	g.mu.Unlock()
	if idle {
		old.client.Close()
	}
}

// reload has the gateway follow a configuration that was read again. Requests that are here are not judged again.
func (g *gateway) reload(c *node.Config) {
	g.rules.Store(rulesOf(c))
	around := surroundingsOf(c)
	g.mu.Lock()
	moved := !g.around.equal(around)
	g.around = around
	g.mu.Unlock()
	if moved {
		g.renew()
	}
}
