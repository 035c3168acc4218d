package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
	"p2pnode/wire"
)

// story is one demo from its first server to its verdict.
type story struct {
	p     *program
	c     *cli.Context
	began time.Time
	dir   string
	nodes []*demoNode

	mu     sync.Mutex // guards the lines on the screen and report.Jobs
	report demoReport
	number int // of the last job

	watch sync.WaitGroup // of those who look on at the elections
}

// tell is the story: each chapter is one method.
func (s *story) tell(ctx context.Context) error {
	if err := s.cluster(ctx); err != nil {
		return err
	}
	if err := s.paint(); err != nil {
		return err
	}
	if err := s.ordinary(ctx); err != nil || s.c.Bool("no-kill") {
		return err
	}
	if err := s.beheading(ctx); err != nil {
		return err
	}
	if err := s.lostWorker(ctx); err != nil {
		return err
	}
	return s.ending(ctx)
}

// cluster starts the servers and waits until they agree on a leader.
func (s *story) cluster(ctx context.Context) error {
	if err := s.secrets(); err != nil {
		return err
	}
	for i := range s.report.Nodes {
		n := &demoNode{name: fmt.Sprintf("n%d", i+1), dir: s.dir}
		s.nodes = append(s.nodes, n)
		if err := s.start(ctx, n); err != nil {
			return err
		}
	}
	began := time.Now()
	leader, epoch, err := s.agreed(ctx)
	if err != nil {
		return err
	}
	s.report.Election = time.Since(began).Seconds()
	s.say("%s on loopback elected %s (epoch %d)", amount(len(s.nodes), "server"), leader.name, epoch)
	return nil
}

// paint makes the photographs: one small, one so large that a server is busy with it for a while.
func (s *story) paint() error {
	for _, photo := range []struct {
		name          string
		width, height int
	}{{smallPhoto, 1200, 800}, {largePhoto, 3600, 2400}} {
		size, err := paintPhoto(s.path(photo.name), photo.width, photo.height)
		if err != nil {
			return fmt.Errorf("make photograph: %w", err)
		}
		s.say("painted %s: %d x %d, %.1f MB", photo.name, photo.width, photo.height, float64(size)/1e6)
	}
	return nil
}

const (
	smallPhoto = "small.jpg"
	largePhoto = "large.jpg"
)

// ordinary sends a few jobs through the healthy cluster.
func (s *story) ordinary(ctx context.Context) error {
	for range 3 {
		if err := s.job(ctx, smallPhoto, nil); err != nil {
			return err
		}
	}
	return s.job(ctx, largePhoto, nil)
}

// beheading kills the leader while jobs run.
func (s *story) beheading(ctx context.Context) error {
	leader, _, err := s.agreed(ctx)
	if err != nil {
		return err
	}
	var once sync.Once
	var killed error
	kill := func(p node.Progress) {
		if !inTheMiddle(p) {
			return
		}
		once.Do(func() { killed = s.behead(ctx, leader, p) })
	}
	if err := s.together(ctx, 4, kill); err != nil || killed != nil {
		return errors.Join(killed, err)
	}
	if leader.running() {
		return failf(wire.CodeInternal, "no job was in the middle, %s was not killed", leader.name)
	}
	return s.revive(ctx, leader)
}

// inTheMiddle reports whether a job's image is at a server and its result not yet here.
func inTheMiddle(p node.Progress) bool {
	return p.Stage == node.StageWorking || (p.Stage == node.StageUploading && p.Done > 0)
}

// middle says what is going on there.
func middle(p node.Progress) string {
	if p.Stage == node.StageUploading && p.Total > 0 {
		return fmt.Sprintf("%d %% of an image is uploaded to %s", 100*p.Done/p.Total, p.Server)
	}
	return p.Server + " hides a text"
}

// behead kills the leader and measures how long the others need for a new one.
func (s *story) behead(ctx context.Context, leader *demoNode, p node.Progress) error {
	at := time.Now()
	leader.kill()
	s.say("kill -9 %s, the leader, while %s", leader.name, middle(p))
	s.report.Kills = append(s.report.Kills, demoKill{Node: leader.name, Role: "leader", Stage: p.Stage})
	i := len(s.report.Kills) - 1
	s.watch.Go(func() {
		next, epoch, err := s.agreed(ctx)
		if err != nil {
			return
		}
		s.report.Kills[i].Recover = time.Since(at).Seconds()
		s.say("%s leads (epoch %d), %.2f s after the kill", next.name, epoch, time.Since(at).Seconds())
	})
	return nil
}

// together runs jobs at the same time.
func (s *story) together(ctx context.Context, count int, watch func(node.Progress)) error {
	var jobs sync.WaitGroup
	errs := make([]error, count)
	for i := range count {
		jobs.Go(func() { errs[i] = s.job(ctx, largePhoto, watch) })
	}
	jobs.Wait()
	s.watch.Wait()
	return errors.Join(errs...)
}

// lostWorker kills the very server that holds an upload.
func (s *story) lostWorker(ctx context.Context) error {
	var once sync.Once
	var victim *demoNode
	kill := func(p node.Progress) {
		if p.Server == "" || !inTheMiddle(p) {
			return
		}
		once.Do(func() {
			if victim = s.named(p.Server); victim == nil {
				return
			}
			victim.kill()
			s.say("kill -9 %s, the worker, while %s", victim.name, middle(p))
			s.report.Kills = append(s.report.Kills, demoKill{Node: victim.name, Role: "worker", Stage: p.Stage})
		})
	}
	if err := s.job(ctx, largePhoto, kill); err != nil {
		return err
	}
	if victim == nil {
		return failf(wire.CodeInternal, "the job was never in the middle, no worker was killed")
	}
	return s.revive(ctx, victim)
}

// ending sends a last job through the whole cluster.
func (s *story) ending(ctx context.Context) error {
	leader, epoch, err := s.agreed(ctx)
	if err != nil {
		return err
	}
	s.say("all %d servers are back under %s (epoch %d)", len(s.nodes), leader.name, epoch)
	return s.job(ctx, smallPhoto, nil)
}

// revive starts a killed server again, on its own store and addresses.
func (s *story) revive(ctx context.Context, n *demoNode) error {
	at := time.Now()
	if err := s.start(ctx, n); err != nil {
		return err
	}
	if _, _, err := s.agreed(ctx); err != nil {
		return err
	}
	s.say("%s is back and a member again after %.2f s", n.name, time.Since(at).Seconds())
	return nil
}

// secrets writes the demo's own token.
func (s *story) secrets() error {
	secret, err := node.NewSecret(nil)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("peer.token"), []byte(node.PeerToken(secret)+"\n"), 0o600)
}
