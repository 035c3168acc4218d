package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2pnode/wire"
)

// loop owns the core: everything else reaches it through channels. It is the only place that reads the clock.
type loop struct {
	core    *core // owned by run
	control net.PacketConn
	links   []link // owned by run; where the limited broadcast goes out
	log     *slog.Logger
	metrics Metrics

	packets chan inbound
	calls   chan func(now time.Time, c *core)
	stored  chan uint64
	batches chan Batch    // to the store
	drops   chan chore    // to the janitor
	failed  chan error    // from the store; ends the node
	done    chan struct{} // closed when run returns
	dropped atomic.Uint64 // datagrams that found the queue full

	deaf      atomic.Bool   // set by run: a fault on purpose lasts
	news      chan struct{} // owned by run; closed and made anew when something has happened
	published uint64        // owned by run: number of the event last told of
	watchers  audience      // who waits for news

	pending  []Batch       // owned by run
	dropping []chore       // owned by run
	last     time.Time     // owned by run: the previous wake-up
	late     time.Duration // owned by run: the longest a wake-up was late, for metrics
}

// inbound is one datagram on its way to the core. data belongs to whoever holds it.
type inbound struct {
	from netip.AddrPort
	data *[]byte
}

const (
	packetQueue = 2048 // datagrams between readers and loop; more are dropped, as a full socket buffer would
	callQueue   = 256
	drainMax    = 512                    // datagrams taken in a row before deadlines are looked at
	quietFor    = 5 * time.Millisecond   // after a long absence: the socket is empty when nothing came for so long
	quietMax    = 100 * time.Millisecond // and this is the longest it may take
	suspended   = 2 * time.Second        // the wall clock ahead of the monotonic one by so much: the machine slept
)

var packetBuffers = sync.Pool{New: func() any { b := make([]byte, wire.MaxDatagram+1); return &b }}

func newLoop(c *core, control net.PacketConn, log *slog.Logger, m Metrics) *loop {
	return &loop{
		core: c, control: control, log: log, metrics: m,
		packets: make(chan inbound, packetQueue), calls: make(chan func(time.Time, *core), callQueue),
		stored: make(chan uint64, 1), batches: make(chan Batch, callQueue), drops: make(chan chore, callQueue),
		failed: make(chan error, 1), done: make(chan struct{}), news: make(chan struct{}),
	}
}

// run is the loop. It returns when ctx ends, or with the reason why the node cannot go on.
func (l *loop) run(ctx context.Context) error {
	defer close(l.done)
	l.last = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		deadline := l.core.Deadline()
		timer.Reset(time.Until(deadline))
		if err := l.wait(ctx, timer, deadline); err != nil {
			return err
		}
		l.step()
		if l.core.fatal != nil {
			return l.core.fatal
		}
	}
}

// errStopped ends run when its context does.
var errStopped = errors.New("node: stopped")

// wait sleeps until something happens, then lets the core know of it.
func (l *loop) wait(ctx context.Context, timer *time.Timer, deadline time.Time) error {
	batches, batch := offer(l.batches, l.pending)
	drops, drop := offer(l.drops, l.dropping)
	select {
	case <-ctx.Done():
		return errStopped
	case err := <-l.failed:
		return err
	case p := <-l.packets:
		l.woken(deadline)
		l.receive(p)
	case f := <-l.calls:
		l.woken(deadline)
		f(time.Now(), l.core)
	case n := <-l.stored:
		l.woken(deadline)
		l.core.Stored(time.Now(), n)
	case batches <- batch:
		l.pending = l.pending[1:]
	case drops <- drop:
		l.dropping = l.dropping[1:]
	case <-timer.C:
		l.woken(deadline)
	}
	l.drain()
	return nil
}

// offer returns the channel and the first of what waits for it, or a nil channel when nothing does.
func offer[T any](ch chan T, waiting []T) (chan T, T) {
	if len(waiting) == 0 {
		var none T
		return nil, none
	}
	return ch, waiting[0]
}

// woken looks at the clocks: how late the loop is, and whether the machine slept.
func (l *loop) woken(deadline time.Time) {
	now := time.Now()
	slept := now.Round(0).Sub(l.last.Round(0)) - now.Sub(l.last)
	gap := now.Sub(deadline)
	l.last = now
	if slept > suspended {
		l.log.Warn("machine was suspended, or its clock set", "took", slept)
		l.core.resume(now)
	}
	if deadline.IsZero() || gap <= lateGap {
		return
	}
	l.late = max(l.late, gap)
	l.core.late(now, gap)
	l.catchUp()
}

// catchUp hears what has come in while the loop was away before any deadline is looked at.
func (l *loop) catchUp() {
	until := time.Now().Add(quietMax)
	quiet := time.NewTimer(quietFor)
	defer quiet.Stop()
	for time.Now().Before(until) {
		select {
		case p := <-l.packets:
			l.receive(p)
			quiet.Reset(quietFor)
		case <-quiet.C:
			return
		}
	}
}

// drain takes the datagrams that are here already.
func (l *loop) drain() {
	for range drainMax {
		select {
		case p := <-l.packets:
			l.receive(p)
		default:
			return
		}
	}
}

func (l *loop) receive(p inbound) {
	l.core.Receive(time.Now(), p.from, *p.data)
	packetBuffers.Put(p.data)
}

// step lets the core do what is due, and carries out what came of everything.
func (l *loop) step() {
	l.core.Advance(time.Now())
	l.deaf.Store(l.core.deaf())
	for _, d := range l.core.Take() {
		if err := sendOn(l.control, l.links, d.To, d.Data); err != nil && !gone(err) {
			l.log.Debug("datagram not sent", "address", d.To, "error", err)
		}
	}
	l.pending = append(l.pending, l.core.takeBatches()...)
	l.dropping = append(l.dropping, l.core.takeDrops()...)
	for _, ch := range l.core.takeChanges() {
		if l.metrics != nil && ch.took > 0 {
			l.metrics.Elected(ch.took)
		}
	}
	l.publish()
}

// deafAfter is how many reads of a socket may fail in a row: an ICMP error of an earlier send fails one.
const deafAfter = 1000

// read carries datagrams from a socket to the loop until the socket is closed, or broken: then it returns why.
func (l *loop) read(conn net.PacketConn) error {
	for failed := 0; ; {
		b := packetBuffers.Get().(*[]byte)
		*b = (*b)[:cap(*b)]
		n, from, err := conn.ReadFrom(*b)
		if err != nil {
			packetBuffers.Put(b)
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if failed++; failed == deafAfter {
				return err
			}
			continue
		}
		failed = 0
		*b = (*b)[:n]
		if l.deaf.Load() {
			packetBuffers.Put(b)
			continue
		}
		l.post(inbound{addrPort(from), b})
	}
}

func (l *loop) post(p inbound) {
	select {
	case l.packets <- p:
	default:
		l.dropped.Add(1)
		packetBuffers.Put(p.data)
	}
}

// do runs f on the loop and waits until it has run.
func (l *loop) do(ctx context.Context, f func(now time.Time, c *core)) error {
	ran := make(chan struct{})
	call := func(now time.Time, c *core) {
		f(now, c)
		close(ran)
	}
	select {
	case l.calls <- call:
	case <-l.done:
		return errStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-ran:
		return nil
	case <-l.done:
		return errStopped
	}
}

// tell runs f on the loop some time soon; if the loop is far behind, or ended, never.
func (l *loop) tell(f func(now time.Time, c *core)) {
	select {
	case l.calls <- f:
	case <-l.done:
	}
}

// durable waits until batch n is on disk.
func (l *loop) durable(ctx context.Context, n uint64) error {
	stored := make(chan struct{})
	err := l.do(ctx, func(now time.Time, c *core) {
		c.after(now, n, func(time.Time) { close(stored) })
	})
	if err != nil {
		return err
	}
	select {
	case <-stored:
		return nil
	case <-l.done:
		return errStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
