package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// A server stops in whatever state it is: Run returns in time and without an error, and no goroutine is left.
func TestBubbleStopsAtAnyTime(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		for _, after := range []time.Duration{0, time.Millisecond, 60 * time.Millisecond, 350 * time.Millisecond, time.Second, 3 * time.Second} {
			t.Run(fmt.Sprintf("%d nodes after %v", nodes, after), func(t *testing.T) {
				inBubbles(t, func(b *bubble) {
					b.faults(wiretest.Faults{Jitter: time.Millisecond})
					b.start(nodes)
					time.Sleep(after)
					began := time.Now()
					b.nodes[0].stop()
					b.nodes[0].wantEnded(time.Second)
					b.t.Logf("stopped in %v", time.Since(began))
					if nodes > 1 {
						b.leader()
					}
				})
			})
		}
	}
}

// A follower stops while the survivors elect: they agree all the same, and so does who is left after a second one stops.
func TestBubbleStopsWhileElecting(t *testing.T) {
	for _, after := range []time.Duration{0, 600 * time.Millisecond, 1200 * time.Millisecond, 1300 * time.Millisecond, 1600 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			inBubbles(t, func(b *bubble) {
				b.faults(wiretest.Faults{Jitter: time.Millisecond})
				b.start(4)
				leader := b.leader()
				leader.kill()
				time.Sleep(after)
				for _, x := range b.running() {
					if x != leader {
						x.stop()
						x.wantEnded(time.Second)
						break
					}
				}
				leader.wantEnded(StopWithin + time.Second)
				died := time.Now()
				b.await(10*time.Second, "another leader", func() bool { return b.leader() != leader })
				if len(b.running()) != 2 {
					b.t.Errorf("%d nodes run, want 2", len(b.running()))
				}
				b.t.Logf("agreed %v after the second stop", time.Since(died))
			})
		})
	}
}

// A server is stopped with a job in its hands: it finishes it or another does, and Run returns in time.
func TestBubbleStopsWithAJob(t *testing.T) {
	for _, stage := range []string{StageAssigning, StageUploading, StageWorking, StageDownloading, StageVerifying} {
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all %v", stage, all), func(t *testing.T) {
				inBubbles(t, func(b *bubble) { b.stopIn(stage, all) })
			})
		}
	}
}

// stopIn stops the server of a job, or all servers; then they start again, so that the job has where to go.
func (b *bubble) stopIn(stage string, all bool) {
	b.faults(wiretest.Faults{Delay: 2 * time.Millisecond, Jitter: time.Millisecond})
	b.start(3)
	b.leader()
	stopped, picture := make(chan []*bubbleNode, 1), photo(200, 150)
	k := b.client(during(stage, len(picture)/2, func(server string) {
		var xs []*bubbleNode
		for _, x := range b.running() {
			if all || x.name == server {
				xs = append(xs, x)
				x.stop()
			}
		}
		stopped <- xs
	}))
	var back sync.WaitGroup
	back.Go(func() {
		for _, x := range <-stopped {
			x.restart()
		}
	})
	r := b.hide(k, picture, "in hand")
	back.Wait()
	b.t.Logf("done in %v: %d attempts, %d failovers", r.Elapsed, r.Attempts, r.Failovers)
	b.leader()
	b.wantOne(r)
}

// A client gives up in whatever stage: it hears so at once, the cluster ends the job, and nothing of it is left.
func TestBubbleClientGivesUp(t *testing.T) {
	for _, stage := range []string{StageDiscovering, StageAssigning, StageUploading, StageWorking, StageDownloading, StageVerifying} {
		t.Run(stage, func(t *testing.T) {
			inBubbles(t, func(b *bubble) { b.giveUpIn(stage) })
		})
	}
}

func (b *bubble) giveUpIn(stage string) {
	b.faults(wiretest.Faults{Delay: 2 * time.Millisecond, Jitter: time.Millisecond})
	b.start(3)
	b.leader()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	picture := photo(200, 150)
	var gave time.Time
	k := b.client(during(stage, len(picture)/2, func(string) {
		gave = time.Now()
		cancel()
	}))
	r, err := k.Encrypt(ctx, jobFor(b.t, picture, "never mind"))
	if err == nil != (r.Verified) || err != nil && !errors.Is(err, context.Canceled) || gave.IsZero() {
		b.t.Errorf("Encrypt = %+v, %v; want cancelled, or done", r, err)
	}
	if took := time.Since(gave); took > cancelGrace+ackTimeout {
		b.t.Errorf("Encrypt returned %v after its context ended", took)
	}
	k.Close()
	for job, rec := range b.ledgers(2 * time.Minute) { // an assignment nobody comes for ends after Upload
		if rec.State != wire.Cancelled && rec.State != wire.Acked && rec.State != wire.Failed {
			b.t.Errorf("job %v is %v", job, rec.State)
		}
		b.t.Logf("%v: %v, %v", err, rec.State, rec.Code)
	}
	b.wantTidy()
}

// mortal is a socket that can break for good.
type mortal struct {
	net.PacketConn
	broken *atomic.Bool
}

var errSocket = errors.New("the socket is broken")

func (m mortal) ReadFrom(p []byte) (int, net.Addr, error) {
	if m.broken.Load() {
		return 0, nil, errSocket
	}
	n, from, err := m.PacketConn.ReadFrom(p)
	if m.broken.Load() {
		return 0, nil, errSocket
	}
	return n, from, err
}

// A node that can hear no more datagrams, or take no more jobs, ends and says why: it must not go on to lead.
func TestBubbleBrokenSocketEndsTheNode(t *testing.T) {
	for name, breaks := range map[string]func(*Config, *atomic.Bool){
		"control": func(c *Config, broken *atomic.Bool) { c.Control = mortal{c.Control, broken} },
		"data":    func(c *Config, broken *atomic.Bool) { c.Data = mortal{c.Data, broken} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(b *bubble) { b.breaks(breaks) })
		})
	}
}

// breaks has a socket of a lone node break while a client asks for something.
func (b *bubble) breaks(which func(*Config, *atomic.Bool)) {
	var broken atomic.Bool
	b.config = func(c *Config) { which(c, &broken) }
	b.hosts = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, 1})}
	x := b.boot("n1", b.hosts[0], b.dir())
	b.leader()
	broken.Store(true)
	k := b.client(nil)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if r, err := k.Encrypt(ctx, jobFor(b.t, photo(64, 64), "nobody")); err == nil {
		b.t.Errorf("Encrypt: %+v over a broken socket", r)
	}
	select {
	case <-x.ended:
	default:
		b.t.Error("the node goes on")
		x.stop()
		<-x.ended
	}
	if !errors.Is(x.err, errSocket) {
		b.t.Errorf("Run: %v, want %v", x.err, errSocket)
	}
}
