package node

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"p2pnode/stego"
)

// cluster is a few whole nodes of one process on loopback.
type testCluster struct {
	t      testing.TB
	secret Secret
	nodes  []*testNode
}

type testNode struct {
	*Node
	name    string
	dir     string
	control string
	stop    context.CancelFunc
	ended   chan error
}

func newTestCluster(t testing.TB, names ...string) *testCluster {
	t.Helper()
	secret, err := NewSecret(seeded{newSim(t, 1, 1, 0).rand})
	if err != nil {
		t.Fatal(err)
	}
	c := &testCluster{t: t, secret: secret}
	for _, name := range names {
		c.add(name, t.TempDir())
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.halt(t)
		}
	})
	return c
}

func (c *testCluster) add(name, dir string) *testNode {
	c.t.Helper()
	s, err := Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	var peers []string
	for _, n := range c.nodes {
		peers = append(peers, n.control)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", name)
	}
	n, err := New(Config{
		Name: name, Secret: c.secret, Dir: dir, Control: s.Control, Data: s.Data, Peers: peers, Quiet: true,
		OpenClients: true, Log: log,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	tn := &testNode{Node: n, name: name, dir: dir, control: s.Control.LocalAddr().String(), stop: stop, ended: make(chan error, 1)}
	go func() { tn.ended <- n.Run(ctx) }()
	c.nodes = append(c.nodes, tn)
	return tn
}

func (n *testNode) halt(t testing.TB) {
	t.Helper()
	if n.stop == nil {
		return
	}
	n.stop()
	n.stop = nil
	if err := <-n.ended; err != nil {
		t.Errorf("%s: Run: %v", n.name, err)
	}
}

// await polls Status until ok, for at most 10 s.
func (n *testNode) await(t testing.TB, what string, ok func(Status) bool) Status {
	t.Helper()
	until := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := n.Status(context.Background())
		if err == nil && ok(s) {
			return s
		}
		select {
		case <-until:
			t.Fatalf("%s: not within 10 s: %s (%+v, %v)", n.name, what, s, err)
		case <-tick.C:
		}
	}
}

func led(nodes int) func(Status) bool {
	return func(s Status) bool { return s.Leader != nil && len(s.Nodes) == nodes && s.Ready }
}

// photo is a small noisy picture.
func photo(w, h int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	r := newNoise(7)
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x) + r(), uint8(y) + r(), r(), 255})
		}
	}
	var b bytes.Buffer
	png.Encode(&b, m)
	return b.Bytes()
}

func newNoise(state uint32) func() uint8 {
	return func() uint8 {
		state = state*1664525 + 1013904223
		return uint8(state>>24) & 31
	}
}

func (c *testCluster) client(servers ...string) *Client {
	c.t.Helper()
	k, err := NewClient(ClientConfig{Servers: servers, Pins: filepath.Join(c.t.TempDir(), "pins")})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { k.Close() })
	return k
}

// hide sends one job through the cluster.
func hide(t *testing.T, k *Client, pic []byte, text string) (Receipt, []byte) {
	t.Helper()
	info, err := stego.Measure(bytes.NewReader(pic), stego.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p := stego.Payload{Kind: stego.Text, Data: []byte(text)}
	e, err := stego.Seal(p, info, stego.SealOptions{Format: stego.V1})
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := k.Encrypt(ctx, Job{
		Name: "photo.png", Image: bytes.NewReader(pic), Size: int64(len(pic)), Embedding: e, Payload: p,
		Extract: stego.ExtractOptions{Format: stego.V1}, Output: out,
	})
	if err != nil {
		t.Fatalf("Encrypt: %v (tried %v)", err, Tried(err))
	}
	got, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return r, got
}

func TestThreeNodesHideATextAndLoseTheirLeader(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := newTestCluster(t, "n1", "n2", "n3")
	first := c.nodes[0].await(t, "leader", led(3))
	k := c.client(c.nodes[0].control, c.nodes[1].control, c.nodes[2].control)
	pic := photo(300, 200)
	r, out := hide(t, k, pic, "hello")
	got, _, err := stego.Extract(bytes.NewReader(out), stego.ExtractOptions{Format: stego.V1})
	if err != nil || string(got.Data) != "hello" {
		t.Errorf("Extract = %q, %v", got.Data, err)
	}
	if !r.Verified || r.Server == "" || r.Attempts != 1 {
		t.Errorf("receipt %+v", r)
	}
	for _, n := range c.nodes {
		if n.name == *first.Leader {
			n.halt(t)
		}
	}
	if _, out = hide(t, k, pic, "still here"); len(out) == 0 {
		t.Error("nothing came back after the leader left")
	}
	for _, n := range c.nodes {
		n.halt(t)
	}
	k.Close()
}
