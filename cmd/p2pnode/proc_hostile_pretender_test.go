//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/quic-go/quic-go"
	"golang.org/x/crypto/chacha20poly1305"

	"p2pnode/node"
	"p2pnode/wire"
)

// pen writes datagrams by hand (PROTOCOL.md §2): what it says has no bounds, and need not be padded.
type pen struct {
	key     wire.Key
	self    wire.NodeID
	boot    wire.Boot
	counter uint64
}

// write seals one message to a process of a node.
func (p *pen) write(t testing.TB, to wire.NodeID, boot wire.Boot, m wire.Message) []byte {
	t.Helper()
	payload, err := cbor.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	body := map[int]any{1: p.self[:], 2: to[:], 3: boot[:], 8: [][]any{{uint8(m.Kind()), 0, payload}}}
	text, err := cbor.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	id := p.key.ID()
	p.counter++
	head := append([]byte{0x0e, 'P', '2', 'N', wire.Version, 0, id[0], id[1]}, p.boot[:]...)
	head = binary.BigEndian.AppendUint64(head, p.counter)
	a, err := chacha20poly1305.NewX(p.key[:])
	if err != nil {
		t.Fatal(err)
	}
	return a.Seal(head, head[len(head)-chacha20poly1305.NonceSizeX:], text, head)
}

// pretender is a program that answers clients in the place of a server: on both ports, as its fields say.
type pretender struct {
	t     testing.TB
	pen   *pen
	ear   *wire.Endpoint
	conn  *net.UDPConn
	data  *quic.Listener
	title wire.LeaderResponse // what it answers to LeaderQuery, its nonce and the like aside
	work  *wire.TaskAssignmentResponse
	json  []byte // of every Report

	asked, met, heard atomic.Int64 // questions, finished handshakes, streams
	done              chan struct{}
	stop              func()
}

// pretend starts a pretender on a host, under the name of a server. Its certificate is of the cluster of proof, whatever
// cluster its title is of.
func pretend(t testing.TB, h *host, name string, proof node.Secret, shape func(*pretender)) *pretender {
	t.Helper()
	ident, err := node.NewIdentity(proof)
	if err != nil {
		t.Fatal(err)
	}
	id := node.IDOf(name)
	conf, err := ident.ServerTLS(id)
	if err != nil {
		t.Fatal(err)
	}
	p := &pretender{t: t, pen: &pen{key: wire.OpenKey, self: id}, done: make(chan struct{})}
	p.ear = wire.NewEndpoint(time.Now(), wire.EndpointConfig{Self: id, Peer: []wire.Key{ident.Server}, Open: true})
	p.pen.boot = p.ear.Boot()
	at := wire.Node{ID: id, Name: name, Control: []netip.AddrPort{netip.AddrPortFrom(h.addr, 47470)}, Data: []netip.AddrPort{netip.AddrPortFrom(h.addr, 47480)}}
	p.title = wire.LeaderResponse{Leader: id, Epoch: 1 << 40, Nodes: []wire.Node{at}, Cluster: ident.Cluster, Label: "lab", Authority: ident.Authority, Cookie: []byte("trust me")}
	p.work = &wire.TaskAssignmentResponse{Attempt: 1, Epoch: 1 << 40, Leader: id, Server: at, Durable: true}
	if shape != nil {
		shape(p)
	}
	var data net.PacketConn
	err = h.inside(func() (err error) {
		if p.conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: 47470}); err == nil {
			data, err = net.ListenUDP("udp4", &net.UDPAddr{Port: 47480})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.data, err = quic.Listen(data, conf, nil); err != nil {
		t.Fatal(err)
	}
	p.stop = sync.OnceFunc(func() { p.data.Close(); data.Close(); p.conn.Close(); <-p.done })
	go p.answer()
	go p.serve()
	t.Cleanup(p.stop)
	return p
}

// answer tells every client what it wants to hear.
func (p *pretender) answer() {
	defer close(p.done)
	buf := make([]byte, 2048)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.ear.Receive(time.Now(), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n])
		p.ear.Take()
		for _, e := range p.ear.Events() {
			if m := p.reply(e); m != nil {
				p.asked.Add(1)
				p.conn.WriteToUDPAddrPort(p.pen.write(p.t, e.Peer, e.Boot, m), from)
			}
		}
	}
}

func (p *pretender) reply(e wire.Event) wire.Message {
	switch q := e.Message.(type) {
	case wire.LeaderQuery:
		m := p.title
		m.Nonce = q.Nonce
		return m
	case wire.TaskAssignmentRequest:
		m := *p.work
		m.Job = q.Job
		return m
	}
	return nil
}

// serve takes whatever clients bring.
func (p *pretender) serve() {
	for {
		c, err := p.data.Accept(context.Background())
		if err != nil {
			return
		}
		p.met.Add(1)
		go func() {
			for {
				s, err := c.AcceptStream(context.Background())
				if err != nil {
					return
				}
				p.heard.Add(1)
				if _, err := wire.ReadFrame(s, wire.MaxFrame); err == nil {
					wire.WriteFrame(s, wire.Report{JSON: p.json})
				}
				s.Close()
			}
		}()
	}
}

// titleOf is what the servers of a cluster say of it, so that a pretender may say it too: all of it is public.
func (c *crew) titleOf(p *pretender) {
	ident, err := node.NewIdentity(*c.readToken().Secret)
	if err != nil {
		c.t.Fatal(err)
	}
	p.title.Cluster, p.title.Authority = ident.Cluster, ident.Authority
}

// TestClientRefusesAServerOfAnotherAuthority has somebody answer for a cluster that is known: with its id, its public key,
// the name and id of its server, and the highest epoch. All that is public; the certificate it cannot have.
func TestClientRefusesAServerOfAnotherAuthority(t *testing.T) {
	on := newLAN(t, "n1", "liar", "client")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	home, photo := on.host("client"), c.photos()[0]
	wantExit(t, "a job before", c.hides(t.Context(), home, photo, "before").outcome, 0)
	p := pretend(t, on.host("liar"), "n1", node.Secret{1}, c.titleOf)

	c.procs[0].kill()
	r := c.hides(t.Context(), home, photo, "for n1 only", "--timeout", "4s")
	wantExit(t, "only the pretender answers", r.outcome, 4, "UNREACHABLE")
	if p.asked.Load() == 0 {
		t.Error("the pretender was not asked at all")
	}
	wantExit(t, "status of the pretender", c.run(t.Context(), home.prefix(), "status", "--timeout", "2s"), 4)

	c.procs[0].start()
	c.agree(10 * time.Second)
	for i := range times(10, 3) {
		r = c.hides(t.Context(), home, photo, "both answer", "--timeout", "20s", "--server", "10.77.0.1")
		wantExit(t, "a job at the server named, beside a pretender", r.outcome, 0)
		r = c.hides(t.Context(), home, photo, "both answer", "--timeout", "20s")
		t.Logf("job %d with the pretender on the LAN: exit %d %s after %v", i, r.exit, r.Code, r.took.Round(time.Millisecond))
	}
	if p.met.Load() != 0 || p.heard.Load() != 0 {
		t.Errorf("%d handshakes and %d streams with a server of another authority", p.met.Load(), p.heard.Load())
	}
}

// TestServersRefuseAServerOfAnotherAuthority starts a server with another secret under the same names: cluster and node.
func TestServersRefuseAServerOfAnotherAuthority(t *testing.T) {
	on := newLAN(t, "n1", "n2", "other", "client")
	c := staff(newLab(t), on, []string{"n1", "n2"})
	c.agree(10 * time.Second)
	home := on.host("client")
	wantExit(t, "first use", c.hides(t.Context(), home, c.photos()[0], "pinned").outcome, 0)
	before, _ := c.agree(5 * time.Second)

	twin := newLab(t)
	n1 := twin.add("n1", on.host("other").prefix())
	n1.start()
	quiet(t, c, before, 3*time.Second)
	if s, err := (&crew{lab: twin, lan: on, homes: map[*proc]*host{n1: on.host("other")}}).see(n1); err != nil || len(s.Nodes) != 1 {
		t.Errorf("the twin sees %d nodes, %v", len(s.Nodes), err)
	}
	for range times(10, 3) {
		r := c.hides(t.Context(), home, c.photos()[0], "pinned", "--timeout", "20s")
		wantExit(t, "a job of a client that knows the first one", r.outcome, 0)
	}
	if after, _ := c.agree(5 * time.Second); after.leader != before.leader || after.epoch != before.epoch {
		t.Errorf("%+v before, %+v after", before, after)
	}
}
