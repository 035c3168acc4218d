// Package node is a running peer: a pure core that turns datagrams and the passing of time into datagrams, wrapped by
// one loop, two sockets and a bounded pool of workers that hide text in images; and the Client that such a cluster serves.
//
// The loop owns the core. Everything else (readers, workers, sampler, store, scout) hands it a func(now, *core) or a
// datagram and never reaches in. docs/PROTOCOL.md says what is on the wire, docs/ARCHITECTURE.md how the parts fit.
package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"p2pnode/election"
	"p2pnode/wire"
)

// Node is one server. Run starts everything and returns after everything has ended.
type Node struct {
	cfg       Config
	idents    []*Identity // of all secrets accepted; the first is spoken
	loop      *loop
	store     *Store
	results   *Results
	transport *transport

	around atomic.Pointer[surroundings]
	look   chan struct{} // wakes the scout
}

// New opens the store and prepares a server on the sockets it is given; from here on the node owns and closes them.
func New(c Config) (n *Node, err error) {
	if c, err = c.withDefaults(); err != nil {
		return nil, err
	}
	idents, err := identitiesOf(append([]Secret{c.Secret}, c.Also...))
	if err != nil {
		return nil, err
	}
	self := IDOf(c.Name)
	store, snapshot, err := OpenStore(c.Dir, self)
	if err != nil {
		return nil, err
	}
	n = &Node{cfg: c, idents: idents, store: store, look: make(chan struct{}, 1)}
	n.around.Store(c.surroundings())
	heritage, err := inherit(store, snapshot.Cluster, idents)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if !heritage.isZero() {
		snapshot.Heritage = heritage
	}
	if err := errors.Join(store.Bind(idents[0].Cluster, clustersOf(idents[1:])...), n.assemble(self, snapshot)); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return n, nil
}

func (n *Node) assemble(self wire.NodeID, snapshot Snapshot) error {
	results, err := OpenResults(n.cfg.Dir, n.cfg.MaxResults)
	if err != nil {
		return err
	}
	tls, err := n.idents[0].ServerTLS(self, n.idents[1:]...)
	if err != nil {
		return err
	}
	on, err := links(n.cfg.Interfaces)
	if err != nil {
		return err
	}
	k := coreConfig{
		Config: n.cfg, self: self, ident: n.idents[0], also: n.idents[1:], pid: uint32(os.Getpid()), rand: n.cfg.Rand, snapshot: snapshot,
		heritage: snapshot.Heritage,
		control:  advertised(n.cfg.Control, n.cfg.Advertise, on), data: advertised(n.cfg.Data, nil, on),
	}
	if _, err := io.ReadFull(n.cfg.Entropy, k.cookie[:]); err != nil {
		return fmt.Errorf("draw cookie key: %w", err)
	}
	n.results = results
	if err := n.tidy(snapshot); err != nil {
		return err
	}
	n.loop = newLoop(newCore(time.Now(), k), n.cfg.Control, n.cfg.Log, n.cfg.Metrics)
	n.loop.links = on
	n.transport = newTransport(n.cfg, tls, n.idents[0], counter{n.loop}, results, &n.loop.deaf, n.idents[1:]...)
	return nil
}

// tidy removes results that a crash left without a record.
func (n *Node) tidy(s Snapshot) error {
	wanted := map[wire.Digest]bool{}
	for _, m := range s.Mine {
		wanted[m.Result] = true
	}
	removed, err := n.results.Sweep(func(d wire.Digest) bool { return wanted[d] })
	if removed > 0 {
		n.cfg.Log.Info("results without a record removed", "count", removed)
	}
	return err
}

// Run serves until ctx ends; then it finishes running jobs, within StopWithin, hands leadership over and leaves. It
// returns nil after that, or the error that made going on impossible.
func (n *Node) Run(ctx context.Context) error {
	var group sync.WaitGroup
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	start := func(f func()) { group.Go(f) }
	start(func() { ended <- n.loop.run(inner) })
	start(func() { n.store.Run(n.loop.batches, n.committed) })
	start(n.janitor)
	for _, conn := range append([]net.PacketConn{n.cfg.Control}, n.cfg.Broadcast...) {
		start(func() {
			if err := n.loop.read(conn); err != nil {
				n.fail(fmt.Errorf("control socket: %w", err))
			}
		})
	}
	start(func() { n.sample(inner) })
	start(func() { n.scout(inner) })
	start(func() {
		if err := n.transport.run(inner); err != nil {
			n.fail(fmt.Errorf("data socket: %w", err))
		}
	})

	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = n.leave(ended)
	}
	stop()
	n.closeSockets()
	<-n.loop.done
	close(n.loop.batches)
	close(n.loop.drops)
	group.Wait()
	return errors.Join(notStopped(err), n.results.Close(), n.store.Close())
}

func notStopped(err error) error {
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

const (
	// StopWithin bounds how long a stopping server goes on with the jobs it has.
	StopWithin = 10 * time.Second
	leaveFor   = 400 * time.Millisecond // the time Leave has to arrive
	sampleEach = time.Second
	scoutEach  = 5 * time.Second
)

// leave ends the node's part in the cluster politely: the lead goes first, jobs may take their time.
func (n *Node) leave(ended chan error) error {
	bounded, cancel := context.WithTimeout(context.Background(), StopWithin)
	defer cancel()
	n.loop.do(bounded, func(now time.Time, c *core) { c.stop(now) })
	n.transport.finish(bounded)
	n.loop.do(bounded, func(now time.Time, c *core) { c.leave(now) })
	select {
	case err := <-ended:
		return err
	case <-time.After(leaveFor):
		return nil
	}
}

func (n *Node) closeSockets() {
	n.cfg.Control.Close()
	n.cfg.Data.Close()
	for _, b := range n.cfg.Broadcast {
		b.Close()
	}
}

// committed is told by the store how many batches are durable. After a failed commit nothing that waits for the disk may
// be released any more: the node ends.
func (n *Node) committed(count uint64, err error) {
	if err != nil {
		n.fail(fmt.Errorf("store: %w", err))
		return
	}
	select {
	case n.loop.stored <- count:
	case <-n.loop.done:
	}
}

// fail ends the node for a reason; the first one counts. One that could not take jobs any more, but went on to lead and to
// be given them, would be worse than none.
func (n *Node) fail(why error) {
	select {
	case n.loop.failed <- why:
	default:
	}
}

// janitor deletes results that are no longer wanted.
func (n *Node) janitor() {
	for c := range n.loop.drops {
		if err := n.results.tidy(c); err != nil && !errors.Is(err, os.ErrNotExist) {
			n.cfg.Log.Error("result not deleted", "result", c.result.String(), "error", err)
		}
	}
}

// sample measures the machine and tells the core.
func (n *Node) sample(ctx context.Context) {
	for {
		load := n.cfg.Load()
		n.loop.tell(func(_ time.Time, c *core) {
			c.sample(load)
			n.observe(c)
		})
		if !rest(ctx, sampleEach) {
			return
		}
	}
}

// observe tells the monitoring system how far the live peers are.
func (n *Node) observe(c *core) {
	if n.cfg.Metrics == nil {
		return
	}
	for _, p := range c.live() {
		if s, ok := c.ep.Session(p.id); ok && s.RTT > 0 {
			n.cfg.Metrics.RoundTrip(s.RTT)
		}
	}
}

// scout looks where peers may be found: interfaces come and go, names change their addresses.
func (n *Node) scout(ctx context.Context) {
	for {
		on, wide, near := n.places(ctx)
		n.loop.tell(func(now time.Time, c *core) {
			n.loop.links = on
			c.seek(now, wide, near)
		})
		select {
		case <-ctx.Done():
			return
		case <-n.look:
		case <-time.After(scoutEach):
		}
	}
}

func (n *Node) places(ctx context.Context) (on []link, wide, near []netip.AddrPort) {
	around := n.around.Load()
	on, err := links(around.interfaces)
	if err != nil {
		n.cfg.Log.Warn("interfaces not listed", "error", err)
	}
	if !around.quiet {
		wide = targets(on)
	}
	for _, p := range around.peers {
		addrs, err := resolve(ctx, p)
		if err != nil {
			n.cfg.Log.Warn("peer not resolved", "peer", p, "error", err)
		}
		near = append(near, addrs...)
	}
	return on, wide, near
}

// rest waits, and reports whether ctx still goes on.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Status returns what this node knows of the cluster.
func (n *Node) Status(ctx context.Context) (s Status, err error) {
	err = n.loop.do(ctx, func(now time.Time, c *core) { s = c.status(now) })
	return s, err
}

// withDefaults checks c and fills in what is zero.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Name == "" || len(c.Name) > clientNameMax:
		return c, errors.New("node: a name of 1 to 64 bytes is needed")
	case wire.CheckName("name", c.Name) != nil: // nobody would hear a node whose name no message may carry
		return c, fmt.Errorf("node: name %q: %w", c.Name, wire.CheckName("name", c.Name))
	case wire.CheckName("cluster name", c.Cluster) != nil:
		return c, fmt.Errorf("node: cluster %q: %w", c.Cluster, wire.CheckName("cluster name", c.Cluster))
	case c.Secret.IsZero():
		return c, errors.New("node: a cluster secret is needed")
	case CheckSecrets(append([]Secret{c.Secret}, c.Also...)) != nil:
		return c, CheckSecrets(append([]Secret{c.Secret}, c.Also...))
	case c.Dir == "":
		return c, errors.New("node: a directory for the store is needed")
	case c.Control == nil || c.Data == nil:
		return c, errors.New("node: two sockets are needed")
	case c.Quorum == election.Majority && !containsName(c.Voters, c.Name):
		return c, fmt.Errorf("node: majority mode needs the voters' names, %q among them", c.Name)
	}
	c.Dir = filepath.Clean(c.Dir)
	if c.Cluster == "" {
		c.Cluster = "p2pnode"
	}
	c.defaultTimes()
	c.defaultBounds()
	return c, c.defaultTools()
}

func (c *Config) defaultTimes() {
	orElse(&c.Heartbeat, 250*time.Millisecond)
	orElse(&c.Suspect, 600*time.Millisecond)
	orElse(&c.Dead, 1200*time.Millisecond)
	orElse(&c.KeepResults, 7*24*time.Hour)
	orElse(&c.Upload, time.Minute)
	orElse(&c.Absent, 10*time.Minute)
}

func (c *Config) defaultBounds() {
	orElse(&c.Workers, max(1, runtime.GOMAXPROCS(0)-1))
	orElse(&c.Waiting, 1024)
	orElse(&c.MaxPixels, 100_000_000)
	orElse(&c.MaxBytes, 512<<20)
	orElse(&c.MaxResults, 8<<30)
	orElse(&c.MaxJobs, 100_000)
	orElse(&c.MaxOwned, 256)
}

func (c *Config) defaultTools() error {
	if c.Entropy == nil {
		c.Entropy = rand.Reader
	}
	if c.Load == nil || c.MaxMemory == 0 {
		c.measure(NewSampler())
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Rand != nil {
		return nil
	}
	var seed [16]byte
	if _, err := io.ReadFull(c.Entropy, seed[:]); err != nil {
		return fmt.Errorf("draw seed: %w", err)
	}
	c.Rand = mathrand.New(mathrand.NewPCG(binary.BigEndian.Uint64(seed[:8]), binary.BigEndian.Uint64(seed[8:])))
	return nil
}

// measure has the machine say what nobody has configured.
func (c *Config) measure(s *Sampler) {
	if c.Load == nil {
		c.Load = s.Sample
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = max(s.Total()/2, decodedBytes)
	}
}

func orElse[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func containsName(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
