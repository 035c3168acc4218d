package node

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

// A server that dies at any point of a job costs one failover and nothing else.
func TestClientSurvivesADyingServer(t *testing.T) {
	for stage, percents := range map[string][]int64{StageUploading: {10, 50, 90}, StageDownloading: {1, 10, 50}} {
		for _, percent := range percents {
			t.Run(fmt.Sprintf("%s %d%%", stage, percent), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { dieAt(t, stage, percent) })
			})
		}
	}
}

// A result that has come whole counts, although its server can no longer hear that.
func TestResultCountsThoughItsServerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		k := o.client(func(c *ClientConfig) {
			c.Progress = func(p Progress) {
				if p.Stage == StageVerifying {
					o.kill(o.named("a"))
				}
			}
		})
		r, err := k.Encrypt(t.Context(), jobFor(t, photo(200, 150), "whole"))
		if err != nil || r.Server != "a" || r.Attempts != 1 || !r.Verified {
			t.Errorf("Encrypt = %+v, %v, want a's result verified", r, err)
		}
	})
}

func dieAt(t *testing.T, stage string, percent int64) {
	o := newOffice(t, "a", "b", "c")
	picture := photo(900, 600)
	j := jobFor(t, picture, "survivor")
	var once sync.Once
	k := o.client(func(c *ClientConfig) {
		c.Progress = func(p Progress) {
			done := p.Done
			if stage == StageDownloading { // which begins while the image is on its way
				done = sizeOf(t, j.Output)
			} else if p.Stage != stage {
				return
			}
			if p.Server == "a" && done*100 >= int64(len(picture))*percent {
				once.Do(func() { o.kill(o.named("a")) })
			}
		}
	})
	r, err := k.Encrypt(t.Context(), j)
	if err != nil {
		t.Fatalf("Encrypt: %v", err)
	}
	wantText(t, j, "survivor")
	if r.Server != "b" || r.Failovers != 1 || r.Attempts != 2 || r.Attempt != 2 || r.Leader != "b" {
		t.Errorf("receipt %+v, want the job done by b at the second attempt", r)
	}
	if e := o.page(); e.acked != 1 {
		t.Errorf("acked %d times, want once", e.acked)
	}
	t.Logf("done %v after the beginning", r.Elapsed)
}

func sizeOf(t *testing.T, f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		t.Error(err)
		return 0
	}
	return info.Size()
}

// A download that breaks goes on where it broke, at the server that has the result already, although there is another. (It is
// cut once the result is stored: before that the server may still wait for the end of the image, and begins anew.)
func TestBrokenDownloadResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		j := jobFor(t, photo(900, 600), "resumed")
		var cut, resumedAt int64
		var k *Client
		k = o.client(func(c *ClientConfig) {
			c.Progress = func(p Progress) {
				switch {
				case p.Stage == StageDownloading && cut == 0 && p.Done > 300_000:
					cut = p.Done
					for o.page().done == 0 {
						time.Sleep(time.Millisecond)
					}
					k.dial.conns[IDOf("a")].CloseWithError(9, "cut by the test")
				case p.Stage == StageDownloading && p.Attempt == 2 && resumedAt == 0:
					resumedAt = p.Done
				}
			}
		})
		r, err := k.Encrypt(t.Context(), j)
		if err != nil {
			t.Fatalf("Encrypt: %v", err)
		}
		wantText(t, j, "resumed")
		if cut == 0 || resumedAt <= cut || r.Attempts != 2 || r.Failovers != 0 {
			t.Errorf("cut at %d, resumed before %d, receipt %+v; want a second attempt from the cut on", cut, resumedAt, r)
		}
		if e := o.page(); e.begun != 1 || e.done != 1 {
			t.Errorf("ledger %+v, want one embedding", e)
		}
	})
}

// A job whose server goes silent follows the leader's word to another long before the connection times out.
func TestClientFollowsAMovedJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b", "c")
		o.leader = o.named("c")
		var once sync.Once
		var died time.Time
		k := o.client(func(c *ClientConfig) {
			c.Progress = func(p Progress) {
				if p.Stage != StageUploading || p.Done == 0 {
					return
				}
				once.Do(func() {
					died = time.Now()
					o.kill(o.named("a"))
					o.mu.Lock()
					defer o.mu.Unlock()
					for _, e := range o.jobs {
						e.attempt, e.server = 2, IDOf("b")
					}
				})
			}
		})
		r, err := k.Encrypt(t.Context(), jobFor(t, photo(900, 600), "moved"))
		if err != nil || r.Server != "b" {
			t.Fatalf("Encrypt = %+v, %v, want b", r, err)
		}
		if took := time.Since(died); took > 2*time.Second {
			t.Errorf("done %v after the server died, want at most 2 s", took)
		}
	})
}

// A server that is killed and back at once is noticed by its new boot nonce, long before the connection times out.
func TestClientNoticesARestartedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		slots := o.posts[0].transport.slots
		slots.try(1) // the job waits, and no byte flows
		back := make(chan time.Time, 1)
		restart := sync.OnceFunc(func() {
			o.restart(o.posts[0])
			back <- time.Now()
		})
		k := o.client(func(c *ClientConfig) {
			c.Progress = func(p Progress) {
				if p.Stage == StageWorking {
					go restart()
				}
			}
		})
		r, err := k.Encrypt(t.Context(), jobFor(t, photo(200, 150), "again"))
		if err != nil || r.Attempts != 2 || r.Failovers != 0 {
			t.Fatalf("Encrypt = %+v, %v, want two attempts at one server", r, err)
		}
		if took := time.Since(<-back); took > 2*time.Second {
			t.Errorf("done %v after the server was back, want at most 2 s", took)
		}
	})
}

// A stream is given up for what servers say of its job, and for nothing else they say.
func TestHeed(t *testing.T) {
	other := wire.JobID{2}
	for name, c := range map[string]struct {
		from  uint8
		boot  byte
		says  func(s *seeking) wire.Message
		moved error
	}{
		"moved":                {1, 1, func(*seeking) wire.Message { return wire.TaskMoved{Job: wire.JobID{1}, Attempt: 3} }, errMoved},
		"moved, an old one":    {1, 1, func(*seeking) wire.Message { return wire.TaskMoved{Job: wire.JobID{1}, Attempt: 2} }, nil},
		"moved, another job":   {1, 1, func(*seeking) wire.Message { return wire.TaskMoved{Job: other, Attempt: 3} }, nil},
		"moved, by a stranger": {9, 9, func(*seeking) wire.Message { return wire.TaskMoved{Job: wire.JobID{1}, Attempt: 3} }, nil},
		"status":               {1, 1, func(*seeking) wire.Message { return wire.TaskStatusResponse{Job: wire.JobID{1}, Attempt: 3} }, errMoved},
		"status, same attempt": {1, 1, func(*seeking) wire.Message { return wire.TaskStatusResponse{Job: wire.JobID{1}, Attempt: 2} }, nil},
		"status, another job":  {1, 1, func(*seeking) wire.Message { return wire.TaskStatusResponse{Job: other, Attempt: 3} }, nil},
		"same process":         {2, 2, func(s *seeking) wire.Message { return s.says(2, 1, 5, 1) }, nil},
		"new process":          {2, 7, func(s *seeking) wire.Message { return s.says(2, 1, 5, 1) }, errReborn},
		"new process, another": {1, 7, func(s *seeking) wire.Message { return s.says(1, 1, 5, 1) }, nil},
		"new process, forged":  {2, 7, func(s *seeking) wire.Message { return s.says(1, 1, 5, 1) }, nil},
	} {
		s := newSeeking(t, trust{known: []Pin{{Cluster: identityOf(t, 1).Cluster}}})
		s.hear(1, s.says(1, 1, 5, 1))
		s.hear(2, s.says(2, 1, 5, 1))
		a := &assignment{TaskAssignmentResponse: wire.TaskAssignmentResponse{Attempt: 2, Server: wire.Node{ID: nodeOf(2)}}}
		e := &errand{id: wire.JobID{1}, search: s.search}
		e.enter(a)
		e.heed(wire.Event{Peer: nodeOf(c.from), Boot: wire.Boot{c.boot}, Addr: addrOf(c.from), Message: c.says(s)}, a)
		if e.moved != c.moved {
			t.Errorf("%s: moved %v, want %v", name, e.moved, c.moved)
		}
	}
}

// A server that gives wrong results is found out and avoided; when all do, the job fails.
func TestWrongResultsAreFoundOut(t *testing.T) {
	for _, c := range []struct {
		liars, how int
		want       wire.Code
	}{{0, 0, wire.CodeOK}, {2, 1, wire.CodeOK}, {2, 2, wire.CodeOK}, {3, 1, wire.CodeVerify}, {3, 2, wire.CodeVerify}} {
		t.Run(fmt.Sprint(c.liars, c.how), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, "a", "b", "c")
				for _, p := range o.posts[:c.liars] {
					p.lies = c.how
				}
				r, err := o.client(nil).Encrypt(t.Context(), jobFor(t, photo(200, 150), "truth"))
				if attempts := min(c.liars+1, 3); CodeOf(err) != c.want || r.Verified != (err == nil) || r.Attempts != attempts || r.Rejected != c.liars {
					t.Errorf("Encrypt = %+v, %v, want %v after %d attempts", r, err, c.want, attempts)
				}
			})
		})
	}
}

// Whatever a server announces: no more of it is written here than a result for this image can have.
func TestEndlessResultIsCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		width   int
		weather wiretest.Faults
	}{"announced": {200, wiretest.Faults{}}, "split": {840, lossy}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, "a", "b", "c")
				o.hub.Do(func(n *wiretest.Network) { n.SetFaults(c.weather) })
				for _, p := range o.posts {
					p.lies = 3
				}
				j := jobFor(t, photo(c.width, 150), "enough")
				_, err := o.client(nil).Encrypt(t.Context(), j)
				var oversize *OversizeError
				if !errors.As(err, &oversize) || CodeOf(err) != wire.CodeVerify || oversize.Server == "" {
					t.Fatalf("Encrypt = %v, want an OversizeError of a server", err)
				}
				info, err := j.Output.Stat()
				if most := 3*int64(c.width)*150 + j.Size + 128<<10; err != nil || info.Size() > oversize.Most || oversize.Most > most {
					t.Errorf("%d bytes were written, %v; the error allows %d, want at most %d", info.Size(), err, oversize.Most, most)
				}
			})
		})
	}
}

// A server that announces nothing and never ends is cut short as well.
func TestNoMoreIsWrittenThanAResultCanHave(t *testing.T) {
	j := jobFor(t, photo(200, 150), "enough")
	e := &errand{cl: &Client{}, job: j, most: 1000}
	a := &assignment{}
	a.Server.Name = "liar"
	if err := e.accept(a, make([]byte, 1000)); err != nil {
		t.Fatalf("accept of as much as there can be = %v", err)
	}
	err := e.accept(a, make([]byte, 1))
	var oversize *OversizeError
	if info, e := j.Output.Stat(); !errors.As(err, &oversize) || oversize.Server != "liar" || e != nil || info.Size() != 1000 {
		t.Errorf("accept of one byte more = %v, the file has %d bytes", err, info.Size())
	}
}
