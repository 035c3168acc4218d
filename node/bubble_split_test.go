package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// lossy is a way that loses a fifth of all packets in both directions, with a round trip of 50 ms.
var lossy = wiretest.Faults{Delay: 24 * time.Millisecond, Loss: 0.2}

// mebibyte is a picture of about 1 MiB.
func mebibyte() []byte { return photo(840, 584) }

// Through heavy loss a job is at least four times as fast with several connections as with one, up and then down; and twice as fast as with
// one on which the result comes down while the image still goes up.
func TestBubbleSplitIsFaster(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(lossy)
		b.start(1)
		server := b.leader()
		plain, split := b.client(func(c *ClientConfig) { c.Lanes = 1 }), b.client(nil)
		p := mebibyte()
		slow, fast := b.hide(plain, p, "one connection"), b.hide(split, p, "several connections")
		if !server.transport.passing.try(passingBytes) {
			b.t.Fatal("somebody is worked for still")
		}
		stored := b.hide(plain, p, "one connection, the image first")
		server.transport.passing.give(passingBytes)
		b.t.Logf("%d bytes up, %d down: %v over one connection, %v if the image comes first, %v over several, %.1f and %.1f times faster", len(p), fast.Size,
			slow.Elapsed, stored.Elapsed, fast.Elapsed, slow.Elapsed.Seconds()/fast.Elapsed.Seconds(), stored.Elapsed.Seconds()/fast.Elapsed.Seconds())
		if stored.Elapsed < 4*fast.Elapsed || slow.Elapsed < 2*fast.Elapsed {
			b.t.Errorf("Encrypt took %v, over one connection %v and %v: want a quarter, and half", fast.Elapsed, stored.Elapsed, slow.Elapsed)
		}
		if fast.Attempts != 1 {
			b.t.Errorf("%d attempts, want 1", fast.Attempts)
		}
		plain.Close()
		split.Close()
		b.wantAcked(slow, fast, stored)
		b.wantTidy()
	})
}

// Where only the way back loses packets, the server has to tell of it, and the download is split.
func TestBubbleSplitsDownloadOnTheServersWord(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(wiretest.Faults{Delay: lossy.Delay})
		b.start(1)
		b.leader()
		plain, split := b.client(func(c *ClientConfig) { c.Lanes = 1 }), b.client(nil)
		for _, guest := range b.guests {
			b.hub.Do(func(n *wiretest.Network) { n.SetLink(wiretest.Link{From: b.hosts[0], To: guest}, lossy) })
		}
		slow, fast := b.hide(plain, mebibyte(), "one connection"), b.hide(split, mebibyte(), "several connections")
		b.t.Logf("%v over one connection, %v over several, %.1f times faster", slow.Elapsed, fast.Elapsed, slow.Elapsed.Seconds()/fast.Elapsed.Seconds())
		if slow.Elapsed < 2*fast.Elapsed || fast.Attempts != 1 {
			b.t.Errorf("Encrypt took %v in %d attempts, over one connection %v: want twice as fast, in 1", fast.Elapsed, fast.Attempts, slow.Elapsed)
		}
		plain.Close()
		split.Close()
		b.wantAcked(slow, fast)
		b.wantTidy()
	})
}

// Without loss a job has one connection, however long it takes.
func TestBubbleNoSplitWithoutLoss(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(wiretest.Faults{Delay: 300 * time.Millisecond, Jitter: time.Millisecond})
		b.start(1)
		server, most := b.leader(), 0
		k := b.client(func(c *ClientConfig) {
			c.Progress = func(Progress) { most = max(most, server.transport.guests.count()) }
		})
		r := b.hide(k, mebibyte(), "alone")
		if most != 1 || r.Elapsed < 2*splitForGain {
			b.t.Errorf("%d connections at most, in %v; want 1, in more than %v", most, r.Elapsed, 2*splitForGain)
		}
	})
}

// splitAt calls f once, when a split transfer has reached a stage and half of its bytes.
func (b *bubble) splitAt(e *errand, stage string, f func()) {
	once := sync.OnceFunc(f)
	e.cl.tell.f = func(p Progress) {
		if p.Stage == stage && e.lanes != nil && p.Done*2 >= p.Total && p.Total > 0 {
			once()
		}
	}
}

// errand is a job of a picture of 1 MiB, not begun.
func (b *bubble) errand(k *Client, text string) (*errand, Job) {
	b.t.Helper()
	j := jobFor(b.t, mebibyte(), text)
	e, err := k.newErrand(context.Background(), j)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { k.mail.unsubscribe(e.events) })
	return e, j
}

// deliver runs an errand to its end.
func (b *bubble) deliver(e *errand, j Job, text string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := e.run(ctx); err != nil {
		b.t.Fatalf("run: %v", err)
	}
	wantText(b.t, j, text)
}

// Connections of a split transfer may die: the others carry what is left.
func TestBubbleLanesDie(t *testing.T) {
	for _, stage := range []string{StageUploading, StageDownloading} {
		t.Run(stage, func(t *testing.T) {
			inBubbles(t, func(b *bubble) {
				b.faults(lossy)
				b.start(1)
				b.leader()
				e, j := b.errand(b.client(nil), "held together")
				killed := 0
				b.splitAt(e, stage, func() {
					for _, l := range e.lanes.all[3:] {
						select {
						case <-l.ready:
						default:
							continue
						}
						if l.conn != nil {
							l.conn.CloseWithError(closedAbandon, "test")
							killed++
						}
					}
				})
				b.deliver(e, j, "held together")
				if killed < 3 || e.receipt.Attempts != 1 {
					b.t.Errorf("%d connections died, %d attempts; want 3 at least, and 1", killed, e.receipt.Attempts)
				}
			})
		})
	}
}

// A server that dies in the middle of a split transfer is replaced.
func TestBubbleServerDiesInSplit(t *testing.T) {
	for _, stage := range []string{StageUploading, StageDownloading} {
		t.Run(stage, func(t *testing.T) {
			inBubbles(t, func(b *bubble) {
				b.faults(lossy)
				b.start(3)
				b.leader()
				e, j := b.errand(b.client(nil), "survivor")
				var dead *bubbleNode
				b.splitAt(e, stage, func() {
					dead = b.named(e.reached.Server)
					dead.kill()
				})
				b.deliver(e, j, "survivor")
				if dead == nil || e.receipt.Server == dead.name || e.receipt.Failovers == 0 {
					b.t.Fatalf("dead: %v, receipt %+v", dead, e.receipt)
				}
				dead.restart()
				b.leader()
				if records := b.ledgers(time.Minute); records[e.id].Result != e.receipt.SHA256 {
					b.t.Errorf("ledger %+v, want the result %v", records, e.receipt.SHA256)
				}
			})
		})
	}
}

// A client that breaks off in the middle of a split download goes on where it has a whole beginning.
func TestBubbleSplitResumes(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(lossy)
		b.start(1)
		b.leader()
		e, j := b.errand(b.client(nil), "resumed")
		b.splitAt(e, StageDownloading, func() {
			for _, l := range e.lanes.all {
				select {
				case <-l.ready:
					if l.conn != nil {
						l.conn.CloseWithError(closedAbandon, "test")
					}
				default:
				}
			}
		})
		b.deliver(e, j, "resumed")
		if e.receipt.Attempts != 2 || e.receipt.Failovers != 0 {
			b.t.Errorf("receipt %+v, want 2 attempts", e.receipt)
		}
	})
}

// Many clients of one host share the connections that a source may have.
func TestBubbleSplitInACrowd(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.faults(lossy)
		b.start(1)
		server := b.leader()
		var all sync.WaitGroup
		most, receipts := 0, make([]Receipt, 5)
		var mu sync.Mutex
		for i := range receipts {
			k := b.client(func(c *ClientConfig) {
				c.Listen = func() (net.PacketConn, error) {
					return b.hub.Listen(netip.MustParseAddrPort("10.0.9.9:0"))
				}
				c.Progress = func(Progress) {
					mu.Lock()
					defer mu.Unlock()
					most = max(most, server.transport.guests.count())
				}
			})
			all.Go(func() { receipts[i] = b.hide(k, photo(500, 400), fmt.Sprint("one of five, ", i)) })
		}
		all.Wait()
		b.t.Logf("%d connections at most, %s", most, timesOf(receipts))
		if most > maxFromOne || most < 2*(1+extraLanes) {
			b.t.Errorf("%d connections of one host, want %d at most, and %d at least", most, maxFromOne, 2*(1+extraLanes))
		}
		b.ledgers(time.Minute)
	})
}
