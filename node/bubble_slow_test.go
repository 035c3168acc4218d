package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// modem is a socket with a slow line: so many bytes a second each way.
type modem struct {
	net.PacketConn
	rate int
}

func (m modem) take(n int) { time.Sleep(time.Duration(n) * time.Second / time.Duration(m.rate)) }

func (m modem) WriteTo(p []byte, to net.Addr) (int, error) {
	m.take(len(p))
	return m.PacketConn.WriteTo(p, to)
}

func (m modem) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := m.PacketConn.ReadFrom(p)
	m.take(n)
	return n, from, err
}

// over gives a client such a line.
func over(rate int) func(*ClientConfig) {
	return func(c *ClientConfig) {
		listen := c.Listen
		c.Listen = func() (net.PacketConn, error) {
			conn, err := listen()
			return modem{conn, rate}, err
		}
	}
}

// Clients whose bytes trickle give way to those who wait, and get their results when nobody does.
func TestBubbleSlowClients(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.config = func(c *Config) { c.Workers, c.Waiting = 1, 1 }
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		b.start(1)
		b.leader()
		slow := make([]Receipt, 3)
		var all sync.WaitGroup
		for i := range slow {
			all.Go(func() { slow[i] = b.hide(b.client(over(6<<10)), photo(200, 150), "in no hurry") })
		}
		time.Sleep(2 * time.Second) // they have all places by now
		receipts := b.crowd(6, 1, photo(64, 64))
		b.t.Logf("others: %s", timesOf(receipts))
		for _, r := range receipts {
			if r.Elapsed > paceWindow+5*time.Second {
				b.t.Errorf("a job had to wait %v for those of slow clients", r.Elapsed)
			}
		}
		all.Wait()
		b.t.Logf("slow: %s", timesOf(slow))
		b.wantAcked(append(receipts, slow...)...)
	})
}

// A client whose upload takes longer than one may be absent is not held absent, though it never has to ask how its job fares.
func TestBubbleSlowUploadIsNoAbsence(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.config = func(c *Config) { c.Absent = 4 * seenEvery }
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		b.start(1)
		server := b.leader()
		receipt := make(chan Receipt)
		go func() { receipt <- b.hide(b.client(over(64<<10)), photo(1400, 1200), "a long way") }()
		time.Sleep(8 * seenEvery)
		if s := server.status(); s.Jobs.Running != 1 {
			b.t.Errorf("after %v of uploading: jobs %+v, want one running", 6*seenEvery, s.Jobs)
		}
		r := <-receipt
		if r.Attempts != 1 || r.Elapsed < 6*seenEvery {
			b.t.Errorf("%d attempts in %v, want 1 in more than %v", r.Attempts, r.Elapsed, 6*seenEvery)
		}
		b.wantAcked(r)
	})
}

// stuck is an image that cannot be read beyond a point, from the second time on.
type stuck struct {
	io.ReaderAt
	size, from int64
	release    <-chan struct{}
	mu         sync.Mutex
	read       bool // guarded by mu; it was read to its end once, for its digest
}

var errStuck = errors.New("the image is gone")

func (s *stuck) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	silent := s.read && off+int64(len(p)) > s.from
	s.read = s.read || off+int64(len(p)) >= s.size
	s.mu.Unlock()
	if silent {
		<-s.release
		return 0, errStuck
	}
	return s.ReaderAt.ReadAt(p, off)
}

// Clients that stop talking in the middle, connected or vanished, hold up nobody for long and leave nothing behind.
func TestBubbleSilentClients(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.config = func(c *Config) { c.Workers, c.Waiting, c.Absent = 1, 3, time.Minute }
		b.faults(wiretest.Faults{Jitter: time.Millisecond})
		b.start(1)
		b.leader()
		release := make(chan struct{})
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() { b.fallSilent(fmt.Sprint("silent ", i), release) })
			all.Go(func() { b.vanish(fmt.Sprint("vanished ", i)) })
		}
		time.Sleep(time.Second) // they fill the waiting room
		receipts := b.crowd(4, 1, photo(64, 64))
		b.t.Logf("others: %s", timesOf(receipts))
		for _, r := range receipts {
			if r.Elapsed > idleTimeout+5*time.Second {
				b.t.Errorf("a job had to wait %v for silent clients", r.Elapsed)
			}
		}
		close(release)
		all.Wait()
		for job, r := range b.ledgers(2 * time.Minute) {
			if r.State != wire.Acked && (r.State != wire.Failed || r.Code != wire.CodeExpired) {
				b.t.Errorf("job %v: %v, %v; want ACKED, or FAILED as expired", job, r.State, r.Code)
			}
		}
		b.wantTidy()
	})
}

// fallSilent brings a job whose image cannot be read to its end.
func (b *bubble) fallSilent(text string, release <-chan struct{}) {
	picture := photo(450, 350)
	j := jobFor(b.t, picture, text)
	if len(picture) <= copySize {
		b.t.Fatalf("%d bytes are read at once", len(picture))
	}
	j.Image = &stuck{ReaderAt: bytes.NewReader(picture), size: int64(len(picture)), from: copySize, release: release}
	k := b.client(nil)
	defer k.Close()
	if _, err := k.Encrypt(context.Background(), j); !errors.Is(err, errStuck) {
		b.t.Errorf("Encrypt(%q) = %v, want %v", text, err, errStuck)
	}
}

// vanish brings half a job, and is never heard of again.
func (b *bubble) vanish(text string) {
	picture := photo(200, 150)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var k *Client
	k = b.client(during(StageUploading, len(picture)/2, func(string) {
		b.cut(addrPort(k.dial.transport.Conn.LocalAddr()).Addr())
		cancel()
	}))
	defer k.Close()
	if _, err := k.Encrypt(ctx, jobFor(b.t, picture, text)); !errors.Is(err, context.Canceled) {
		b.t.Errorf("Encrypt(%q) = %v, want cancelled", text, err)
	}
}
