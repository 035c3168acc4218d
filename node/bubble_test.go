package node

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// Ring 3: whole nodes and clients, with real QUIC, TLS, stores and result files, on a simulated network in the time of a
// bubble. The network's faults and the nodes' jitter follow from the seed; which goroutine runs first does not.
var (
	bubbleSeed  = flag.Uint64("bubble.seed", 0, "run bubbles with this seed only")
	bubbleSeeds = flag.Int("bubble.seeds", 1, "how many seeds of each bubble")
	bubbleJobs  = flag.Int("bubble.jobs", 120, "how many jobs the crowd brings at once")
)

// bubbleLife is how long a bubble may last, in its own time.
const bubbleLife = time.Hour

// bubble is one cluster with its clients, in a bubble of testing/synctest.
type bubble struct {
	t      *testing.T
	hub    *wiretest.Hub
	secret Secret
	seed   uint64
	config func(*Config) // changes every node's configuration; nil: nothing
	hosts  []netip.Addr  // where nodes are, or will be

	mu       sync.Mutex
	nodes    []*bubbleNode
	guests   []netip.Addr     // hosts of clients
	sockets  []netip.AddrPort // of clients
	burdened string           // name of the node whose cores are busy
}

// bubbleNode is one process of a server.
type bubbleNode struct {
	*Node
	b     *bubble
	name  string
	host  netip.Addr
	stop  context.CancelFunc
	ended chan struct{} // closed when Run has returned
	err   error         // what Run returned
}

// inBubbles runs f in a bubble for every seed asked for.
func inBubbles(t *testing.T, f func(b *bubble)) {
	t.Helper()
	for seed := range uint64(*bubbleSeeds) {
		if seed++; *bubbleSeed != 0 {
			seed = *bubbleSeed
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			cryptotest.SetGlobalRandom(t, seed)
			synctest.Test(t, func(t *testing.T) {
				defer time.AfterFunc(bubbleLife, func() { panic("this bubble never ends") }).Stop()
				f(&bubble{t: t, seed: seed, hub: wiretest.NewHub(wiretest.New(seed)), secret: secretOf(7)})
			})
		})
		if *bubbleSeed != 0 {
			return
		}
	}
}

// faults sets how the network mistreats datagrams; every one takes a millisecond at least.
func (b *bubble) faults(f wiretest.Faults) {
	f.Delay += time.Millisecond
	b.hub.Do(func(n *wiretest.Network) { n.SetFaults(f) })
}

// start boots nodes n1, n2, …, which know each other's addresses.
func (b *bubble) start(count int) {
	b.t.Helper()
	for i := range count {
		b.hosts = append(b.hosts, netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}))
	}
	for i, host := range b.hosts {
		b.boot(fmt.Sprintf("n%d", i+1), host, b.dir())
	}
	b.t.Cleanup(b.close)
}

// dir makes a directory for a node: in memory where the system has such a place, because how long a disk takes is not what
// bubbles are about.
func (b *bubble) dir() string {
	dir, err := os.MkdirTemp("/dev/shm", "p2pnode-bubble-")
	if err != nil {
		return b.t.TempDir()
	}
	b.t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (b *bubble) boot(name string, host netip.Addr, dir string) *bubbleNode {
	b.t.Helper()
	c := Config{
		Name: name, Secret: b.secret, Dir: dir, Quiet: true, OpenClients: true, Workers: 2, MaxPixels: 4e6,
		Control: b.listen(netip.AddrPortFrom(host, controlPort)), Data: b.listen(netip.AddrPortFrom(host, dataPort)),
		Load: func() wire.Load { return b.load(name) }, Rand: rand.New(rand.NewPCG(b.seed, uint64(host.As4()[3]))),
	}
	for _, h := range b.hosts {
		if h != host {
			c.Peers = append(c.Peers, netip.AddrPortFrom(h, controlPort).String())
		}
	}
	if b.config != nil {
		b.config(&c)
	}
	n, err := New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	x := &bubbleNode{Node: n, b: b, name: name, host: host, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(x.ended)
		x.err = n.Run(ctx)
	}()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = append(b.nodes, x)
	return x
}

// load is what a node measures: nothing, or that all its cores are busy.
func (b *bubble) load(name string) wire.Load {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.burdened == name {
		return wire.Load{CPU: 10000, Score: 5000}
	}
	return wire.Load{}
}

// burden makes a node one that no job goes to while there are others, and waits until they know.
func (b *bubble) burden(x *bubbleNode) {
	b.mu.Lock()
	b.burdened = x.name
	b.mu.Unlock()
	b.await(10*time.Second, "a load known to all", func() bool {
		return !slices.ContainsFunc(b.running(), func(y *bubbleNode) bool {
			return !slices.ContainsFunc(y.status().Nodes, func(n NodeStatus) bool { return n.Name == x.name && n.CPU > 90 })
		})
	})
}

func (b *bubble) listen(a netip.AddrPort) net.PacketConn {
	c, err := b.hub.Listen(a)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// close stops every node that still runs.
func (b *bubble) close() {
	for _, x := range b.nodes {
		x.stop()
	}
	for _, x := range b.nodes {
		x.wantEnded(StopWithin + 2*time.Second)
	}
}

// wantEnded waits until Run has returned, which must take no longer than within and bring no error.
func (x *bubbleNode) wantEnded(within time.Duration) {
	x.b.t.Helper()
	began := time.Now()
	<-x.ended
	if took := time.Since(began); x.err != nil || took > within {
		x.b.t.Errorf("%s: Run returned %v after %v, want nil within %v", x.name, x.err, took, within)
	}
}

// kill makes a node vanish without a word: nothing it says is heard any more. Its process ends as soon as it can.
func (x *bubbleNode) kill() {
	x.b.cut(x.host)
	x.stop()
}

// cut separates a host from all others; what is on its way to clients is lost too.
func (b *bubble) cut(host netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	others := slices.DeleteFunc(slices.Concat(b.hosts, b.guests), func(a netip.Addr) bool { return a == host })
	b.hub.Do(func(n *wiretest.Network) { n.Partition([]netip.Addr{host}, others) })
	b.blink(5 * time.Millisecond)
}

// blink takes the clients off the network for a moment. The caller holds mu.
func (b *bubble) blink(d time.Duration) {
	sockets := slices.Clone(b.sockets)
	each := func(f func(*wiretest.Network, netip.AddrPort)) {
		b.hub.Do(func(n *wiretest.Network) {
			for _, a := range sockets {
				f(n, a)
			}
		})
	}
	each((*wiretest.Network).Detach)
	time.AfterFunc(d, func() { each((*wiretest.Network).Attach) })
}

// restart starts a killed node again, with what is on its disk, and heals the network.
func (x *bubbleNode) restart() *bubbleNode {
	x.b.t.Helper()
	x.wantEnded(StopWithin + 2*time.Second)
	x.b.hub.Do((*wiretest.Network).Heal)
	x.b.mu.Lock()
	x.b.nodes = slices.DeleteFunc(x.b.nodes, func(y *bubbleNode) bool { return x == y })
	x.b.mu.Unlock()
	return x.b.boot(x.name, x.host, x.cfg.Dir)
}

func (b *bubble) named(name string) *bubbleNode {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.nodes, func(x *bubbleNode) bool { return x.name == name })
	if i < 0 {
		b.t.Fatalf("no node %q", name)
	}
	return b.nodes[i]
}

// running returns the nodes whose Run has not been asked to end.
func (b *bubble) running() []*bubbleNode {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.nodes), func(x *bubbleNode) bool {
		select {
		case <-x.ended:
			return true
		default:
			return false
		}
	})
}

// await polls until ok, for so long at most.
func (b *bubble) await(d time.Duration, what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("not within %v: %s%s", d, what, b.describe())
		}
	}
}

// describe tells what every running node thinks.
func (b *bubble) describe() (text string) {
	for _, x := range b.running() {
		s := x.status()
		leader := "nobody"
		if s.Leader != nil {
			leader = *s.Leader
		}
		text += fmt.Sprintf("\n%s: leader %s, epoch %d, ready %v %s, ledger %+v, jobs %+v", x.name, leader, s.Epoch, s.Ready, s.Reason, s.Ledger, s.Jobs)
	}
	return text
}

// status returns what a node knows; a node that has ended knows nothing.
func (x *bubbleNode) status() Status {
	s, err := x.Status(context.Background())
	if err != nil {
		return Status{}
	}
	return s
}

// leader waits until all running nodes agree on a leader that is ready.
func (b *bubble) leader() *bubbleNode {
	b.t.Helper()
	var name string
	b.await(time.Minute, "one leader", func() bool {
		name = ""
		for _, x := range b.running() {
			s := x.status()
			if s.Leader == nil || !s.Ready || name != "" && name != *s.Leader {
				return false
			}
			name = *s.Leader
		}
		return name != ""
	})
	return b.named(name)
}

// client makes a Client on a host of its own.
func (b *bubble) client(change func(*ClientConfig)) *Client {
	b.t.Helper()
	b.mu.Lock()
	host := netip.AddrFrom4([4]byte{10, 0, byte(1 + len(b.guests)/250), byte(1 + len(b.guests)%250)})
	b.guests = append(b.guests, host)
	number := uint64(len(b.guests))
	b.mu.Unlock()
	c := ClientConfig{
		Name: "tester", Pins: filepath.Join(b.t.TempDir(), "pins"), Rand: rand.New(rand.NewPCG(b.seed, 1<<32|number)),
		Listen: func() (net.PacketConn, error) {
			conn, err := b.hub.Listen(netip.AddrPortFrom(host, 0))
			if err == nil {
				b.mu.Lock()
				b.sockets = append(b.sockets, addrPort(conn.LocalAddr()))
				b.mu.Unlock()
			}
			return conn, err
		},
	}
	for _, h := range b.hosts {
		c.Servers = append(c.Servers, netip.AddrPortFrom(h, controlPort).String())
	}
	if change != nil {
		change(&c)
	}
	k, err := NewClient(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { k.Close() })
	return k
}

// hide sends one job, and checks what comes back.
func (b *bubble) hide(k *Client, picture []byte, text string) Receipt {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	j := jobFor(b.t, picture, text)
	r, err := k.Encrypt(ctx, j)
	if err != nil {
		b.t.Errorf("Encrypt(%q): %v after %d attempts (tried %v)", text, err, r.Attempts, Tried(err))
		return r
	}
	wantText(b.t, j, text)
	if !r.Verified {
		b.t.Errorf("%q: not verified: %+v", text, r)
	}
	return r
}
