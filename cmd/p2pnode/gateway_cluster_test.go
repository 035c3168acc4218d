package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// newHouse runs a server in this process, with HTTP, until the test ends. It returns the address of its HTTP.
func newHouse(t *testing.T) (at string) {
	t.Helper()
	sockets, err := node.Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{p: newProgram(nil, io.Discard, io.Discard), metrics: newMetrics(), sockets: sockets,
		home: home{dir: t.TempDir(), name: "house", cluster: "test", secret: *newSecret(t)}}
	s.config = node.Config{
		Name: "house", Cluster: "test", Secret: s.home.secret, Dir: s.home.dir, Control: sockets.Control, Data: sockets.Data, Quiet: true,
		Log: slog.New(slog.DiscardHandler), Metrics: s.metrics, Load: func() wire.Load { return wire.Load{} },
	}
	if s.node, err = node.New(s.config); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.node.Run(ctx) }()
	closeHTTP := s.serveHTTP(ctx, l)
	t.Cleanup(func() {
		stop()
		<-ended
		closeHTTP()
	})
	return "http://" + l.Addr().String()
}

// postForm posts a form and returns the answer with its body.
func postForm(t *testing.T, url string, header http.Header, fields ...field) (*http.Response, []byte) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		form, kind := formOf(t, fields...)
		r, err := http.NewRequest("POST", url, bytes.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		if r.Header = header.Clone(); r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Content-Type", kind)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if answer.Header.Get("Retry-After") == "" || time.Now().After(limit) { // a busy machine elects slowly
			return answer, body
		}
	}
}

func TestGatewayHidesByTheCluster(t *testing.T) {
	at := newHouse(t)
	image, text := field{"image", "holiday.png", photoOf(t, 160, 120)}, field{"text", "", "by the cluster"}
	answer, picture := postForm(t, at+"/v1/encrypt", nil, image, text)
	h := answer.Header
	if answer.StatusCode != 200 || h.Get("Content-Type") != "image/png" || h.Get("X-P2pnode-Server") != "house" || h.Get("X-P2pnode-Attempts") == "" ||
		len(h.Get("X-P2pnode-Job")) != 32 || h.Get("Content-Disposition") != "attachment; filename=holiday.stego.png" {
		t.Fatalf("%s %v %.300s", answer.Status, h, picture)
	}
	if _, found := postForm(t, at+"/v1/decrypt", nil, field{"image", "p.png", string(picture)}); string(found) != "by the cluster" {
		t.Errorf("it holds %q", found)
	}
	answer, body := postForm(t, at+"/v1/encrypt", http.Header{"Accept": {"application/json"}}, image, text)
	var r struct {
		encrypted
		Image []byte `json:"image_base64"`
	}
	if err := json.Unmarshal(body, &r); err != nil || !r.OK || !r.Verified || r.Server != "house" || r.Hidden != len(text.value) {
		t.Fatalf("%s %v %.300s", answer.Status, err, body)
	}
	if sum := sha256.Sum256(r.Image); hex.EncodeToString(sum[:]) != r.SHA256 || int64(len(r.Image)) != r.Size {
		t.Errorf("the picture of %d bytes is not the one told of: %+v", len(r.Image), r.encrypted)
	}
}

func TestGatewayRepeatsByItsKey(t *testing.T) {
	at := newHouse(t)
	image, text := field{"image", "p.png", photoOf(t, 160, 120)}, field{"text", "", "once"}
	first, picture := postForm(t, at+"/v1/encrypt", http.Header{"Idempotency-Key": {"key-1"}}, image, text)
	again, same := postForm(t, at+"/v1/encrypt", http.Header{"Idempotency-Key": {"key-1"}}, text, image)
	job := first.Header.Get("X-P2pnode-Job")
	if first.StatusCode != 200 || again.StatusCode != 200 || !bytes.Equal(picture, same) || job == "" || again.Header.Get("X-P2pnode-Job") != job {
		t.Fatalf("%s, then %s: %d and %d bytes, jobs %s and %s", first.Status, again.Status, len(picture), len(same), job, again.Header.Get("X-P2pnode-Job"))
	}
	other, _ := postForm(t, at+"/v1/encrypt", http.Header{"Idempotency-Key": {"key-2"}}, image, text)
	if other.StatusCode != 200 || other.Header.Get("X-P2pnode-Job") == job {
		t.Errorf("another key: %s, job %s", other.Status, other.Header.Get("X-P2pnode-Job"))
	}
	for name, fields := range map[string][]field{
		"text": {image, {"text", "", "twice"}}, "option": {image, text, {"spread", "", "true"}}, "passphrase": {image, text, {"passphrase", "", "k"}},
		"kind": {image, {"payload", "", "once"}}, "image": {{"image", "p.png", photoOf(t, 161, 120)}, text},
	} {
		if name == "passphrase" && testing.Short() {
			continue // Argon2id takes long under the race detector
		}
		if answer, body := postForm(t, at+"/v1/encrypt", http.Header{"Idempotency-Key": {"key-1"}}, fields...); answer.StatusCode != 409 || !strings.Contains(string(body), `"code":"CONFLICT"`) {
			t.Errorf("another %s under the key: %s %.200s", name, answer.Status, body)
		}
	}
}
