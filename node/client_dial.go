package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

const (
	dialTimeout   = 2 * time.Second
	dialStagger   = 250 * time.Millisecond // between the addresses of one server
	silentAfter   = 5 * time.Second        // without any packet, a server is held lost
	keepAlive     = time.Second
	clientWindow  = 4 << 20
	closedNormal  = 0
	closedAbandon = 1
)

// dialer holds the QUIC socket of a client and the connections on it, one per server, used by all its jobs.
type dialer struct {
	transport *quic.Transport
	config    *quic.Config
	on        func() []link
	extra     int // connections that a split transfer gets besides its first; zero: none is split

	mu      sync.Mutex
	conns   map[wire.NodeID]*quic.Conn // guarded by mu
	dialled map[wire.NodeID]*dialling  // under way; guarded by mu
}

// dialling is one job's attempt to reach a server, for which others wait.
type dialling struct {
	over chan struct{} // closed when it has ended
	err  error         // why it was in vain; nil if it was not, or its job was given up. Set before over is closed
}

func newDialer(conn net.PacketConn, on func() []link, extra int) *dialer {
	return &dialer{
		transport: &quic.Transport{Conn: joinDatagrams(conn), ConnectionIDLength: 8},
		config: &quic.Config{
			HandshakeIdleTimeout: dialTimeout, MaxIdleTimeout: silentAfter, KeepAlivePeriod: keepAlive,
			InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: clientWindow,
			InitialConnectionReceiveWindow: 1 << 20, MaxConnectionReceiveWindow: clientWindow,
			MaxIncomingStreams: -1, MaxIncomingUniStreams: -1,
		},
		on: on, extra: extra, conns: map[wire.NodeID]*quic.Conn{}, dialled: map[wire.NodeID]*dialling{},
	}
}

// close says goodbye on all connections and closes the socket.
func (d *dialer) close() error {
	d.mu.Lock()
	for _, c := range d.conns {
		c.CloseWithError(closedNormal, "")
	}
	clear(d.conns)
	d.mu.Unlock()
	return errors.Join(d.transport.Close(), d.transport.Conn.Close())
}

// connect returns a connection to the server of an assignment: one that stands, or else a new one, which jobs that want it
// at the same time share. TLS proves the server.
func (d *dialer) connect(ctx context.Context, a *assignment) (conn *quic.Conn, reused bool, err error) {
	for {
		c, t, mine := d.turn(a.Server.ID)
		switch {
		case c != nil:
			return c, true, nil
		case mine:
			c, err := d.race(ctx, a)
			d.settle(a.Server.ID, c)
			if ctx.Err() == nil {
				t.err = err
			}
			close(t.over)
			return c, false, err
		}
		select {
		case <-t.over:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if t.err != nil {
			return nil, false, t.err
		}
	}
}

// turn returns a server's standing connection, or else the dialling that is under way, which is the caller's own (mine) if
// there was none.
func (d *dialer) turn(id wire.NodeID) (c *quic.Conn, t *dialling, mine bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.conns[id]; c != nil && c.Context().Err() == nil {
		return c, nil, false
	}
	delete(d.conns, id)
	if t := d.dialled[id]; t != nil {
		return nil, t, false
	}
	t = &dialling{over: make(chan struct{})}
	d.dialled[id] = t
	return nil, t, true
}

// settle ends a dialling; c is nil if it was in vain.
func (d *dialer) settle(id wire.NodeID, c *quic.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dialled, id)
	if c != nil {
		d.conns[id] = c
	}
}

// drop closes a connection that is of no more use.
func (d *dialer) drop(id wire.NodeID, c *quic.Conn) {
	d.mu.Lock()
	if d.conns[id] == c {
		delete(d.conns, id)
	}
	d.mu.Unlock()
	c.CloseWithError(closedAbandon, "given up")
}

// race dials the addresses of a server, the likeliest first, the next ones while it has not answered.
func (d *dialer) race(ctx context.Context, a *assignment) (*quic.Conn, error) {
	addrs := preferred(a.Server.Data, a.From.Addr(), d.on())
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%w: no address of %s is of use here", ErrUnreachable, a.Server.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	type answer struct {
		conn *quic.Conn
		err  error
	}
	answers := make(chan answer)
	for i, addr := range addrs {
		go func() {
			c, err := d.dialAfter(ctx, time.Duration(i)*dialStagger, addr, a)
			answers <- answer{c, err}
		}()
	}
	var won *quic.Conn
	var errs []error
	for range addrs { // every dial is waited for
		switch got := <-answers; {
		case got.err != nil:
			errs = append(errs, got.err)
		case won == nil:
			won = got.conn
			cancel()
		default:
			got.conn.CloseWithError(closedNormal, "another address was faster")
		}
	}
	if won != nil {
		return won, nil
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrUnreachable, a.Server.Name, errs[0])
}

func (d *dialer) dialAfter(ctx context.Context, wait time.Duration, to netip.AddrPort, a *assignment) (*quic.Conn, error) {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conf, err := ClientTLS(a.Authority, a.Server.ID)
	if err != nil {
		return nil, err
	}
	c, err := d.transport.Dial(ctx, net.UDPAddrFromAddrPort(to), conf, d.config)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", to, err)
	}
	return c, nil
}

// preferred orders a server's addresses: our own subnets first. Loopback counts only when the cluster was reached there.
func preferred(list []netip.AddrPort, via netip.Addr, on []link) []netip.AddrPort {
	out := slices.Clone(list)
	out = slices.DeleteFunc(out, func(a netip.AddrPort) bool {
		return a.Port() == 0 || a.Addr().IsUnspecified() || a.Addr().IsLoopback() && !via.Unmap().IsLoopback()
	})
	slices.SortStableFunc(out, func(a, b netip.AddrPort) int {
		return cmp.Compare(distance(a.Addr(), via, on), distance(b.Addr(), via, on))
	})
	return slices.Compact(out)
}

// distance ranks an address: where the cluster answered from, a subnet of ours, anywhere else.
func distance(a, via netip.Addr, on []link) int {
	if a.Unmap() == via.Unmap() {
		return 0
	}
	if _, ok := linkOf(on, a); ok {
		return 1
	}
	return 2
}
