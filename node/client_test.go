package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/stego"
	"p2pnode/wire"
	"p2pnode/wire/wiretest"
)

func TestClientGetsAJobDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		j := jobFor(t, photo(200, 150), "hello")
		r, err := o.client(nil).Encrypt(t.Context(), j)
		if err != nil {
			t.Fatalf("Encrypt: %v", err)
		}
		wantText(t, j, "hello")
		want := Receipt{
			Job: r.Job, Cluster: "test", ClusterID: o.ident.Cluster, Leader: "a", Epoch: 3, Server: "a", Attempt: 1, Attempts: 1,
			Size: r.Size, SHA256: r.SHA256, Capacity: r.Capacity, Hidden: 5, Elapsed: r.Elapsed, Verified: true,
		}
		if r != want || r.Capacity < 5 || r.Size == 0 {
			t.Errorf("receipt %+v, want %+v", r, want)
		}
		if e := o.page(); e.begun != 1 || e.done != 1 || e.acked != 1 {
			t.Errorf("ledger %+v, want the job begun, done and acked once", e)
		}
	})
}

// A result is a pure function of image, embedding and options: wherever it is made, the file is the same.
func TestServerMakesTheSameFileAsLocalEmbedding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(120, 90)
		j := jobFor(t, picture, "the same pixels")
		if _, err := o.client(nil).Encrypt(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		var local bytes.Buffer
		if _, err := stego.Embed(&local, bytes.NewReader(picture), j.Embedding, stego.EmbedOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(j.Output.Name()); !bytes.Equal(got, local.Bytes()) {
			t.Errorf("the server's file of %d bytes differs from the local one of %d", len(got), local.Len())
		}
	})
}

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
			if p.Stage == stage && p.Server == "a" && p.Done*100 >= int64(len(picture))*percent {
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

// A download that breaks goes on where it broke, at the server that has the result already, although there is another.
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
					k.dial.standing(IDOf("a")).CloseWithError(9, "cut by the test")
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

// A server that the client alone no longer hears is left for another at once, whatever the leader thinks of it.
func TestSilentServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		o.leader = o.named("b")
		var once sync.Once
		k := o.client(func(c *ClientConfig) {
			c.Progress = func(p Progress) {
				if p.Stage == StageUploading && p.Done > 0 {
					once.Do(func() {
						o.hub.Do(func(n *wiretest.Network) {
							n.Partition([]netip.Addr{addrPort(o.named("a").control.LocalAddr()).Addr()}, []netip.Addr{clientHost})
						})
					})
				}
			}
		})
		r, err := k.Encrypt(t.Context(), jobFor(t, photo(900, 600), "elsewhere"))
		if err != nil || r.Server != "b" || r.Attempts != 2 || r.Failovers != 1 {
			t.Errorf("Encrypt = %+v, %v, want b to have done it at the second attempt", r, err)
		}
		if r.Elapsed > silentAfter+5*time.Second {
			t.Errorf("it took %v", r.Elapsed)
		}
	})
}

func TestClientReportsFinalRefusals(t *testing.T) {
	whole := photo(200, 150)
	gigapixel := bytes.Clone(whole)
	copy(gigapixel[16:24], []byte{0, 1, 0, 0, 0, 1, 0, 0})
	for name, c := range map[string]struct {
		image []byte
		code  wire.Code
	}{
		"text as png": {bytes.Repeat([]byte("this is no image at all\n"), 50), wire.CodeUnsupported},
		"cut":         {whole[:len(whole)/2], wire.CodeBadImage},
		"empty":       {nil, wire.CodeBadImage},
		"too large":   {withCRC(gigapixel), wire.CodeTooManyPixels},
		"too small":   {photo(40, 40), wire.CodeCapacity},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, "a", "b")
				j := jobFor(t, whole, strings.Repeat("more than fits a small picture", 20))
				j.Image, j.Size = bytes.NewReader(c.image), int64(len(c.image))
				_, err := o.client(nil).Encrypt(t.Context(), j)
				var remote *RemoteError
				if !errors.As(err, &remote) || remote.Code != c.code || remote.From != "a" || remote.Detail == "" {
					t.Fatalf("Encrypt = %v, want %v from a with a reason", err, c.code)
				}
				if c.code == wire.CodeTooManyPixels && (remote.Need != 1<<32 || remote.Limit != 4e6) {
					t.Errorf("%d of %d pixels, want 4294967296 of 4000000", remote.Need, remote.Limit)
				}
			})
		})
	}
}

// A disk that is full is no reason to give up: another server may have room.
func TestFullServerIsAvoided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		o.named("a").results.space.use.Max = 1000
		j := jobFor(t, photo(200, 150), "elsewhere")
		r, err := o.client(nil).Encrypt(t.Context(), j)
		if err != nil {
			t.Fatalf("Encrypt: %v", err)
		}
		if r.Server != "b" || r.Failovers != 1 {
			t.Errorf("receipt %+v, want the job done by b", r)
		}
	})
}

func TestClientProvesItsToken(t *testing.T) {
	secret := secretOf(7)
	text, err := ClientToken(secret)
	if err != nil {
		t.Fatal(err)
	}
	token, err := ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		o.close()
		o.posts, o.token = nil, true
		o.leader = o.open("t", netip.MustParseAddr("10.0.0.50"), nil)
		j := jobFor(t, photo(200, 150), "with token")
		if _, err := o.client(func(c *ClientConfig) { c.Token = &token }).Encrypt(t.Context(), j); err != nil {
			t.Errorf("with the token: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := o.client(nil).Encrypt(ctx, jobFor(t, photo(200, 150), "without"))
		if !errors.Is(err, ErrNoCluster) || CodeOf(err) != wire.CodeNoCluster {
			t.Errorf("without a token: %v, want silence", err)
		}
	})
}

// Whoever learns a token cluster's addresses still gets nothing done without the proof.
func TestServerRefusesWithoutProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		o.posts[0].transport.cfg.OpenClients = false
		_, err := o.client(nil).Encrypt(t.Context(), jobFor(t, photo(60, 60), "no"))
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Code != wire.CodeUnauthorized {
			t.Errorf("Encrypt = %v, want UNAUTHORIZED", err)
		}
		if e := o.page(); e.begun != 0 {
			t.Errorf("begun %d times without proof", e.begun)
		}
	})
}

// A server whose certificate is not of the cluster's authority is not used, whatever the datagrams say.
func TestClientRefusesAForeignServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		foreign, err := identityOf(t, 9).ServerTLS(IDOf("liar"))
		if err != nil {
			t.Fatal(err)
		}
		liar := o.open("liar", netip.MustParseAddr("10.0.0.40"), nil)
		liar.transport.tls.Certificates = foreign.Certificates
		o.posts = []*post{liar, o.posts[0]}
		j := jobFor(t, photo(200, 150), "honest")
		r, err := o.client(nil).Encrypt(t.Context(), j)
		if err != nil || r.Server != "a" || r.Failovers != 1 {
			t.Errorf("Encrypt = %+v, %v, want the job done by a after the liar was refused", r, err)
		}
	})
}

func TestCancelReachesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		ctx, cancel := context.WithCancel(t.Context())
		k := o.client(func(c *ClientConfig) {
			c.Progress = func(p Progress) {
				if p.Stage == StageUploading && p.Done > 0 {
					cancel()
				}
			}
		})
		_, err := k.Encrypt(ctx, jobFor(t, photo(900, 600), "never"))
		if !errors.Is(err, context.Canceled) || CodeOf(err) != wire.CodeCancelled {
			t.Errorf("Encrypt = %v, want cancelled", err)
		}
		if e := o.page(); e.cancelled == 0 || e.done != 0 {
			t.Errorf("ledger %+v, want the job cancelled", e)
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
		slots.TryAcquire(1) // the job waits, and no byte flows
		var back time.Time
		restart := sync.OnceFunc(func() {
			o.restart(o.posts[0])
			back = time.Now()
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
		if took := time.Since(back); took > 2*time.Second {
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
		moved bool
	}{
		"moved":                {1, 1, func(*seeking) wire.Message { return wire.TaskMoved{Job: wire.JobID{1}, Attempt: 3} }, true},
		"moved, an old one":    {1, 1, func(*seeking) wire.Message { return wire.TaskMoved{Job: wire.JobID{1}, Attempt: 2} }, false},
		"moved, another job":   {1, 1, func(*seeking) wire.Message { return wire.TaskMoved{Job: other, Attempt: 3} }, false},
		"moved, by a stranger": {9, 9, func(*seeking) wire.Message { return wire.TaskMoved{Job: wire.JobID{1}, Attempt: 3} }, false},
		"status":               {1, 1, func(*seeking) wire.Message { return wire.TaskStatusResponse{Job: wire.JobID{1}, Attempt: 3} }, true},
		"status, same attempt": {1, 1, func(*seeking) wire.Message { return wire.TaskStatusResponse{Job: wire.JobID{1}, Attempt: 2} }, false},
		"status, another job":  {1, 1, func(*seeking) wire.Message { return wire.TaskStatusResponse{Job: other, Attempt: 3} }, false},
		"same process":         {2, 2, func(s *seeking) wire.Message { return s.says(2, 1, 5, 1) }, false},
		"new process":          {2, 7, func(s *seeking) wire.Message { return s.says(2, 1, 5, 1) }, true},
		"new process, another": {1, 7, func(s *seeking) wire.Message { return s.says(1, 1, 5, 1) }, false},
		"new process, forged":  {2, 7, func(s *seeking) wire.Message { return s.says(1, 1, 5, 1) }, false},
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
				if attempts := min(c.liars+1, 3); CodeOf(err) != c.want || r.Verified != (err == nil) || r.Attempts != attempts {
					t.Errorf("Encrypt = %+v, %v, want %v after %d attempts", r, err, c.want, attempts)
				}
			})
		})
	}
}

func TestNobodyThereTellsWhatWasTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		var waited []string
		k := o.client(func(c *ClientConfig) {
			c.Servers = []string{"10.0.0.77:47470"}
			c.Progress = func(p Progress) { waited = append(waited, p.Waiting) }
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := k.Encrypt(ctx, jobFor(t, photo(60, 60), "lonely"))
		if CodeOf(err) != wire.CodeNoCluster || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Encrypt = %v, want NO_CLUSTER after a timeout", err)
		}
		if tried := strings.Join(Tried(err), "\n"); !strings.Contains(tried, "10.0.0.77:47470, 7 times") {
			t.Errorf("tried %q, want the address and 7 times", tried)
		}
		if !slices.Contains(waited, "no server answered yet: asked 10.0.0.77:47470") {
			t.Errorf("waiting was told as %q", waited)
		}
	})
}

func TestStatusComesFromTheServerNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		got, err := o.client(func(c *ClientConfig) { c.Servers = []string{"10.0.0.2:47470"} }).Status(t.Context())
		if err != nil || string(got) != `{"self":"b"}` {
			t.Errorf("Status = %s, %v", got, err)
		}
	})
}

func TestDiscoverFindsEveryServerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b", "c")
		o.hub.Do(func(n *wiretest.Network) {
			n.SetFaults(wiretest.Faults{Loss: 0.3, Delay: time.Millisecond, Duplicate: 0.2})
		})
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		var rows []string
		err := o.client(nil).Discover(ctx, func(f Found) {
			rows = append(rows, fmt.Sprintf("%s %s %s leader=%v %s %v", f.Name, f.Cluster, f.Control, f.Leader, f.LeaderName, f.RTT > 0))
		})
		slices.Sort(rows)
		want := []string{
			"a test 10.0.0.1:47470 leader=true a true", "b test 10.0.0.2:47470 leader=false a true", "c test 10.0.0.3:47470 leader=false a true",
		}
		if err != nil || !slices.Equal(rows, want) {
			t.Errorf("Discover = %v, found %q, want %q", err, rows, want)
		}
	})
}

// Jobs go through a bad network.
func TestClientOverLossyNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		o.hub.Do(func(n *wiretest.Network) {
			n.SetFaults(wiretest.Faults{Loss: 0.1, Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Reorder: 0.1, Duplicate: 0.1, Corrupt: 0.01})
		})
		j := jobFor(t, photo(300, 200), "through the storm")
		r, err := o.client(nil).Encrypt(t.Context(), j)
		if err != nil {
			t.Fatalf("Encrypt: %v", err)
		}
		wantText(t, j, "through the storm")
		t.Logf("took %v with %d attempts", r.Elapsed, r.Attempts)
	})
}

// What is wrong with the caller's own files ends a job at once.
func TestLocalFailureIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		j := jobFor(t, photo(200, 150), "x")
		name := filepath.Join(t.TempDir(), "readonly.png")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		readonly, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer readonly.Close()
		j.Output = readonly
		_, err = o.client(nil).Encrypt(t.Context(), j)
		if CodeOf(err) != wire.CodeIO {
			t.Errorf("Encrypt = %v, want IO", err)
		}
	})
}

func TestClosedClientFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		k := o.client(nil)
		k.Close()
		if _, err := k.Encrypt(t.Context(), jobFor(t, photo(60, 60), "x")); !errors.Is(err, ErrClosed) {
			t.Errorf("Encrypt = %v, want %v", err, ErrClosed)
		}
	})
}

// withCRC mends the checksum of a PNG's header.
func withCRC(p []byte) []byte {
	binary.BigEndian.PutUint32(p[29:], crc32.ChecksumIEEE(p[12:29]))
	return p
}
