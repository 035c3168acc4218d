package node

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlogwriter"
)

// countDials counts the handshakes that a client begins.
func countDials(d *dialer) *atomic.Int64 {
	n := new(atomic.Int64)
	d.config.Tracer = func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace {
		n.Add(1)
		return nil
	}
	return n
}

// TestJobsShareOneConnection: a client that lives on shakes hands once with a server, whatever it gives it to do.
func TestJobsShareOneConnection(t *testing.T) {
	c := newTestCluster(t, "n1")
	c.nodes[0].await(t, "leader", led(1))
	k := c.client(c.nodes[0].control)
	dials := countDials(k.dial)
	for _, text := range []string{"a", "b", "c"} {
		hide(t, k, photo(64, 48), text)
	}
	if got := dials.Load(); got != 1 {
		t.Errorf("%d handshakes for 3 jobs, want 1", got)
	}
}

// connectAll has several jobs want a connection at once.
func connectAll(d *dialer, a *assignment, jobs int) (conns []*quic.Conn, errs []error) {
	conns, errs = make([]*quic.Conn, jobs), make([]error, jobs)
	var all sync.WaitGroup
	for i := range jobs {
		all.Go(func() { conns[i], _, errs[i] = d.connect(context.Background(), a) })
	}
	all.Wait()
	return conns, errs
}

func TestJobsAtOnceShareOneHandshake(t *testing.T) {
	e := newEchoServer(t, udpOnLoopback(t, true), nil)
	d := e.dialer(t, udpOnLoopback(t, true), nil)
	dials := countDials(d)
	conns, errs := connectAll(d, e.assignment(), 8)
	for i, c := range conns {
		if errs[i] != nil || c != conns[0] {
			t.Errorf("job %d has connection %p, %v, want that of job 0, %p", i, c, errs[i], conns[0])
		}
	}
	if got := dials.Load(); got != 1 {
		t.Errorf("%d handshakes for 8 jobs at once, want 1", got)
	}
}

// silentConn is a socket from which nobody is reached.
type silentConn struct {
	net.PacketConn
	closed chan struct{}
}

func newSilentConn() silentConn { return silentConn{closed: make(chan struct{})} }

func (c silentConn) ReadFrom([]byte) (int, net.Addr, error) {
	<-c.closed
	return 0, nil, net.ErrClosed
}
func (c silentConn) WriteTo(p []byte, _ net.Addr) (int, error) { return len(p), nil }
func (c silentConn) LocalAddr() net.Addr                       { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1} }
func (c silentConn) SetReadDeadline(time.Time) error           { return nil }
func (c silentConn) Close() error                              { return nil }

// TestJobsAtOnceGiveUpTogether: a dead server costs every job one timeout, not the sum of all jobs'.
func TestJobsAtOnceGiveUpTogether(t *testing.T) {
	ident := newEchoServer(t, udpOnLoopback(t, true), nil).assignment()
	synctest.Test(t, func(t *testing.T) {
		conn := newSilentConn()
		d := newDialer(conn, func() []link { return nil }, 0)
		dials, began := countDials(d), time.Now()
		_, errs := connectAll(d, ident, 4)
		for i, err := range errs {
			if !errors.Is(err, ErrUnreachable) {
				t.Errorf("job %d: %v, want %v", i, err, ErrUnreachable)
			}
		}
		if took := time.Since(began); took != dialTimeout || dials.Load() != 1 {
			t.Errorf("%v and %d handshakes until all gave up, want %v and 1", took, dials.Load(), dialTimeout)
		}
		close(conn.closed)
		d.close()
	})
}

// TestJobGivenUpLeavesTheDialToAnother: the job that dials is cancelled; one that waited for it dials itself.
func TestJobGivenUpLeavesTheDialToAnother(t *testing.T) {
	e := newEchoServer(t, udpOnLoopback(t, true), nil)
	d := e.dialer(t, udpOnLoopback(t, true), nil)
	deaf := e.assignment()
	deaf.Server.Data[0] = addrPort(udpOnLoopback(t, true).LocalAddr())
	ctx, giveUp := context.WithCancel(context.Background())
	first, second := make(chan error, 1), make(chan error, 1)
	connect := func(ctx context.Context, a *assignment, to chan error) {
		_, _, err := d.connect(ctx, a)
		to <- err
	}
	go connect(ctx, deaf, first)
	for !d.busy(deaf) {
		runtime.Gosched()
	}
	go connect(context.Background(), e.assignment(), second)
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("job given up: %v, want %v", err, context.Canceled)
	}
	if err := <-second; err != nil {
		t.Errorf("the other job: %v", err)
	}
}

func (d *dialer) busy(a *assignment) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dialled[a.Server.ID] != nil
}
