package node

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"p2pnode/election"
	"p2pnode/wire/wiretest"
)

// found is how soon a client gets its result although its server, or the leader, or both die: a dead server is known as
// such after 1.2 s, a new leader 0.1 s after that, and the client asks once a second.
const found = 4 * time.Second

// A server, the leader, both at once, or one that is both dies in the middle of an upload or a download: the job ends elsewhere, once. When
// the dead are back, they learn of it.
func TestBubbleServerDies(t *testing.T) {
	for _, who := range []string{"server", "leader", "both", "server that leads"} {
		for _, stage := range []string{StageUploading, StageDownloading} {
			for _, percent := range []int{10, 50, 90} {
				if testing.Short() && (percent != 50 || who == "leader") {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s %d %%", who, stage, percent), func(t *testing.T) {
					inBubbles(t, func(b *bubble) { b.dieAt(who, stage, percent) })
				})
			}
		}
	}
}

func (b *bubble) dieAt(who, stage string, percent int) {
	b.faults(wiretest.Faults{Delay: 4 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.02})
	b.start(4)
	leader, dead, server := b.leader(), map[*bubbleNode]bool{}, ""
	if who != "server that leads" {
		b.burden(leader)
	}
	picture := photo(200, 150)
	r := b.hide(b.client(during(stage, len(picture)*percent/100, func(s string) {
		server = s
		if who == "leader" || who == "both" {
			dead[leader] = true
		}
		if who != "leader" {
			dead[b.named(server)] = true
		}
		for x := range dead {
			x.kill()
		}
	})), picture, "survivor")
	if len(dead) == 0 {
		b.t.Fatalf("nobody died: %+v", r)
	}
	b.t.Logf("begun by %s, led by %s, done by %s in %v: %d attempts", server, leader.name, r.Server, r.Elapsed, r.Attempts)
	if lost := dead[b.named(server)]; lost != (r.Failovers > 0) || lost == (r.Server == server) {
		b.t.Errorf("%d failovers, done by %s; begun by %s, dead: %v", r.Failovers, r.Server, server, lost)
	}
	if r.Elapsed > found {
		b.t.Errorf("took %v, want at most %v", r.Elapsed, found)
	}
	for x := range dead {
		x.restart()
	}
	b.leader()
	b.wantOne(r)
}

// All servers die with a job in their hands; when they are back, with what they had on their disks, it ends.
func TestBubbleClusterDies(t *testing.T) {
	for _, stage := range []string{StageUploading, StageDownloading} {
		t.Run(stage, func(t *testing.T) {
			inBubbles(t, func(b *bubble) {
				b.faults(wiretest.Faults{Delay: 2 * time.Millisecond, Loss: 0.05})
				b.start(3)
				b.leader()
				picture := photo(200, 150)
				died := make(chan struct{})
				k := b.client(during(stage, len(picture)/2, func(string) {
					for _, x := range b.running() {
						x.kill()
					}
					close(died)
				}))
				var all sync.WaitGroup
				all.Go(func() {
					<-died
					for _, x := range b.running() {
						x.restart()
					}
				})
				r := b.hide(k, picture, "risen")
				all.Wait()
				b.t.Logf("done in %v: %d attempts", r.Elapsed, r.Attempts)
				b.leader()
				b.wantOne(r)
			})
		})
	}
}

// In majority mode a job outlives the leader, waits while there is no majority, and ends when there is one again.
func TestBubbleMajority(t *testing.T) {
	inBubbles(t, func(b *bubble) {
		b.config = func(c *Config) { c.Quorum, c.Voters = election.Majority, []string{"n1", "n2", "n3"} }
		b.faults(wiretest.Faults{Delay: 2 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.05})
		b.start(3)
		leader, picture := b.leader(), photo(200, 150)
		first := b.hide(b.client(during(StageUploading, len(picture)/2, func(string) { leader.kill() })), picture, "first")
		b.await(10*time.Second, "another leader", func() bool { return b.leader() != leader })
		b.leader().kill()
		var second Receipt
		var waits sync.WaitGroup
		waits.Go(func() { second = b.hide(b.client(nil), picture, "second") })
		time.Sleep(20 * time.Second)
		if s := b.running()[0].status(); s.Ready {
			b.t.Errorf("one of three is ready: %+v", s)
		}
		leader.restart()
		waits.Wait()
		b.t.Logf("first: %d attempts in %v; second: %v", first.Attempts, first.Elapsed, second.Elapsed)
		if second.Elapsed < 20*time.Second {
			b.t.Errorf("a job was done after %v without a majority", second.Elapsed)
		}
		if records := b.ledgers(time.Minute); len(records) != 2 {
			b.t.Errorf("%d records, want 2", len(records))
		}
	})
}
