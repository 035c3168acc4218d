package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// rotation is a cluster whose secret is being rotated, with clients that bring jobs all the while.
type rotation struct {
	*bubble
	accepted  []Secret // by nodes that are started from now on; the first is spoken
	old, next Secret

	busy sync.WaitGroup
	done chan struct{} // closed when the clients shall bring no more
	gap  time.Duration // the longest time in which no node led; read after done
}

// A cluster changes its secret, one server after the other, in three rounds (PROTOCOL.md §5.1). All the while clients have
// their jobs done, those of the old token until the last round, those of the new one from the second on; and nothing of
// the old secret is heard after that.
func TestBubbleSecretIsRotated(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		r := &rotation{bubble: b, old: secretOf(7), next: secretOf(8), done: make(chan struct{})}
		r.accepted = []Secret{r.old}
		b.config = func(c *Config) { c.OpenClients, c.Secret, c.Also = false, r.accepted[0], r.accepted[1:] }
		b.start(3)
		b.leader()
		first := b.hide(r.holder(r.old), photo(100, 75), "before")
		r.busy.Go(r.watch)

		old, next := r.using(r.old), r.using(r.next)
		r.working(old, func() { r.round(r.old, r.next) })
		r.working(old, func() {
			r.working(next, func() { r.round(r.next, r.old) })
		})
		r.working(next, func() { r.round(r.next) })

		close(r.done)
		r.busy.Wait()
		if r.gap > 2*time.Second {
			b.t.Errorf("%v without a leader", r.gap)
		}
		b.t.Logf("at most %v without a leader", r.gap)
		if _, kept := b.ledgers(time.Minute)[first.Job]; !kept {
			b.t.Error("the ledger has lost a job of before")
		}
		r.wantDeaf()
	})
}

// round starts every node anew with secrets, one after the other, and waits each time until all agree.
func (r *rotation) round(accepted ...Secret) {
	r.accepted = accepted
	for _, name := range []string{"n1", "n2", "n3"} {
		x := r.named(name)
		x.stop()
		x.restart()
		r.await(10*time.Second, "three nodes that agree", func() bool {
			return !slices.ContainsFunc(r.running(), func(y *bubbleNode) bool { return len(alive(y.status())) != 3 })
		})
		r.leader()
	}
}

// alive lists the nodes that one holds alive, itself included.
func alive(s Status) (names []string) {
	for _, n := range s.Nodes {
		if n.State == "alive" {
			names = append(names, n.Name)
		}
	}
	return names
}

// holder is a client with the client token of a secret.
func (r *rotation) holder(s Secret) *Client {
	text, err := ClientToken(s)
	if err != nil {
		r.t.Fatal(err)
	}
	token, err := ParseToken(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.client(func(c *ClientConfig) { c.Token = &token })
}

// using makes one client of a secret's token, for all jobs.
func (r *rotation) using(s Secret) func() *Client {
	return sync.OnceValue(func() *Client { return r.holder(s) })
}

// working has a client bring one job after another while f runs; client says which one brings the next.
func (r *rotation) working(client func() *Client, f func()) {
	r.t.Helper()
	over, count := make(chan struct{}), 0
	var jobs sync.WaitGroup
	jobs.Go(func() {
		for picture := photo(60, 45); ; count++ {
			select {
			case <-over:
				return
			default:
				r.hide(client(), picture, fmt.Sprintf("job %d", count))
				time.Sleep(200 * time.Millisecond)
			}
		}
	})
	f()
	close(over)
	jobs.Wait()
	if count < 3 {
		r.t.Errorf("%d jobs were done meanwhile, want some", count)
	}
}

// leads reports whether a node leads, and takes jobs.
func (x *bubbleNode) leads() bool {
	s := x.status()
	return s.Leader != nil && *s.Leader == x.name && s.Ready
}

// watch measures how long no node leads.
func (r *rotation) watch() {
	led := time.Now()
	for {
		select {
		case <-r.done:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if slices.ContainsFunc(r.running(), (*bubbleNode).leads) {
			led = time.Now()
		}
		r.gap = max(r.gap, time.Since(led))
	}
}

// wantDeaf holds that the old secret opens nothing any more: not for a server, and not for a client.
func (r *rotation) wantDeaf() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := r.holder(r.old).Encrypt(ctx, jobFor(r.t, photo(60, 45), "late")); !errors.Is(err, ErrNoCluster) {
		r.t.Errorf("a job with the old token: %v, want ErrNoCluster", err)
	}
	r.accepted = []Secret{r.old}
	x := r.boot("n4", netip.AddrFrom4([4]byte{10, 0, 0, 4}), r.dir())
	time.Sleep(10 * time.Second)
	if got := alive(x.status()); len(got) != 1 {
		r.t.Errorf("a server with the old secret meets %v", got)
	}
	for _, y := range r.running() {
		if y != x && slices.ContainsFunc(y.status().Nodes, func(n NodeStatus) bool { return n.Name == "n4" }) {
			r.t.Errorf("%s lists the server with the old secret", y.name)
		}
	}
}

// Clients without a token follow a cluster to its new secret, on the word of the old one: those that ask all the while, those
// that come back after it, and those that have never met it, at whatever moment.
func TestBubblePinsFollowTheSecret(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		r := &rotation{bubble: b, old: secretOf(7), next: secretOf(8)}
		r.accepted = []Secret{r.old}
		b.config = func(c *Config) { c.Secret, c.Also = r.accepted[0], r.accepted[1:] }
		b.start(3)
		b.leader()
		dir := b.t.TempDir()
		away, steady := filepath.Join(dir, "away"), filepath.Join(dir, "steady")
		b.hide(r.pinning(away), photo(60, 45), "before")
		met, err := os.ReadFile(away)
		if err != nil {
			b.t.Fatal(err)
		}
		fresh := 0
		everybody := func(f func()) {
			r.working(func() *Client { return r.pinning(steady) }, func() {
				r.working(func() *Client { fresh++; return r.pinning(filepath.Join(dir, fmt.Sprint("new", fresh))) }, func() {
					r.working(func() *Client { return r.pinning(copied(b.t, met)) }, f)
				})
			})
		}
		everybody(func() { r.round(r.old, r.next) })
		r.wantPinned(steady, r.old)
		everybody(func() { r.round(r.next, r.old) })
		r.wantPinned(steady, r.next)
		everybody(func() { r.round(r.next) })
		b.hide(r.pinning(away), photo(60, 45), "back again")
		r.wantPinned(away, r.next)
	})
}

// pinning is a client without a token that knows what a file says.
func (r *rotation) pinning(pins string) *Client {
	return r.client(func(c *ClientConfig) { c.Pins = pins })
}

// copied writes a known-clusters file of its own.
func copied(t testing.TB, content []byte) string {
	path := filepath.Join(t.TempDir(), "pins")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Error(err)
	}
	return path
}

// wantPinned holds that a file knows one cluster, that of a secret.
func (r *rotation) wantPinned(path string, s Secret) {
	r.t.Helper()
	pins, err := OpenPins(path)
	if err != nil {
		r.t.Fatal(err)
	}
	if known := pins.Known(); len(known) != 1 || known[0].Cluster != identityOf(r.t, s[0]).Cluster {
		r.t.Errorf("%s knows %+v, want one cluster, %v", filepath.Base(path), known, identityOf(r.t, s[0]).Cluster)
	}
}

// A directory goes only where its secret is accepted: who has missed the rounds starts with no other secret.
func TestBubbleMissedRoundIsRefused(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.start(1)
		b.leader()
		x := b.named("n1")
		x.stop()
		x.wantEnded(StopWithin)
		c := x.cfg
		c.Secret, c.Control, c.Data = secretOf(8), b.listen(netip.AddrPortFrom(x.host, 1)), b.listen(netip.AddrPortFrom(x.host, 2))
		defer c.Control.Close()
		defer c.Data.Close()
		var foreign *ForeignStoreError
		if _, err := New(c); !errors.As(err, &foreign) || foreign.What != "cluster" {
			b.t.Errorf("New with another secret: %v, want a *ForeignStoreError", err)
		}
		c.Also = []Secret{secretOf(8)}
		if _, err := New(c); !errors.Is(err, ErrSecretTwice) {
			b.t.Errorf("New with one secret twice: %v, want ErrSecretTwice", err)
		}
	})
}
