package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"p2pnode/wire"
)

// ErrClosed means that the Client was closed.
var ErrClosed = errors.New("node: client is closed")

// mailbox is a client's datagram socket: one goroutine reads it, one owns the Endpoint and everything else.
type mailbox struct {
	conn     net.PacketConn
	on       func() []link // where the limited broadcast goes out
	key      wire.KeyRef
	log      *slog.Logger
	endpoint *wire.Endpoint           // owned by run
	readers  map[chan wire.Event]bool // owned by run
	calls    chan func(now time.Time) // executed by run
	packets  chan packet              // from read to run
	done     chan struct{}            // closed by close
	once     sync.Once
	ended    sync.WaitGroup
}

type packet struct {
	from netip.AddrPort
	data []byte
}

// mailSize is how many events a slow reader may be behind: answers are hints and get asked for again.
const mailSize = 256

func newMailbox(conn net.PacketConn, c wire.EndpointConfig, key wire.KeyRef, on func() []link, log *slog.Logger) *mailbox {
	m := &mailbox{
		conn: conn, on: on, key: key, log: log, endpoint: wire.NewEndpoint(time.Now(), c), readers: map[chan wire.Event]bool{},
		calls: make(chan func(time.Time)), packets: make(chan packet, 64), done: make(chan struct{}),
	}
	m.ended.Go(m.read)
	m.ended.Go(m.run)
	return m
}

// close ends both goroutines and waits for them.
func (m *mailbox) close() (err error) {
	m.once.Do(func() {
		close(m.done)
		err = m.conn.Close()
	})
	m.ended.Wait()
	return err
}

func (m *mailbox) read() {
	buf := make([]byte, 2048)
	for {
		n, from, err := m.conn.ReadFrom(buf)
		if err != nil {
			if m.over() || errors.Is(err, net.ErrClosed) {
				return
			}
			m.log.Debug("datagram not read", "error", err)
			continue
		}
		select {
		case m.packets <- packet{addrPort(from), append([]byte(nil), buf[:n]...)}:
		case <-m.done:
			return
		}
	}
}

func (m *mailbox) over() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

func (m *mailbox) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		m.work(time.Now())
		timer.Reset(m.wait(time.Now()))
		select {
		case p := <-m.packets:
			m.endpoint.Receive(time.Now(), p.from, p.data)
		case f := <-m.calls:
			f(time.Now())
		case <-timer.C:
		case <-m.done:
			return
		}
	}
}

// work sends what is due and hands on what has come.
func (m *mailbox) work(now time.Time) {
	m.endpoint.Advance(now)
	for _, e := range m.endpoint.Events() {
		if e.What == wire.Delivered {
			m.hand(e)
		}
	}
	out := m.endpoint.Take()
	if len(out) == 0 {
		return
	}
	on := m.on() // asks the system: once for all
	for _, d := range out {
		if err := sendOn(m.conn, on, d.To, d.Data); err != nil && !m.over() {
			m.log.Debug("datagram not sent", "address", d.To, "error", err)
		}
	}
}

func (m *mailbox) hand(e wire.Event) {
	for c := range m.readers {
		select {
		case c <- e:
		default:
		}
	}
}

func (m *mailbox) wait(now time.Time) time.Duration {
	d := m.endpoint.Deadline()
	if d.IsZero() {
		return time.Hour
	}
	return max(0, d.Sub(now))
}

// do has run execute f.
func (m *mailbox) do(ctx context.Context, f func(now time.Time)) error {
	select {
	case m.calls <- f:
		return nil
	case <-m.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// subscribe returns a channel of everything that arrives from now on, until unsubscribe.
func (m *mailbox) subscribe(ctx context.Context) (chan wire.Event, error) {
	c := make(chan wire.Event, mailSize)
	return c, m.do(ctx, func(time.Time) { m.readers[c] = true })
}

func (m *mailbox) unsubscribe(c chan wire.Event) {
	m.do(context.Background(), func(time.Time) { delete(m.readers, c) })
}

// post sends questions.
func (m *mailbox) post(ctx context.Context, qs []question) error {
	if len(qs) == 0 {
		return nil
	}
	return m.do(ctx, func(now time.Time) {
		for _, q := range qs {
			if err := m.endpoint.SendTo(now, q.To, q.Dest, q.Boot, m.key, q.Message); err != nil {
				m.log.Debug("question not sent", "address", q.To, "kind", q.Message.Kind(), "error", err)
			}
		}
	})
}
