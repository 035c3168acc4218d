//go:build linux

package main

import (
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

var (
	errRefused = errors.New("refused")
	errUnheard = errors.New("not answered")
)

// traitor is a program that holds a cluster's secret, and is no server of it: it keeps sessions with all servers and says
// what a test makes it say.
type traitor struct {
	t       *testing.T
	conn    *net.UDPConn
	key     wire.Key
	id      wire.NodeID
	servers []netip.AddrPort

	mu      sync.Mutex
	ep      *wire.Endpoint // guarded by mu
	refused bool           // guarded by mu
	heard   int            // bytes; guarded by mu
	beats   uint64         // guarded by mu
	gone    chan struct{}
}

// traitor starts one with the laboratory's present secret, on a host or on loopback.
func (l *lab) traitor(h *host, name string, servers ...string) *traitor {
	l.t.Helper()
	ident, err := node.NewIdentity(*l.readToken().Secret)
	if err != nil {
		l.t.Fatal(err)
	}
	tr := &traitor{t: l.t.(*testing.T), key: ident.Server, id: node.IDOf(name), gone: make(chan struct{})}
	for _, s := range servers {
		tr.servers = append(tr.servers, netip.MustParseAddrPort(s))
	}
	open := func() (err error) {
		tr.conn, err = net.ListenUDP("udp4", nil)
		return err
	}
	if h != nil {
		err = h.inside(open)
	} else {
		err = open()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	tr.hello(wire.Hello{MinVersion: 1, MaxVersion: 1, Name: name})
	go tr.listen()
	l.t.Cleanup(tr.quit)
	return tr
}

// hello makes it a new process that says this of itself.
func (tr *traitor) hello(h wire.Hello) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.refused = false
	tr.ep = wire.NewEndpoint(time.Now(), wire.EndpointConfig{Self: tr.id, Peer: []wire.Key{tr.key}, Hello: h})
}

func (tr *traitor) quit() {
	tr.conn.Close()
	<-tr.gone
}

func (tr *traitor) listen() {
	defer close(tr.gone)
	buf := make([]byte, 2048)
	for {
		tr.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		n, from, err := tr.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		tr.mu.Lock()
		if err == nil {
			tr.heard += n
			tr.ep.Receive(time.Now(), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n])
		}
		tr.ep.Advance(time.Now())
		for _, e := range tr.ep.Events() {
			tr.refused = tr.refused || e.What == wire.Refused
		}
		tr.flush()
		tr.mu.Unlock()
	}
}

// flush sends what the endpoint has to say. tr.mu is held.
func (tr *traitor) flush() {
	for _, d := range tr.ep.Take() {
		tr.conn.WriteToUDPAddrPort(d.Data, d.To)
	}
}

// join greets all servers until it has a session with each, or is refused.
func (tr *traitor) join(within time.Duration) (err error) {
	until(within, func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		switch {
		case tr.refused:
			err = errRefused
		case len(tr.ep.Sessions()) < len(tr.servers):
			err = errUnheard
			for _, s := range tr.servers {
				tr.ep.Greet(time.Now(), s, wire.NodeID{})
			}
			tr.flush()
		default:
			err = nil
		}
		return err != errUnheard
	})
	return err
}

// say says one thing to all servers.
func (tr *traitor) say(m wire.Message) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, s := range tr.ep.Sessions() {
		tr.ep.Send(time.Now(), s.Peer, m) // a queue that is full is full of the same
	}
	tr.flush()
}

// rave claims everything that can be claimed, with an epoch.
func (tr *traitor) rave(epoch uint64) {
	tr.mu.Lock()
	tr.beats++
	beat := wire.Heartbeat{Sequence: tr.beats, Epoch: epoch, Leader: tr.id, Role: wire.Leader, View: 9}
	tr.mu.Unlock()
	p := wire.Priority{ID: tr.id}
	record := wire.Record{Job: wire.JobID{byte(beat.Sequence)}, Attempt: math.MaxUint32, State: wire.Running, Epoch: epoch, Leader: tr.id, Server: tr.id}
	for _, m := range []wire.Message{
		beat, wire.Coordinator{Epoch: epoch, Leader: tr.id, Priority: p},
		wire.Election{Phase: wire.Pre, Epoch: epoch, Priority: p}, wire.Election{Phase: wire.Vote, Epoch: epoch, Priority: p},
		wire.EpochBehind{Epoch: epoch, Promised: epoch}, wire.EpochBehind{Phase: wire.Vote, Epoch: epoch, Promised: epoch},
		wire.LeaderAlive{Phase: wire.Pre, Epoch: epoch, Leader: tr.id, Reign: epoch}, wire.Ping{Sequence: beat.Sequence, Epoch: epoch, Leader: tr.id},
		wire.Pong{Sequence: beat.Sequence, Epoch: epoch, Leader: tr.id}, wire.RotateToken{Epoch: epoch}, wire.HistoryAdd{Record: record},
	} {
		tr.say(m)
	}
}

// controls are the control addresses of a crew.
func (c *crew) controls() (all []string) {
	for _, p := range c.procs {
		all = append(all, netip.AddrPortFrom(c.homes[p].addr, 47470).String())
	}
	return all
}

// TestClusterOutlivesATraitor lets a holder of the secret claim epochs, the highest there are among them, and storm with
// elections. Nothing is promised while it does; once it has stopped the cluster elects, serves, survives the loss of its
// leader, and starts again.
func TestClusterOutlivesATraitor(t *testing.T) {
	for _, mode := range []string{"available", "majority"} {
		t.Run(mode, func(t *testing.T) {
			on := newLAN(t, "n1", "n2", "n3", "liar", "client")
			args := []string{"--quorum", mode}
			if mode == "majority" {
				args = append(args, "--voters", "n1,n2,n3")
			}
			c := staff(newLab(t), on, []string{"n1", "n2", "n3"}, args...)
			v, _ := c.agree(10 * time.Second)
			tr := c.traitor(on.host("liar"), "liar", c.controls()...)
			if err := tr.join(5 * time.Second); err != nil {
				t.Fatal(err)
			}
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 0))
			for i := range times(100, 28) {
				tr.rave([]uint64{math.MaxUint64, math.MaxUint64 - uint64(r.IntN(4)), v.epoch + uint64(r.IntN(1000)), 1 << 63, v.epoch, 1<<32 - 1, 1 << 33}[i%7])
				<-time.After(50 * time.Millisecond)
			}
			tr.quit()
			c.recovers(t, "after the traitor", seed)

			v, _ = c.agree(10 * time.Second)
			leader, rest := c.leads(v)
			leader.kill()
			_, took := c.agree(20*time.Second, rest...)
			t.Logf("a new leader %v after kill -9", took.Round(time.Millisecond))
			leader.start()
			for _, p := range rest {
				p.kill()
			}
			for _, p := range rest {
				p.start()
			}
			c.recovers(t, "after a restart of all", seed)
		})
	}
}

// recovers waits for one leader, and has a job done.
func (c *crew) recovers(t *testing.T, when string, seed uint64) {
	t.Helper()
	v, took := c.agree(20 * time.Second)
	t.Logf("%s (seed %d): leader %s of epoch %#x after %v", when, seed, v.leader, v.epoch, took.Round(time.Millisecond))
	wantExit(t, "a job "+when, c.hides(t.Context(), c.lan.host("client"), c.photos()[0], when, "--timeout", "20s").outcome, 0)
}

// TestNewSecretExpels gives a cluster a new secret, one server after the other, and leaves one member out: with the old
// secret it reaches nobody, and what it says, also in the name of others, changes nothing.
func TestNewSecretExpels(t *testing.T) {
	on := newLAN(t, "n1", "n2", "n3", "liar", "client")
	l := newLab(t)
	c := staff(l, on, []string{"n1", "n2", "n3"})
	c.agree(10 * time.Second)
	tr := l.traitor(on.host("liar"), "liar", c.controls()...)
	if err := tr.join(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	home, photo := on.host("client"), l.photos()[0]
	wantExit(t, "a job before", c.hides(t.Context(), home, photo, "before").outcome, 0)
	old := l.expel(c, tr)
	view, took := c.agree(15 * time.Second)
	t.Logf("three servers with a new secret agree %v after the last one", took.Round(time.Millisecond))

	heard := tr.bytes()
	for _, as := range []string{"liar", "n1"} {
		tr.id = node.IDOf(as)
		tr.hello(wire.Hello{MinVersion: 1, MaxVersion: 1, Name: as})
		if err := tr.join(2 * time.Second); err != errUnheard {
			t.Errorf("the expelled member as %s: %v", as, err)
		}
	}
	if n := tr.bytes() - heard; n > 0 {
		t.Errorf("the expelled member was answered with %d bytes", n)
	}
	on.forgeAsPeers(t, c, old, view.epoch)
	quiet(t, c, view, 2*time.Second)

	token := l.tokenFile("client", "--client", "--token-file", l.token)
	twin := l.twin(on.host("liar"), old) // a whole server of the old cluster, under the name of one of the new
	for range times(10, 3) {
		r := c.hides(t.Context(), home, photo, "with a new token", "--token-file", token, "--timeout", "20s")
		wantExit(t, "a client with a token of the new secret", r.outcome, 0)
	}
	twin.kill()
	wantExit(t, "a client that knows the old one", c.hides(t.Context(), home, photo, "old pin", "--timeout", "4s").outcome, 4, "unknown", "--trust")
	wantExit(t, "and is told to trust", c.hides(t.Context(), home, photo, "new pin", "--timeout", "20s", "--trust").outcome, 0)
	if now, _ := c.agree(5 * time.Second); now.leader != view.leader || now.epoch != view.epoch {
		t.Errorf("%+v before, %+v after", view, now)
	}
}

// bytes is how much it has heard.
func (tr *traitor) bytes() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.heard
}

// expel does what docs/SECURITY.md tells an operator to do, and returns the old secret.
func (l *lab) expel(c *crew, tr *traitor) node.Secret {
	l.t.Helper()
	old := *l.readToken().Secret
	o := l.run(l.t.Context(), nil, "token", "--new")
	if err := os.WriteFile(l.token, o.stdout, 0o600); err != nil || o.exit != 0 {
		l.t.Fatalf("token --new: exit %d, %v", o.exit, err)
	}
	for _, p := range c.procs {
		if code := p.terminate(20 * time.Second); code != 0 {
			l.t.Errorf("%s ends with %d", p.name, code)
		}
		p.launch()
		if code := p.ended(10 * time.Second); code != 2 {
			l.t.Errorf("%s takes a directory of the old secret with the new token: exit %d", p.name, code)
		}
		p.wipe()
		p.start()
		tr.rave(math.MaxUint64)
	}
	return old
}

// twin starts a server named n1 with a secret of its own.
func (l *lab) twin(h *host, secret node.Secret) *proc {
	l.t.Helper()
	other := newLab(l.t)
	if err := os.WriteFile(other.token, []byte(node.PeerToken(secret)+"\n"), 0o600); err != nil {
		l.t.Fatal(err)
	}
	p := other.add("n1", h.prefix())
	p.start()
	return p
}

// forgeAsPeers says under an old secret, from the address of every server to every other, what would change who leads.
func (on *lan) forgeAsPeers(t *testing.T, c *crew, old node.Secret, epoch uint64) {
	t.Helper()
	ident, err := node.NewIdentity(old)
	if err != nil {
		t.Fatal(err)
	}
	f := on.host("liar").forger(t)
	for _, victim := range c.procs {
		to := netip.AddrPortFrom(c.homes[victim].addr, 47470)
		boot := on.host("client").bootOf(t, to, wire.OpenKey, wire.KeyRef{Authority: wire.AuthorityOpen})
		for _, peer := range others(c.procs, victim) {
			i := newImpostor(t, ident.Server, peer.name, victim.name, boot, to)
			for _, m := range lies(epoch, node.IDOf(peer.name)) {
				for _, d := range i.forge(t, m) {
					if err := f.send(captured{from: netip.AddrPortFrom(c.homes[peer].addr, 47470), to: to, data: d}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}
