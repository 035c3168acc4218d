package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

const inquireEvery = 500 * time.Millisecond

// inquiry asks a server whether chance loses what it sends, which whoever receives does not see, and whether the result is
// stored there. One goroutine puts the
// questions and reads the answer; each is asked on a stream of its own beside the download.
type inquiry struct {
	e      *errand
	conn   *quic.Conn
	digest wire.Digest // of the result that is being downloaded; zero: not known
	ctx    context.Context
	stop   context.CancelFunc
	next   time.Time // when the next question may be put
	lossy  atomic.Bool
	stored atomic.Bool // the whole result is there: it may be fetched over other connections
	open   sync.WaitGroup
}

func (e *errand) inquiry(ctx context.Context, conn *quic.Conn, stored bool) *inquiry {
	q := &inquiry{e: e, conn: conn, digest: e.part.digest}
	q.stored.Store(stored)
	q.ctx, q.stop = context.WithCancel(ctx)
	return q
}

// put asks, if the last question is a while ago. A server that does not answer, or does not know, loses nothing.
func (q *inquiry) put(now time.Time) {
	if now.Before(q.next) {
		return
	}
	q.next = now.Add(inquireEvery)
	q.open.Go(func() {
		ask(q.ctx, q.conn, func(s *quic.Stream) error {
			r, err := q.e.fetchOf(q.digest, q.conn, s, 0, 1)
			if err == nil {
				q.stored.Store(true)
			}
			if err == nil && r.Lossy {
				q.lossy.Store(true)
			}
			return err
		})
	})
}

// end waits for all questions, answered or not.
func (q *inquiry) end() {
	q.stop()
	q.open.Wait()
}
