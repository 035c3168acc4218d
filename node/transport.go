package node

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

// Bounds on what clients may hold open (PROTOCOL.md §9).
const (
	maxConnections   = 256
	maxFromOne       = 32 // connections of one source
	sparedForJobs    = 6  // of these, which no lane takes
	maxStreams       = 16 // of one connection
	handshakesOpen   = 32 // beyond, even an address on loopback has to prove itself before a handshake begins
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 30 * time.Second
	lingerFor        = 300 * time.Millisecond
	unusedTimeout    = time.Minute // a connection without a stream for so long is closed
	firstWindow      = 512 << 10
	fullWindow       = 3 << 20
	crowdedAt        = 64        // connections beyond which windows grow no more
	decodedBytes     = 512 << 20 // of all images being worked on at once that are here
	passingBytes     = 128 << 20 // of those worked on while they come
	payloadBytes     = 512 << 20 // of all payloads of jobs here
	frameBytes       = 256 << 20 // of all large frames at once; one source has at most half of them
)

// Application error codes of a closed connection.
const (
	closedDone     = 0
	closedStopping = 2
	closedScarce   = 3
)

// transport is a server's QUIC side: it accepts connections, and serves each stream on a goroutine of its own.
type transport struct {
	cfg     Config
	tls     *tls.Config
	ident   *Identity
	also    []*Identity // of the secrets accepted besides
	self    wire.NodeID
	desk    desk
	results *Results
	sizes   atomic.Pointer[sizes]
	deaf    *atomic.Bool // the data socket hears and says nothing

	guests  *guests
	flights flights
	lobby   *lobby  // jobs here: uploading, waiting and worked on
	slots   *supply // images worked on
	memory  *supply // bytes they are decoded to
	passing *supply // bytes of those that are worked on while they come

	soft  context.Context // ends when the server stops: nothing new is begun
	stop  context.CancelFunc
	ended chan struct{} // closed when run returns
}

func newTransport(c Config, t *tls.Config, ident *Identity, d desk, r *Results, deaf *atomic.Bool, also ...*Identity) *transport {
	soft, stop := context.WithCancel(context.Background())
	tr := &transport{
		cfg: c, tls: t, ident: ident, also: also, self: IDOf(c.Name), desk: d, results: r, deaf: deaf, guests: newGuests(),
		flights: flights{byJob: map[wire.JobID]*flight{}},
		lobby:   newLobby(allowance{places: int64(c.Workers + c.Waiting), memory: payloadBytes, disk: c.MaxResults / 2}),
		slots:   newSupply(int64(c.Workers)), memory: newSupply(decodedBytes), passing: newSupply(passingBytes),
		soft: soft, stop: stop, ended: make(chan struct{}),
	}
	tr.sizes.Store(c.sizes())
	return tr
}

// run serves until ctx ends, or until finish has let the last stream end. It returns after all goroutines have.
func (t *transport) run(ctx context.Context) error {
	defer close(t.ended)
	defer context.AfterFunc(ctx, t.stop)()
	q, err := t.listen()
	if err != nil {
		return err
	}
	defer q.Close()
	l, err := q.Listen(t.tls, t.quicConfig())
	if err != nil {
		return fmt.Errorf("listen for QUIC: %w", err)
	}
	defer l.Close()
	return t.accept(ctx, l)
}

// finish begins no more work, waits for what runs, and gives up when ctx ends.
func (t *transport) finish(ctx context.Context) {
	t.stop()
	select {
	case <-t.ended:
	case <-ctx.Done():
	}
}

// listen prepares the socket. The reset key is the same after a restart, so clients of the dead process learn at once.
func (t *transport) listen() (*quic.Transport, error) {
	key, err := hkdf.Key(sha256.New, t.ident.Server[:], t.self[:], "p2pnode/1 stateless reset", len(quic.StatelessResetKey{}))
	if err != nil {
		return nil, fmt.Errorf("derive reset key: %w", err)
	}
	return &quic.Transport{
		Conn: muffle(joinDatagrams(t.cfg.Data), t.deaf), ConnectionIDLength: 8, StatelessResetKey: (*quic.StatelessResetKey)(key),
		VerifySourceAddress: t.doubts,
		ConnContext: func(ctx context.Context, i *quic.ClientInfo) (context.Context, error) {
			return ctx, t.guests.admit(ctx, ownerOf(addrPort(i.RemoteAddr).Addr()))
		},
	}, nil
}

// doubts reports whether a source has to prove its address before a handshake begins, at the cost of a round trip: the
// server's part of one is several times as long as what asks for it, and would go to whoever is named as the source
// (PROTOCOL.md §9). Nobody can name loopback from outside.
func (t *transport) doubts(source net.Addr) bool {
	return !addrPort(source).Addr().IsLoopback() || t.guests.handshaking() >= handshakesOpen
}

func (t *transport) quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout: handshakeTimeout, MaxIdleTimeout: idleTimeout,
		InitialStreamReceiveWindow: firstWindow, MaxStreamReceiveWindow: fullWindow,
		InitialConnectionReceiveWindow: firstWindow, MaxConnectionReceiveWindow: fullWindow,
		AllowConnectionWindowIncrease: func(*quic.Conn, uint64) bool { return t.guests.count() <= crowdedAt },
		MaxIncomingStreams:            maxStreams, MaxIncomingUniStreams: -1,
	}
}

// accept takes connections until the server stops, and waits for their goroutines. What is still running when ctx ends
// is cut off.
func (t *transport) accept(ctx context.Context, l *quic.Listener) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.Accept(t.soft)
		if t.soft.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		t.guests.shake()
		context.AfterFunc(c.Context(), t.guests.unshake)
		conns.Go(func() { t.converse(ctx, c) })
	}
}

// converse serves the streams of one connection.
func (t *transport) converse(ctx context.Context, c *quic.Conn) {
	var streams sync.WaitGroup
	defer context.AfterFunc(ctx, func() { c.CloseWithError(closedStopping, "server stopped") })()
	active := make(chan struct{}, maxStreams) // one entry for every stream being served
	for opens := true; ; opens = false {
		s, err := t.next(c, active)
		if err != nil {
			break
		}
		active <- struct{}{}
		streams.Go(func() {
			defer func() { <-active }()
			w := &worker{t: t, conn: c, s: s, ctx: ctx, opens: opens}
			w.serve()
		})
	}
	streams.Wait()
	code := quic.ApplicationErrorCode(closedDone)
	if t.soft.Err() != nil {
		code = closedStopping
		linger(c)
	}
	c.CloseWithError(code, "")
}

// linger lets the last bytes of the last stream arrive: closing a connection drops what is on its way.
func linger(c *quic.Conn) {
	select {
	case <-c.Context().Done():
	case <-time.After(lingerFor):
	}
}

// errUnused ends a connection that holds its place without using it.
var errUnused = errors.New("node: connection without a stream")

// next waits for a stream; a connection that has none open does not wait for ever.
func (t *transport) next(c *quic.Conn, active chan struct{}) (*quic.Stream, error) {
	for {
		ctx, cancel := context.WithTimeout(t.soft, unusedTimeout)
		s, err := c.AcceptStream(ctx)
		cancel()
		if err == nil || t.soft.Err() != nil || c.Context().Err() != nil {
			return s, err
		}
		if len(active) == 0 {
			return nil, errUnused
		}
	}
}
