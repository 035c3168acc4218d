//go:build linux

package main

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// impostor says what only servers may say, under a key that anybody or any client holds. It is made of two endpoints that
// take that key for the cluster's: one in the name of a real server, one in the place of the victim, whose process start
// every answer to a client tells. So its datagrams are right in all but the key.
type impostor struct {
	self, victim *wire.Endpoint
	victimID     wire.NodeID
	to           netip.AddrPort
	now          time.Time
}

func newImpostor(t *testing.T, key wire.Key, as, victim string, boot wire.Boot, to netip.AddrPort) *impostor {
	t.Helper()
	now := time.Now()
	made := func(name string, boot wire.Boot) *wire.Endpoint {
		return wire.NewEndpoint(now, wire.EndpointConfig{Self: node.IDOf(name), Boot: boot, Peer: []wire.Key{key}, Hello: wire.Hello{Name: name}})
	}
	i := &impostor{self: made(as, wire.Boot{}), victim: made(victim, boot), victimID: node.IDOf(victim), to: to, now: now}
	i.self.Greet(now, to, i.victimID)
	home := netip.MustParseAddrPort("192.0.2.1:1")
	for range 4 { // the greeting of the two, in which nobody else takes part
		for _, d := range i.self.Take() {
			i.victim.Receive(now, home, d.Data)
		}
		for _, d := range i.victim.Take() {
			i.self.Receive(now, to, d.Data)
		}
	}
	if _, open := i.self.Session(i.victimID); !open {
		t.Fatal("the impostor has no session with its own double")
	}
	return i
}

// forge returns the datagrams that say m, greetings included.
func (i *impostor) forge(t *testing.T, m wire.Message) (all [][]byte) {
	t.Helper()
	i.now = i.now.Add(time.Second)
	i.self.Greet(i.now, i.to, i.victimID)
	if _, err := i.self.Send(i.now, i.victimID, m); err != nil {
		t.Fatalf("forge %T: %v", m, err)
	}
	for _, d := range i.self.Take() {
		all = append(all, d.Data)
	}
	return all
}

// lies are what would change who leads, or what is known of jobs.
func lies(epoch uint64, liar wire.NodeID) []wire.Message {
	p := wire.Priority{ID: liar}
	tomb := wire.Record{Job: wire.JobID{1}, Attempt: 9, State: wire.Cancelled, Epoch: epoch + 100, Leader: liar, Server: liar}
	return []wire.Message{
		wire.Coordinator{Epoch: epoch + 100, Leader: liar, Priority: p},
		wire.Election{Phase: wire.Pre, Epoch: epoch + 100, Priority: p},
		wire.Election{Phase: wire.Vote, Epoch: epoch + 100, Priority: p},
		wire.Heartbeat{Sequence: 1 << 40, Epoch: epoch + 100, Leader: liar, Role: wire.Leader, View: 3},
		wire.EpochBehind{Epoch: epoch, Promised: epoch + 1000},
		wire.Leave{Epoch: epoch},
		wire.HistoryAdd{Record: tomb},
		wire.HistoryRemove{Record: tomb},
		wire.RotateToken{Epoch: epoch},
	}
}

// TestForgedElectionsChangeNothing lies to every server in the name of each of its peers and from that peer's own address
// and port, under the published key and under the client token.
func TestForgedElectionsChangeNothing(t *testing.T) {
	for _, mode := range []string{"open", "token"} {
		t.Run(mode, func(t *testing.T) { forgeElections(t, mode) })
	}
}

func forgeElections(t *testing.T, mode string) {
	on := newLAN(t, "n1", "n2", "n3", "client")
	l := newLab(t)
	c := staff(l, on, []string{"n1", "n2", "n3"}, "--clients", mode)
	before, _ := c.agree(10 * time.Second)
	token := l.readToken()
	key, as := wire.OpenKey, wire.KeyRef{Authority: wire.AuthorityOpen}
	if mode == "token" {
		key, as = token.Client, wire.KeyRef{Authority: wire.AuthorityClient}
	}
	sent := 0
	for _, victim := range c.procs {
		to := netip.AddrPortFrom(on.host(victim.name).addr, 47470)
		boot := on.host("client").bootOf(t, to, key, as)
		for _, peer := range others(c.procs, victim) {
			f := on.host(peer.name).forger(t)
			i := newImpostor(t, key, peer.name, victim.name, boot, to)
			from := netip.AddrPortFrom(on.host(peer.name).addr, 47470)
			for range 10 {
				for _, m := range lies(before.epoch, node.IDOf(peer.name)) {
					for _, d := range i.forge(t, m) {
						if err := f.send(captured{from: from, to: to, data: d}); err != nil {
							t.Fatal(err)
						}
						sent++
					}
				}
			}
		}
	}
	quiet(t, c, before, 2*time.Second)
	if after, _ := c.agree(5 * time.Second); after != before {
		t.Errorf("%+v before, %+v after", before, after)
	}
	t.Logf("%d forged datagrams under the %s key: leader %s, epoch %d, ledger unchanged", sent, mode, before.leader, before.epoch)
}

// quiet fails the test when any server changes its mind within a time.
func quiet(t *testing.T, c *crew, was view, d time.Duration) {
	t.Helper()
	until(d, func() bool {
		for _, p := range c.procs {
			s, err := c.see(p)
			if err == nil && (s.Leader == nil || *s.Leader != was.leader || s.Epoch != was.epoch || s.Ledger != was.ledger) {
				t.Errorf("%s changed its mind: leader %v, epoch %d, ledger %+v", p.name, s.Leader, s.Epoch, s.Ledger)
				return true
			}
		}
		return false
	})
}

// bootOf asks a server who leads, as any client does: the answer tells its process start.
func (h *host) bootOf(t *testing.T, server netip.AddrPort, key wire.Key, as wire.KeyRef) wire.Boot {
	t.Helper()
	d := h.questioner(t, key, as)
	defer d.Close()
	return d.ask(server).Boot
}

// questioner is a client's datagram socket and endpoint, without anything that a well-behaved client would do.
type questioner struct {
	t *testing.T
	*net.UDPConn
	ep *wire.Endpoint
	as wire.KeyRef
}

func (h *host) questioner(t *testing.T, key wire.Key, as wire.KeyRef) *questioner {
	t.Helper()
	q := &questioner{t: t, as: as}
	err := h.inside(func() (err error) {
		q.UDPConn, err = net.ListenUDP("udp4", nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	config := wire.EndpointConfig{Self: wire.NodeID{0xbad & 0xff, 1}, Open: as.Authority == wire.AuthorityOpen}
	if !config.Open {
		config.Client = []wire.Key{key}
	}
	q.ep = wire.NewEndpoint(time.Now(), config)
	return q
}

// ask returns the answer to LeaderQuery.
func (q *questioner) ask(server netip.AddrPort) wire.Event {
	q.t.Helper()
	return q.say(server, wire.NodeID{}, wire.Boot{}, wire.LeaderQuery{Nonce: 1})
}

// say sends a question until something answers it.
func (q *questioner) say(server netip.AddrPort, to wire.NodeID, boot wire.Boot, m wire.Message) wire.Event {
	q.t.Helper()
	e, ok := q.try(server, to, boot, m)
	if !ok {
		q.t.Fatalf("%s does not answer %T", server, m)
	}
	return e
}

// try is say for a server that may not answer.
func (q *questioner) try(server netip.AddrPort, to wire.NodeID, boot wire.Boot, m wire.Message) (e wire.Event, ok bool) {
	q.t.Helper()
	buf := make([]byte, 2048)
	for range 8 {
		if err := q.ep.SendTo(time.Now(), server, to, boot, q.as, m); err != nil {
			q.t.Fatalf("send %T: %v", m, err)
		}
		for _, d := range q.ep.Take() {
			q.WriteToUDPAddrPort(d.Data, d.To)
		}
		q.SetReadDeadline(time.Now().Add(250 * time.Millisecond))
		n, from, err := q.ReadFromUDPAddrPort(buf)
		if err != nil {
			continue
		}
		q.ep.Receive(time.Now(), from, buf[:n])
		for _, e := range q.ep.Events() {
			if e.What == wire.Delivered {
				return e, true
			}
		}
	}
	return e, false
}

// readToken is the cluster's peer token.
func (l *lab) readToken() node.Token {
	l.t.Helper()
	text, err := os.ReadFile(l.token)
	if err != nil {
		l.t.Fatal(err)
	}
	token, err := node.ParseToken(string(text))
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}
