package node

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/quic-go/quic-go"
)

const (
	extraLanes = 12 // connections besides the first
	lanePulls  = 2  // ranges that a connection carries at once, so that it does not idle for a round trip between them
	laneDials  = 3  // tries to open one
)

// errLossy ends a stream whose transfer several connections will do sooner.
var errLossy = errors.New("node: the way loses much: the transfer is split")

// lanes are connections to one server that carry the ranges of one transfer together. Every one has a congestion
// controller of its own; where packets are lost for other reasons than congestion, each holds back far too much.
type lanes struct {
	all  []*lane
	stop context.CancelFunc
	open sync.WaitGroup
}

// lane is one of them.
type lane struct {
	ready chan struct{} // closed when conn is settled
	conn  *quic.Conn    // nil: could not be opened. Set before ready is closed
}

// carrier carries one range over one connection.
type carrier func(ctx context.Context, c *quic.Conn, offset, length int64) error

// split opens the lanes of an errand's present server beside a connection that is there.
func (d *dialer) split(ctx context.Context, a *assignment, first *quic.Conn) *lanes {
	ctx, cancel := context.WithCancel(ctx)
	ls := &lanes{all: []*lane{{ready: make(chan struct{}), conn: first}}, stop: cancel}
	close(ls.all[0].ready)
	for range d.extra {
		l := &lane{ready: make(chan struct{})}
		ls.all = append(ls.all, l)
		ls.open.Go(func() {
			defer close(l.ready)
			l.conn = d.another(ctx, a, first.RemoteAddr())
		})
	}
	return ls
}

// another opens one more connection, or returns nil: a server bounds how many a client may have.
func (d *dialer) another(ctx context.Context, a *assignment, to net.Addr) *quic.Conn {
	for range laneDials {
		if c, err := d.dialAfter(ctx, 0, addrPort(to), a); err == nil || ctx.Err() != nil {
			return c
		}
	}
	return nil
}

// close ends all lanes but the first, which was there before.
func (ls *lanes) close() {
	ls.stop()
	ls.open.Wait()
	for _, l := range ls.all[1:] {
		if l.conn != nil {
			l.conn.CloseWithError(closedNormal, "")
		}
	}
}

// carry has all lanes carry ranges by a function, until none is left. An error of this machine's files ends it at once, any
// other one ends the lane: the last lane's is returned.
func (ls *lanes) carry(ctx context.Context, r *ranges, one carrier) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, len(ls.all)*lanePulls)
	for _, l := range ls.all {
		for range lanePulls {
			go func() { ended <- l.pull(ctx, r, one) }()
		}
	}
	var last error
	for range cap(ended) {
		err := <-ended
		if r.complete() {
			cancel(nil)
			continue
		}
		if err != nil {
			last = err
		}
		if local := (*localError)(nil); errors.As(err, &local) {
			cancel(err)
		}
	}
	if r.complete() {
		return nil
	}
	return errors.Join(context.Cause(ctx), last)
}

// pull carries one range after the other.
func (l *lane) pull(ctx context.Context, r *ranges, one carrier) error {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return nil
	}
	if l.conn == nil {
		return nil
	}
	for {
		i, ok := r.take(ctx)
		if !ok {
			return nil
		}
		offset, length := r.span(i)
		if err := one(ctx, l.conn, offset, length); err != nil {
			r.drop(i)
			return err
		}
		r.finish(i)
	}
}
