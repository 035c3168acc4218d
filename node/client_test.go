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
			Size: r.Size, SHA256: r.SHA256, Capacity: r.Capacity, Hidden: 5, Elapsed: r.Elapsed, Searched: r.Searched, Verified: true,
			Stages: r.Stages,
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
		"too costly":  {costly(t), wire.CodeTooManyPixels},
		"too small":   {photo(36, 36), wire.CodeCapacity},
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
				if name == "too large" && (remote.Need != 1<<32 || remote.Limit != 4e6) {
					t.Errorf("%d of %d pixels, want 4294967296 of 4000000", remote.Need, remote.Limit)
				}
			})
		})
	}
}

// costly is a progressive JPEG whose few bytes announce more coefficients than the office's servers have memory for.
func costly(t *testing.T) []byte {
	t.Helper()
	pic, err := os.ReadFile(filepath.Join("..", "testdata", "images", "progressive.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(pic, []byte{0xff, 0xc2}) // its frame header: length, precision, height, width
	binary.BigEndian.PutUint16(pic[at+5:], 2000)
	binary.BigEndian.PutUint16(pic[at+7:], 1900)
	return pic
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
