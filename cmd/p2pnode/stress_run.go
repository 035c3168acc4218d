package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"p2pnode/node"
)

// run lets the clients do their requests, and watches who leads meanwhile.
func (s *stress) run(ctx context.Context) {
	s.tally = newTally(time.Now())
	around, cancel := context.WithCancel(ctx)
	var aside sync.WaitGroup
	aside.Go(func() { s.watch(around) })
	aside.Go(func() { s.show(around) })
	if s.plan.Ring != nil {
		aside.Go(func() { s.plan.Ring.walk(around, s.faults, s.roster.list, s.happened) })
	}
	if s.plan.Mode == "open" {
		s.open(ctx)
	} else {
		s.closed(ctx)
	}
	s.tally.end(time.Now())
	cancel()
	aside.Wait()
}

// each runs one goroutine for each client, and waits for all of them.
func (s *stress) each(work func(k *stressClient)) {
	var working sync.WaitGroup
	for i, client := range s.clients {
		k := &stressClient{s: s, number: i + 1, client: client, random: s.plan.random(uint64(i + 1))}
		working.Go(func() { work(k) })
	}
	working.Wait()
}

// closed has every client do its requests one after the other, each after a pause.
func (s *stress) closed(ctx context.Context) {
	s.tally.planned(int64(s.plan.Clients) * int64(s.plan.Requests))
	s.each(func(k *stressClient) {
		for range s.plan.Requests {
			if !pauseFor(ctx, s.plan.pause(k.random)) {
				return
			}
			k.request(ctx, time.Now())
		}
	})
}

// open has the clients start requests at the times fixed beforehand. If all are busy then, the request starts late, and its
// latency counts from when it should have started. Those that wait longer than a request may take are given up: so the run ends.
func (s *stress) open(ctx context.Context) {
	s.tally.planned(s.plan.arrivals().count())
	a := s.plan.arrivals()
	s.each(func(k *stressClient) {
		for {
			at, more := a.next()
			if !more {
				return
			}
			intended := s.tally.began.Add(at)
			if !pauseFor(ctx, time.Until(intended)) {
				s.tally.missed(fateCancelled, at)
				return
			}
			if time.Since(intended) > s.plan.Timeout {
				s.tally.missed(fateLost, time.Since(s.tally.began))
				continue
			}
			k.request(ctx, intended)
		}
	})
}

const (
	watchRound  = time.Second     // between two questions who leads
	showRound   = 5 * time.Second // between two lines about how it goes
	watchAnswer = 3 * time.Second // for an answer to such a question
)

// watch asks who leads, again and again.
func (s *stress) watch(ctx context.Context) {
	for pauseFor(ctx, watchRound) {
		asking, cancel := context.WithTimeout(ctx, watchAnswer)
		status, err := askStatus(asking, s.watcher)
		cancel()
		if err != nil {
			continue // requests tell whether anybody is there
		}
		s.roster.update(status)
		if status.Leader != nil {
			s.tally.led(*status.Leader, status.Epoch)
		}
	}
}

// show says how it goes.
func (s *stress) show(ctx context.Context) {
	for pauseFor(ctx, showRound) {
		s.p.say(s.c, "%s", s.tally.line(time.Now()))
	}
}

// happened keeps and tells what the ring did.
func (s *stress) happened(e stressEvent) {
	s.tally.note(e)
	s.p.say(s.c, "%s: %s %s", e.Node, e.Kind, e.Detail)
}

// stressClient is one client; its goroutine owns it.
type stressClient struct {
	s      *stress
	number int // from 1
	client *node.Client
	random *rand.Rand
	done   uint64 // requests begun
}
