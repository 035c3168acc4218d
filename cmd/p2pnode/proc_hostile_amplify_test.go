//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// TestNothingIsAmplified asks a server everything that can be asked, as short as it can be asked, in the name of an address
// that asked nothing: under the published key, as a client with a token, and as a holder of the secret without a session.
// However it is asked, no address may get more bytes than were spent on it.
func TestNothingIsAmplified(t *testing.T) {
	on := newLAN(t, "n1", "n2", "liar", "bystander")
	l := newLab(t)
	c := staff(l, on, []string{"n1", "n2"})
	c.agree(10 * time.Second)
	token := l.readToken()
	ident, err := node.NewIdentity(*token.Secret)
	if err != nil {
		t.Fatal(err)
	}
	n1, victim := on.host("n1"), on.host("bystander")
	ipIn(t, n1.ns, "route add 10.77.0.0/16 dev eth0") // to all addresses of the bystander
	to := netip.AddrPortFrom(n1.addr, 47470)
	boot := on.host("liar").bootOf(t, to, wire.OpenKey, wire.KeyRef{Authority: wire.AuthorityOpen})
	tap, f := on.listen(n1, 0), on.host("liar").forger(t)
	type question struct {
		key  string
		pen  *pen
		dest wire.NodeID
		boot wire.Boot
		m    wire.Message
	}
	var all []question
	for _, q := range questions() {
		id := node.IDOf("n1")
		all = append(all,
			question{"open", &pen{key: wire.OpenKey, self: wire.NodeID{1}, boot: wire.Boot{1}}, id, boot, q},
			question{"open, to all", &pen{key: wire.OpenKey, self: wire.NodeID{1}, boot: wire.Boot{2}}, wire.NodeID{}, wire.Boot{}, q},
			question{"client", &pen{key: token.Client, self: wire.NodeID{1}, boot: wire.Boot{3}}, id, boot, q},
			question{"peer, a stranger", &pen{key: ident.Server, self: wire.NodeID{1}, boot: wire.Boot{4}}, id, boot, q},
			question{"peer, to all", &pen{key: ident.Server, self: wire.NodeID{1}, boot: wire.Boot{5}}, wire.NodeID{}, wire.Boot{}, q},
			question{"peer, as n2", &pen{key: ident.Server, self: node.IDOf("n2"), boot: wire.Boot{6}}, id, boot, q},
		)
	}
	for i, q := range all {
		source := victim.alias(t, i)
		for range 20 { // within the budget of one source
			if err := f.send(captured{from: source, to: to, data: q.pen.write(t, q.dest, q.boot, q.m)}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(10 * time.Millisecond) // and of all together
	}
	<-time.After(3 * time.Second) // for answers that come late, or again
	answered := map[string]bool{}
	for i, q := range all {
		source := victim.aliasOf(i)
		in := tap.sum(func(f flow) bool { return f.from == source })
		out := tap.sum(func(f flow) bool { return f.to == source })
		if out.bytes > in.bytes || in.packets != 20 {
			t.Errorf("%s, %T: %d datagrams of %d bytes are answered with %d of %d bytes", q.key, q.m, in.packets, in.bytes, out.packets, out.bytes)
		}
		if out.bytes > 0 {
			answered[fmt.Sprintf("%s %T", q.key, q.m)] = true
			t.Logf("%-16s %-28T %5d bytes in, %5d out", q.key, q.m, in.bytes, out.bytes)
		}
	}
	if len(answered) < 5 || !answered["open wire.LeaderQuery"] {
		t.Errorf("only %d kinds of questions were answered at all: this shows nothing", len(answered))
	}
}

// questions is a message of every kind, as short as it gets, and those that are padded as an honest asker pads them.
func questions() []wire.Message {
	r := wire.Record{Job: wire.JobID{1}, Attempt: 1, State: wire.Assigned, Epoch: 1, Leader: wire.NodeID{1}, Server: wire.NodeID{1}}
	hello := wire.Hello{MinVersion: 1, MaxVersion: 1, Name: "x", Cookie: make([]byte, 16)}
	long := hello
	long.Pad = make([]byte, 500)
	return []wire.Message{
		wire.Hello{Cookie: []byte{1}}, hello, long, wire.HelloAck{Hello: hello}, wire.HelloAck{Hello: hello, Refused: wire.CodeConflict},
		wire.Ping{Sequence: 1}, wire.Pong{Sequence: 1}, wire.PingReq{Target: node.IDOf("n2"), Sequence: 1}, wire.Leave{},
		wire.Heartbeat{Sequence: 1, Epoch: 1}, wire.Election{Phase: wire.Pre, Epoch: 1 << 20}, wire.Election{Phase: wire.Vote, Epoch: 1 << 20},
		wire.Coordinator{Epoch: 1 << 20}, wire.LeaderQuery{Nonce: 1}, wire.LeaderQuery{Nonce: 1, Pad: make([]byte, 1050)},
		wire.TaskAssignmentRequest{Job: wire.JobID{1}}, wire.TaskAssignmentRequest{Cookie: make([]byte, 32), Job: wire.JobID{1}, Pad: make([]byte, 500)},
		wire.TaskStatusQuery{Job: wire.JobID{1}}, wire.TaskStatusQuery{Cookie: make([]byte, 32), Job: wire.JobID{1}, Pad: make([]byte, 500)},
		wire.HistoryAdd{Record: r}, wire.HistoryDigest{Buckets: make([]uint64, 64)}, wire.HistoryPull{Buckets: 1<<64 - 1}, wire.RotateToken{Epoch: 1},
	}
}

// alias gives the host one more address, and returns a port of it.
func (h *host) alias(t *testing.T, i int) netip.AddrPort {
	t.Helper()
	a := h.aliasOf(i)
	ipIn(t, h.ns, "addr add "+a.Addr().String()+"/16 dev eth0")
	return a
}

func (h *host) aliasOf(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(1 + i/200), byte(10 + i%200)}), 9000)
}

// TestReplayedRunChangesNothing overhears a whole run, from the first greeting to a change of leader, and says everything
// again, twice, as everybody who said it: to the servers that were there, and to the same servers after a restart.
func TestReplayedRunChangesNothing(t *testing.T) {
	on := newLAN(t, "n1", "n2", "n3", "client", "liar")
	l := newLab(t)
	var taps []*tap
	for _, name := range []string{"n1", "n2", "n3"} {
		taps = append(taps, on.listen(on.host(name), 30_000))
	}
	c := staff(l, on, []string{"n1", "n2", "n3"})
	v, _ := c.agree(10 * time.Second)
	home, photo := on.host("client"), l.photos()[0]
	for range 2 {
		wantExit(t, "a job to overhear", c.hides(t.Context(), home, photo, "overheard").outcome, 0)
	}
	leader, rest := c.leads(v)
	leader.kill()
	c.agree(15*time.Second, rest...)
	wantExit(t, "a job under the next leader", c.hides(t.Context(), home, photo, "overheard too").outcome, 0)
	leader.start()
	before, _ := c.agree(10 * time.Second)

	capture := overheard(taps)
	c.replay(t, capture, "to the servers it was said to")
	if after, _ := c.agree(10 * time.Second); after != before {
		t.Errorf("%+v before, %+v after", before, after)
	}
	for _, p := range c.procs {
		p.kill()
		p.start()
	}
	before, _ = c.agree(15 * time.Second)
	c.replay(t, capture, "to the same servers after a restart")
	if after, _ := c.agree(10 * time.Second); after != before {
		t.Errorf("after a restart: %+v before, %+v after", before, after)
	}
	wantExit(t, "a job afterwards", c.hides(t.Context(), home, photo, "afterwards").outcome, 0)
}

// overheard joins what several taps have kept, each datagram once.
func overheard(taps []*tap) (all []captured) {
	seen := map[string]bool{}
	for _, p := range taps {
		for _, d := range p.whole() {
			if d.to.Addr() == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
				continue // needs a default route; what goes to it goes to 10.77.0.255 as well
			}
			if key := d.from.String() + d.to.String() + string(d.data); !seen[key] {
				seen[key] = true
				all = append(all, d)
			}
		}
	}
	return all
}

// replay says all of a capture twice in the name of those who said it, and once more from an address that said nothing of it.
func (c *crew) replay(t *testing.T, capture []captured, what string) {
	t.Helper()
	liar := c.lan.host("liar")
	f, p := liar.forger(t), c.lan.listen(liar, 0)
	view, _ := c.agree(10 * time.Second)
	for range 2 {
		for _, d := range capture {
			if err := f.send(d); err != nil {
				t.Fatal(err)
			}
		}
		quiet(t, c, view, time.Second)
	}
	for _, d := range capture {
		d.from = netip.AddrPortFrom(liar.addr, 9000)
		if slices.ContainsFunc(c.procs, func(p *proc) bool { return c.homes[p].addr == d.to.Addr() }) {
			if err := f.send(d); err != nil {
				t.Fatal(err)
			}
		}
	}
	quiet(t, c, view, time.Second)
	in := p.sum(func(f flow) bool { return f.from == netip.AddrPortFrom(liar.addr, 9000) })
	out := p.sum(func(f flow) bool { return f.to == netip.AddrPortFrom(liar.addr, 9000) })
	t.Logf("%d datagrams %s; from a new address %d of %d bytes, answered with %d of %d bytes", len(capture), what, in.packets, in.bytes, out.packets, out.bytes)
	if out.bytes > in.bytes || in.packets == 0 || len(capture) < 500 {
		t.Errorf("%d bytes are answered with %d; %d datagrams were overheard", in.bytes, out.bytes, len(capture))
	}
}
