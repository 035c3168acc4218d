package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"p2pnode/wire"
)

// withToken gives a client a token.
func withToken(t *Token) func(*ClientConfig) { return func(c *ClientConfig) { c.Token = t } }

// tokens returns the cluster's peer and client token.
func (b *bubble) tokens() (peer, client *Token) {
	b.t.Helper()
	text, err := ClientToken(b.secret)
	if err != nil {
		b.t.Fatal(err)
	}
	p, err1 := ParseToken(PeerToken(b.secret))
	c, err2 := ParseToken(text)
	if err := errors.Join(err1, err2); err != nil {
		b.t.Fatal(err)
	}
	return &p, &c
}

// wantCode reports an error that has not the code wanted.
func (b *bubble) wantCode(what string, err error, want wire.Code) {
	b.t.Helper()
	if got := CodeOf(err); got != want {
		b.t.Errorf("%s: %v (%s), want %s", what, err, got, want)
	}
}

// Clients see the whole cluster but only jobs of their own address; holders of the peer token see all.
func TestBubbleReports(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.start(3)
		b.leader()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		peerToken, clientToken := b.tokens()
		owner, stranger := b.client(withToken(clientToken)), b.client(withToken(clientToken))
		operator := b.client(withToken(peerToken))
		r := b.hide(owner, photo(60, 40), "whose")
		b.wantAcked(r)
		for _, c := range []struct {
			who   string
			k     *Client
			scope Scope
			sees  bool
		}{{"owner", owner, ScopeOwn, true}, {"stranger", stranger, ScopeOwn, false}, {"operator", operator, ScopeAll, true}} {
			jobs, err := c.k.Jobs(ctx, JobsQuery{})
			if err != nil || jobs.Scope != c.scope || (len(jobs.Jobs) == 1) != c.sees || jobs.Next != 0 {
				b.t.Errorf("%s: Jobs: %v, %+v", c.who, err, jobs)
			}
			life, err := c.k.Job(ctx, r.Job)
			if !c.sees {
				b.wantCode(c.who+": Job", err, wire.CodeNotFound)
			} else if kinds := kindsOfLife(life); err != nil || !slices.Equal(kinds, wholeLife) || !life.Complete || life.Server != r.Server || life.State != "acked" {
				b.t.Errorf("%s: Job: %v, %+v", c.who, err, life)
			}
			page, err := c.k.Events(ctx, EventsQuery{})
			of := func(e Event) bool { return e.Job == r.Job.String() }
			if err != nil || slices.ContainsFunc(page.Events, of) != c.sees || page.Events[0].Kind != NodeStarted {
				b.t.Errorf("%s: Events: %v, %+v", c.who, err, page)
			}
		}
		peers, err := stranger.Peers(ctx)
		if err != nil || len(peers.Peers) != 2 || peers.Peers[0].Session == nil || peers.Peers[0].Session.DatagramsIn == 0 || peers.Peers[0].Session.RTT == 0 {
			b.t.Errorf("Peers: %v, %+v", err, peers)
		}
		failed, err := operator.Jobs(ctx, JobsQuery{State: wire.Failed})
		if err != nil || len(failed.Jobs) != 0 || failed.Counts["acked"] != 1 {
			b.t.Errorf("failed jobs: %v, %+v", err, failed)
		}
	})
}

var wholeLife = []EventKind{JobAssigned, JobRunning, JobDone, JobAcked}

func kindsOfLife(l JobLife) (kinds []EventKind) {
	for _, s := range l.Life {
		kinds = append(kinds, s.Kind)
	}
	return kinds
}

// Only who proves the cluster's secret gives orders. A leader that is told to steps down, and another leads at once; alone
// it stays.
func TestBubbleStepDown(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.start(3)
		old := b.leader()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		peerToken, clientToken := b.tokens()
		for _, k := range []*Client{b.client(nil), b.client(withToken(clientToken))} {
			_, err := k.StepDown(ctx)
			b.wantCode("step down without the peer token", err, wire.CodeUnauthorized)
			b.wantCode("fault without the peer token", k.Fault(ctx, "n1", time.Second), wire.CodeUnauthorized)
			_, err = k.Reload(ctx, "n1")
			b.wantCode("reload without the peer token", err, wire.CodeUnauthorized)
		}
		if b.leader() != old {
			b.t.Error("who may not give orders has deposed a leader")
		}
		k := b.client(withToken(peerToken))
		_, err := k.Reload(ctx, "n1")
		b.wantCode("reload of a node without a configuration", err, wire.CodeUnsupported)
		began := time.Now()
		if name, err := k.StepDown(ctx); err != nil || name != old.name {
			b.t.Fatalf("StepDown() = %q, %v; want %q", name, err, old.name)
		}
		b.await(2*time.Second, "another leader", func() bool {
			s := old.status()
			return s.Leader != nil && *s.Leader != old.name
		})
		b.t.Logf("handed over in %v", time.Since(began))
		next := b.leader()
		if next == old {
			b.t.Errorf("%s leads again", old.name)
		}
		for _, x := range b.running() {
			if x != next {
				x.stop()
				x.wantEnded(StopWithin + 2*time.Second)
			}
		}
		b.leader()
		_, err = k.StepDown(ctx)
		b.wantCode("step down alone", err, wire.CodeConflict)
		page, err := next.Events(ctx, EventsQuery{})
		if left := func(e Event) bool { return e.Kind == PeerLeft }; err != nil || !slices.ContainsFunc(page.Events, left) || hasKinds(page, PeerLeft, PeerRecovered) {
			b.t.Errorf("who leaves is gone for good: %v, %+v", err, page)
		}
	})
}

// Who stepped down may lead again, should the others die before one of them does.
func TestBubbleStepDownThenAlone(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.start(2)
		old := b.leader()
		peerToken, _ := b.tokens()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		other := b.named(map[string]string{"n1": "n2", "n2": "n1"}[old.name])
		if _, err := b.client(withToken(peerToken)).StepDown(ctx); err != nil {
			b.t.Fatal(err)
		}
		other.kill()
		b.await(30*time.Second, "the lead back", func() bool {
			s := old.status()
			return s.Leader != nil && *s.Leader == old.name
		})
	})
}

// A server under a fault is gone for everybody, says so itself, and is back in time; whoever follows its events goes on at
// another meanwhile, and is told.
func TestBubbleFault(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.start(3)
		b.leader()
		peerToken, _ := b.tokens()
		k := b.client(withToken(peerToken))
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		var from []string
		var told time.Time
		follow, stop := context.WithCancel(ctx)
		followed := make(chan error, 1)
		first := make(chan string, 1)
		go func() {
			followed <- k.Follow(follow, EventsQuery{Max: 2}, func(e Events, lost error) error { // pages too small for what another knows
				if len(from) == 0 {
					first <- e.Node
				} else if lost == nil && from[len(from)-1] != e.Node {
					b.t.Errorf("%s tells after %s, without a word", e.Node, from[len(from)-1])
				}
				from = append(from, e.Node)
				for _, v := range e.Events {
					if v.Time.Before(told) {
						b.t.Errorf("%s tells of %s at %v, after another told of %v", e.Node, v.Kind, v.Time, told)
					}
					told = v.Time
				}
				failed := func(v Event) bool { return v.Kind == PeerFailed && v.Peer == from[0] }
				if from[0] != e.Node && slices.ContainsFunc(e.Events, failed) {
					stop()
				}
				return nil
			})
		}()
		old := b.named(<-first)
		if err := k.Fault(ctx, old.name, 20*time.Second); err != nil {
			b.t.Fatal(err)
		}
		b.await(time.Second, "a server that says it is deaf", func() bool {
			s := old.status()
			return !s.Ready && s.Reason != ""
		})
		rest := slices.DeleteFunc(b.running(), func(x *bubbleNode) bool { return x == old })
		b.await(10*time.Second, "another leader", func() bool {
			return !slices.ContainsFunc(rest, func(x *bubbleNode) bool {
				s := x.status()
				return s.Leader == nil || *s.Leader == old.name
			})
		})
		b.wantCode("a fault of who is deaf", short(k.Fault, old.name), wire.CodeUnreachable)
		if r := b.hide(b.client(nil), photo(40, 30), "meanwhile"); r.Server == old.name {
			b.t.Errorf("%s has done a job", old.name)
		}
		if err := <-followed; !errors.Is(err, context.Canceled) || ctx.Err() != nil {
			b.t.Errorf("followed %v: %v; want another at the end, that saw %s fail", from, err, old.name)
		}
		b.await(30*time.Second, "a server that is back", func() bool {
			page, err := old.Events(ctx, EventsQuery{Max: 1024})
			return err == nil && hasKinds(page, FaultBegun, FaultEnded, NodeResumed, LeaderElected)
		})
		b.leader() // all three agree again
	})
}

// short tries for a few seconds only.
func short(f func(context.Context, string, time.Duration) error, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return f(ctx, name, time.Second)
}

// hasKinds reports whether events of these kinds came in this order, with others between.
func hasKinds(p Events, kinds ...EventKind) bool {
	for _, e := range p.Events {
		if len(kinds) > 0 && e.Kind == kinds[0] {
			kinds = kinds[1:]
		}
	}
	return len(kinds) == 0
}
