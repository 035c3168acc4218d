package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2pnode/stego"
	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// office is a cluster reduced to what clients and workers see of one: a leader that assigns, and a ledger that everybody
// shares. It lives in a bubble of testing/synctest, on a simulated network.
type office struct {
	t     *testing.T
	hub   *wiretest.Hub
	ident *Identity
	token bool // jobs need a token

	mu      sync.Mutex
	posts   []*post
	clients []netip.AddrPort // sockets of clients
	leader  *post
	epoch   uint64
	jobs    map[wire.JobID]*page
	refuse  *verdict     // what begin answers, if set
	begun   []wire.JobID // jobs whose work began, in this order
}

// page is one job in the office's ledger.
type page struct {
	attempt   uint32
	server    wire.NodeID
	begun     int // accepted by begin without a result
	done      int
	acked     int
	cancelled int
	code      wire.Code
}

// post is one server: a real transport with a clerk instead of a core.
type post struct {
	o         *office
	name      string
	control   *wiretest.Conn
	transport *transport
	results   *Results
	dead      bool // guarded by o.mu
	mine      map[wire.JobID]*Mine
	lies      int // 1: its results' bytes are not what it announces; 2: it announces another picture; 3: it announces far too many bytes
	stop      context.CancelFunc
	ended     sync.WaitGroup
}

var clientHost = netip.MustParseAddr("10.0.0.99")

func newOffice(t *testing.T, names ...string) *office {
	t.Helper()
	network := wiretest.New(1)
	network.SetFaults(wiretest.Faults{Delay: 200 * time.Microsecond})
	o := &office{t: t, hub: wiretest.NewHub(network), ident: identityOf(t, 7), jobs: map[wire.JobID]*page{}, epoch: 3}
	for i, name := range names {
		o.open(name, netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), nil)
	}
	o.leader = o.posts[0]
	t.Cleanup(o.close)
	return o
}

// open adds a server; change may alter its configuration.
func (o *office) open(name string, host netip.Addr, change func(*Config)) *post {
	o.t.Helper()
	control, err := o.hub.Listen(netip.AddrPortFrom(host, controlPort))
	if err != nil {
		o.t.Fatal(err)
	}
	data, err := o.hub.Listen(netip.AddrPortFrom(host, dataPort))
	if err != nil {
		o.t.Fatal(err)
	}
	dir := o.t.TempDir()
	results, err := OpenResults(dir, 1<<30)
	if err != nil {
		o.t.Fatal(err)
	}
	tls, err := o.ident.ServerTLS(IDOf(name))
	if err != nil {
		o.t.Fatal(err)
	}
	c := Config{
		Name: name, Dir: dir, Control: control, Data: data, OpenClients: !o.token, Workers: 1, Waiting: 4,
		MaxBytes: 64 << 20, MaxResults: 1 << 30, MaxPixels: 4e6, MaxMemory: 48 << 20, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&c)
	}
	p := &post{o: o, name: name, control: control, results: results, mine: map[wire.JobID]*Mine{}}
	p.transport = newTransport(c, tls, o.ident, p, results, new(atomic.Bool))
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.ended.Go(p.serve)
	p.ended.Go(func() {
		if err := p.transport.run(ctx); err != nil {
			o.t.Errorf("transport of %s: %v", name, err)
		}
	})
	o.posts = append(o.posts, p)
	return p
}

func (o *office) close() {
	for _, p := range o.posts {
		p.end()
	}
}

func (p *post) end() {
	p.stop()
	p.control.Close()
	p.ended.Wait()
	p.transport.cfg.Data.Close()
	p.results.Close()
}

// kill makes a server vanish without a word, as kill -9 does; the leader knows.
func (o *office) kill(p *post) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.dead = true
	rest := []netip.Addr{clientHost}
	for _, q := range o.posts {
		if q != p {
			rest = append(rest, addrPort(q.control.LocalAddr()).Addr())
		}
	}
	o.hub.Do(func(n *wiretest.Network) { n.Partition([]netip.Addr{addrPort(p.control.LocalAddr()).Addr()}, rest) })
	o.blink(2 * time.Millisecond)
	if o.leader == p {
		o.epoch++
		o.leader = o.posts[slices.IndexFunc(o.posts, func(q *post) bool { return !q.dead })]
	}
}

// restart kills a server, and starts it again with nothing in its memory.
func (o *office) restart(p *post) {
	host := addrPort(p.control.LocalAddr()).Addr()
	o.hub.Do(func(n *wiretest.Network) { n.Partition([]netip.Addr{host}, []netip.Addr{clientHost}) })
	p.end()
	o.hub.Do((*wiretest.Network).Heal)
	fresh := o.open(p.name, host, nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.posts = slices.DeleteFunc(o.posts, func(q *post) bool { return q == p })
	if o.leader == p {
		o.leader = fresh
	}
}

// blink loses what flies to the clients just now. The caller holds mu.
func (o *office) blink(d time.Duration) {
	each := func(f func(*wiretest.Network, netip.AddrPort)) {
		o.hub.Do(func(n *wiretest.Network) {
			for _, a := range o.clients {
				f(n, a)
			}
		})
	}
	each((*wiretest.Network).Detach)
	time.AfterFunc(d, func() { each((*wiretest.Network).Attach) })
}

func (o *office) named(name string) *post {
	return o.posts[slices.IndexFunc(o.posts, func(p *post) bool { return p.name == name })]
}

// serve is the clerk's counter: datagrams in, answers out.
func (p *post) serve() {
	e := wire.NewEndpoint(time.Now(), wire.EndpointConfig{
		Self: IDOf(p.name), Peer: []wire.Key{p.o.ident.Server}, Client: []wire.Key{p.o.ident.Client}, Open: !p.o.token,
	})
	buf := make([]byte, 2048)
	for {
		n, from, err := p.control.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		e.Receive(time.Now(), addrPort(from), buf[:n])
		for _, ev := range e.Events() {
			for _, m := range p.o.answer(p, ev) {
				if err := e.SendTo(time.Now(), ev.Addr, ev.Peer, ev.Boot, ev.Key, m); err != nil {
					p.o.t.Errorf("%s: answer %v: %v", p.name, m.Kind(), err)
				}
			}
		}
		for _, d := range e.Take() {
			p.control.WriteTo(d.Data, net.UDPAddrFromAddrPort(d.To))
		}
	}
}

// answer is what a server's core would say.
func (o *office) answer(p *post, ev wire.Event) []wire.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch m := ev.Message.(type) {
	case wire.LeaderQuery:
		r := wire.LeaderResponse{
			Nonce: m.Nonce, Epoch: o.epoch, Nodes: []wire.Node{p.node()}, Cluster: o.ident.Cluster, Label: "test",
			Authority: o.ident.Authority, Cookie: []byte("cookie"), Token: o.token,
		}
		if o.leader != nil {
			r.Leader = IDOf(o.leader.name)
			r.Nodes = append(r.Nodes, o.leader.node())
		}
		return []wire.Message{r}
	case wire.TaskAssignmentRequest:
		return []wire.Message{o.assign(p, m)}
	case wire.TaskStatusQuery:
		e := o.jobs[m.Job]
		if e == nil {
			return []wire.Message{wire.TaskStatusResponse{Job: m.Job}}
		}
		return []wire.Message{wire.TaskStatusResponse{Job: m.Job, State: wire.Running, Attempt: e.attempt, Server: wire.Node{ID: e.server}}}
	}
	return nil
}

func (p *post) node() wire.Node {
	return wire.Node{
		ID: IDOf(p.name), Name: p.name, Control: []netip.AddrPort{addrPort(p.control.LocalAddr())},
		Data: []netip.AddrPort{addrPort(p.transport.cfg.Data.LocalAddr())},
	}
}

// assign gives a job to the first server that lives and is not to be avoided.
func (o *office) assign(p *post, m wire.TaskAssignmentRequest) wire.Message {
	if p != o.leader {
		return wire.NotLeader{Job: m.Job, Leader: o.leader.node(), Epoch: o.epoch}
	}
	e := o.jobs[m.Job]
	if e == nil {
		e = &page{}
		o.jobs[m.Job] = e
	}
	if e.attempt == 0 || slices.Contains(m.Avoid, e.server) || o.deadServer(e.server) {
		e.attempt++
		e.server = IDOf(o.choose(m.Avoid).name)
	}
	return wire.TaskAssignmentResponse{Job: m.Job, Attempt: e.attempt, Epoch: o.epoch, Leader: IDOf(p.name), Server: o.byID(e.server).node(), Durable: true}
}

func (o *office) choose(avoid []wire.NodeID) *post {
	var any *post
	for _, p := range o.posts {
		switch {
		case p.dead:
		case !slices.Contains(avoid, IDOf(p.name)):
			return p
		case any == nil:
			any = p
		}
	}
	return any
}

func (o *office) byID(id wire.NodeID) *post {
	return o.posts[slices.IndexFunc(o.posts, func(p *post) bool { return IDOf(p.name) == id })]
}

func (o *office) deadServer(id wire.NodeID) bool { return o.byID(id).dead }

// The desk of one server.

func (p *post) begin(_ context.Context, t task) (verdict, error) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if p.o.refuse != nil {
		return *p.o.refuse, nil
	}
	e := p.o.jobs[t.Job]
	if e == nil {
		e = &page{}
		p.o.jobs[t.Job] = e
	}
	if m := p.mine[t.Job]; m != nil {
		if m.Request != t.Content || m.Image != t.Request.Image {
			return verdict{Code: wire.CodeConflict, Detail: "other content"}, nil
		}
		return verdict{Stored: m, Attempt: e.attempt}, nil
	}
	if e.cancelled > 0 {
		return verdict{Code: wire.CodeCancelled}, nil
	}
	if p.lies > 0 {
		return verdict{Stored: p.forge(t), Attempt: e.attempt}, nil
	}
	e.begun++
	return verdict{Attempt: e.attempt}, nil
}

// forge stores a picture that is not the job's result, as if it were.
func (p *post) forge(t task) *Mine {
	f, err := p.results.Create()
	if err != nil {
		p.o.t.Fatal(err)
	}
	f.Write(p.lie())
	d, n, err := f.Commit()
	if err != nil {
		p.o.t.Fatal(err)
	}
	if p.lies == 1 {
		d[0]++
		if err := os.WriteFile(filepath.Join(p.transport.cfg.Dir, "results", nameOf(d)), photo(200, 150), 0o600); err != nil {
			p.o.t.Fatal(err)
		}
	}
	return &Mine{Job: t.Job, Image: t.Request.Image, Request: t.Content, Result: d, Size: n}
}

// lie is what such a server gives as a result.
func (p *post) lie() []byte {
	if p.lies > 2 {
		return make([]byte, 8<<20)
	}
	return photo(200, 150)
}

func (p *post) finish(_ context.Context, job wire.JobID, o outcome) error {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	e := p.o.jobs[job]
	if e.code = o.Code; o.Code == wire.CodeOK {
		e.done++
		m := o.Mine
		p.mine[job] = &m
	}
	return nil
}

func (p *post) stored(_ context.Context, job wire.JobID) (*Mine, error) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	return p.mine[job], nil
}

func (p *post) ack(_ context.Context, job wire.JobID, _ wire.Digest) error {
	return p.count(job, func(e *page) { e.acked++ })
}

func (p *post) cancel(_ context.Context, job wire.JobID) error {
	return p.count(job, func(e *page) { e.cancelled++ })
}

func (p *post) count(job wire.JobID, f func(e *page)) error {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if e := p.o.jobs[job]; e != nil {
		f(e)
	}
	return nil
}

func (p *post) report(_ context.Context, q wire.Query, _ viewer) (any, error) {
	if q.What != "status" {
		return nil, &RemoteError{Code: wire.CodeUsage}
	}
	return map[string]string{"self": p.name}, nil
}

func (p *post) fault(context.Context, time.Duration) error { return nil }
func (p *post) stepDown(context.Context) error             { return nil }

func (p *post) seen(job wire.JobID) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	p.o.begun = append(p.o.begun, job)
}
func (p *post) active(int) {}

// page returns a copy of the only job's page.
func (o *office) page() page {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.jobs) != 1 {
		o.t.Fatalf("%d jobs in the ledger, want 1", len(o.jobs))
	}
	for _, e := range o.jobs {
		return *e
	}
	return page{}
}

// client makes a Client on the office's network; change may alter its configuration.
func (o *office) client(change func(*ClientConfig)) *Client {
	o.t.Helper()
	c := ClientConfig{
		Name: "tester", Pins: filepath.Join(o.t.TempDir(), "pins"),
		Listen: func() (net.PacketConn, error) {
			conn, err := o.hub.Listen(netip.AddrPortFrom(clientHost, 0))
			if err == nil {
				o.clients = append(o.clients, addrPort(conn.LocalAddr()))
			}
			return conn, err
		},
	}
	for _, p := range o.posts {
		c.Servers = append(c.Servers, p.control.LocalAddr().String())
	}
	if change != nil {
		change(&c)
	}
	k, err := NewClient(c)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { k.Close() })
	return k
}

// jobFor seals a text for a picture, as the command does.
func jobFor(t *testing.T, picture []byte, text string) Job {
	t.Helper()
	info, err := stego.Measure(bytes.NewReader(picture), stego.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p := stego.Payload{Kind: stego.Text, Data: []byte(text)}
	e, err := stego.Seal(p, info, stego.SealOptions{Format: stego.V1})
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out.png"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return Job{Name: "photo.png", Image: bytes.NewReader(picture), Size: int64(len(picture)), Embedding: e, Payload: p, Output: out}
}

// wantText fails unless the job's output holds a text.
func wantText(t *testing.T, j Job, text string) {
	t.Helper()
	got, err := os.ReadFile(j.Output.Name())
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := stego.Extract(bytes.NewReader(got), stego.ExtractOptions{})
	if err != nil || string(p.Data) != text {
		t.Errorf("Extract = %q, %v, want %q", p.Data, err, text)
	}
}

// order returns the jobs whose work began.
func (o *office) order() []wire.JobID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.begun)
}
