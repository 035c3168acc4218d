package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

// field is one part of a form; one with a file name is a file.
type field struct{ name, file, value string }

// formOf makes a multipart body of fields.
func formOf(t testing.TB, fields ...field) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		head := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + f.name + `"`}}
		if f.file != "" {
			head.Set("Content-Disposition", `form-data; name="`+f.name+`"; filename="`+f.file+`"`)
		}
		part, err := w.CreatePart(head)
		if err == nil {
			_, err = io.WriteString(part, f.value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// photoOf is a PNG of a size.
func photoOf(t testing.TB, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, landscape(width, height)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// holding is a photo with a text in it.
func holding(t testing.TB, text, passphrase string) string {
	t.Helper()
	photo := photoOf(t, 120, 90)
	info, err := stego.Measure(strings.NewReader(photo), stego.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := stego.Seal(stego.Payload{Kind: stego.Text, Data: []byte(text)}, info, stego.SealOptions{Format: stego.V1, Passphrase: []byte(passphrase)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := stego.Embed(&out, strings.NewReader(photo), e, stego.EmbedOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// loneGateway is a gateway of a server that is not there, and says so.
func loneGateway(t testing.TB) *gateway {
	t.Helper()
	secret, err := node.NewSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{
		p: newProgram(nil, io.Discard, io.Discard), log: slog.New(slog.DiscardHandler), key: gatewayKey(secret),
		status: func(context.Context) (node.Status, error) { return node.Status{Reason: "no leader yet"}, nil },
		config: func(surroundings) (node.ClientConfig, error) {
			return node.ClientConfig{}, errors.New("no client in this test")
		},
		dir: t.TempDir(), seats: make(chan struct{}, 4), drain: newDrain(),
		disk: semaphore.NewWeighted(gatewayDisk), memory: semaphore.NewWeighted(gatewayMemory),
	}
	g.rules.Store(&rules{maxBytes: 1 << 20})
	return g
}

// post has a gateway answer one request.
func (g *gateway) post(path, kind string, body []byte, headers ...string) *httptest.ResponseRecorder {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return g.request(path, kind, body, h)
}

// request has it answer one with any headers.
func (g *gateway) request(path, kind string, body []byte, h http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, bytes.NewReader(body))
	r.Header = h
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	mux := http.NewServeMux()
	g.routes(mux)
	mux.ServeHTTP(w, r)
	return w
}

// codeOf reads the code of a problem, and checks the form of it.
func codeOf(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d, %q, %v, is no problem: %.200s", w.Code, w.Header().Get("Content-Type"), err, w.Body)
	}
	if p.Status != w.Code || p.Detail == "" || p.Title == "" || p.Type != "about:blank" {
		t.Errorf("problem %+v with status %d", p, w.Code)
	}
	return p.Code
}

// nothingLeft checks that a gateway holds nothing of its requests any more.
func (g *gateway) nothingLeft(t testing.TB) {
	t.Helper()
	left, err := os.ReadDir(g.dir)
	if err != nil || len(left) > 0 || len(g.seats) > 0 || !g.disk.TryAcquire(gatewayDisk) || !g.memory.TryAcquire(gatewayMemory) {
		t.Errorf("after all requests: files %v, %v, %d seats taken, or disk or memory not given back", left, err, len(g.seats))
	}
}

func TestGatewayRevealsAndMeasuresHere(t *testing.T) {
	g := loneGateway(t)
	open := holding(t, "open to all", "")
	form, kind := formOf(t, field{"image", "p.png", open})
	if w := g.post("/v1/decrypt", kind, form); w.Code != 200 || w.Body.String() != "open to all" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("decrypt: %d %v %q", w.Code, w.Header(), w.Body)
	}
	form, kind = formOf(t, field{"format", "", "v1"}, field{"image", "p.png", open})
	w := g.post("/v1/decrypt", kind, form, "Accept", "application/json")
	var found decrypted
	if err := json.Unmarshal(w.Body.Bytes(), &found); err != nil || found.Text == nil || *found.Text != "open to all" || found.Sealed || found.Input != "p.png" {
		t.Errorf("decrypt: %d %s", w.Code, w.Body)
	}
	w = g.post("/v1/capacity?format=classic", "image/png", []byte(open))
	var room held
	if err := json.Unmarshal(w.Body.Bytes(), &room); err != nil || room.Width != 120 || room.Format != "classic" || room.Capacity != 120*90*3/8-4 || !room.Fits {
		t.Errorf("capacity: %d %s", w.Code, w.Body)
	}
	w = g.post("/v1/capacity", "image/png", []byte(photoOf(t, 10, 10)))
	if err := json.Unmarshal(w.Body.Bytes(), &room); err != nil || w.Code != 200 || room.Fits || room.Capacity != 0 {
		t.Errorf("capacity of a tiny picture: %d %s", w.Code, w.Body)
	}
	g.nothingLeft(t)
}

func TestGatewayOpensWhatIsSealed(t *testing.T) {
	if testing.Short() {
		t.Skip("Argon2id takes long under the race detector")
	}
	g, sealed := loneGateway(t), holding(t, "sealed", "key")
	if w := g.post("/v1/decrypt", "image/png", []byte(sealed), "X-P2pnode-Passphrase", "%6bey"); w.Body.String() != "sealed" {
		t.Errorf("decrypt of a plain body: %d %s", w.Code, w.Body)
	}
	g.nothingLeft(t)
}

func TestGatewayRefusesWithACode(t *testing.T) {
	photo := photoOf(t, 120, 90)
	image := field{"image", "p.png", photo}
	for name, c := range map[string]struct {
		path   string
		fields []field
		status int
		code   string
	}{
		"nothing hidden":   {"/v1/decrypt", []field{image}, 404, "NO_PAYLOAD"},
		"no image":         {"/v1/encrypt", []field{{"text", "", "x"}}, 400, "USAGE"},
		"empty image":      {"/v1/capacity", []field{{"image", "p.png", ""}}, 400, "USAGE"},
		"no text":          {"/v1/encrypt", []field{image}, 400, "USAGE"},
		"text twice":       {"/v1/encrypt", []field{image, {"text", "", "a"}, {"text", "", "b"}}, 400, "USAGE"},
		"text and payload": {"/v1/encrypt", []field{image, {"text", "", "a"}, {"payload", "f", "b"}}, 400, "USAGE"},
		"no UTF-8":         {"/v1/encrypt", []field{image, {"text", "", "\xff"}}, 400, "USAGE"},
		"unknown field":    {"/v1/capacity", []field{image, {"text", "", "a"}}, 400, "USAGE"},
		"bad format":       {"/v1/capacity", []field{image, {"format", "", "v9"}}, 400, "USAGE"},
		"bad timeout":      {"/v1/encrypt", []field{image, {"text", "", "a"}, {"timeout", "", "11m"}}, 400, "USAGE"},
		"bad truth":        {"/v1/encrypt", []field{image, {"text", "", "a"}, {"spread", "", "maybe"}}, 400, "USAGE"},
		"classic, sealed":  {"/v1/encrypt", []field{image, {"text", "", "a"}, {"format", "", "classic"}, {"passphrase", "", "k"}}, 400, "USAGE"},
		"empty passphrase": {"/v1/encrypt", []field{image, {"text", "", "a"}, {"passphrase", "", ""}}, 400, "USAGE"},
		"text in address":  {"/v1/encrypt?text=a", []field{image}, 400, "USAGE"},
		"key in address":   {"/v1/decrypt?passphrase=a", []field{image}, 400, "USAGE"},
		"does not fit":     {"/v1/encrypt", []field{image, {"payload", "f", string(noise(rand.New(rand.NewPCG(1, 2)), 5000))}}, 422, "CAPACITY"},
		"cut":              {"/v1/decrypt", []field{{"image", "p.png", photo[:40]}}, 422, "BAD_IMAGE"},
		"no picture":       {"/v1/capacity", []field{{"image", "p.txt", strings.Repeat("not a picture ", 99)}}, 415, "UNSUPPORTED"},
		"too long":         {"/v1/capacity", []field{{"image", "p.png", strings.Repeat("x", 1<<20+1)}}, 413, "UNSUPPORTED"},
	} {
		t.Run(name, func(t *testing.T) {
			g := loneGateway(t)
			form, kind := formOf(t, c.fields...)
			w := g.post(c.path, kind, form)
			if code := codeOf(t, w); w.Code != c.status || code != c.code {
				t.Errorf("%d %s, want %d %s: %s", w.Code, code, c.status, c.code, w.Body)
			}
			g.nothingLeft(t)
		})
	}
}

// Nobody is to take for sealed what is not, because a header or a second one was left out.
func TestGatewayLeavesNoHeaderOut(t *testing.T) {
	photo := photoOf(t, 120, 90)
	form, multi := formOf(t, field{"image", "p.png", photo}, field{"text", "", "a"})
	for name, c := range map[string]struct {
		kind string
		body []byte
		head http.Header
		says string
	}{
		"passphrase with a form":       {multi, form, http.Header{"X-P2pnode-Passphrase": {"k"}}, "in a form there is the field passphrase"},
		"empty passphrase with a form": {multi, form, http.Header{"X-P2pnode-Passphrase": {""}}, "in a form there is the field passphrase"},
		"text with a form":             {multi, form, http.Header{"X-P2pnode-Text": {"b"}}, "in a form there is the field text"},
		"two texts":                    {"image/png", []byte(photo), http.Header{"X-P2pnode-Text": {"a", "b"}}, "text is given twice"},
		"empty passphrase":             {"image/png", []byte(photo), http.Header{"X-P2pnode-Text": {"a"}, "X-P2pnode-Passphrase": {""}}, "the passphrase is empty"},
	} {
		g := loneGateway(t)
		w := g.request("/v1/encrypt", c.kind, c.body, c.head)
		if code := codeOf(t, w); w.Code != 400 || code != "USAGE" || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s, want 400 USAGE and %q: %s", name, w.Code, code, c.says, w.Body)
		}
		g.nothingLeft(t)
	}
}

// A head of a part without end is refused before much of it is held.
func TestGatewayBoundsTheHeadsOfParts(t *testing.T) {
	for name, c := range map[string]struct {
		start string
		piece string
	}{
		"a long line": {"--B\r\nX-Long: ", "a"},
		"many lines":  {"--B\r\n", "X: y\r\n"},
	} {
		g := loneGateway(t)
		body := c.start + strings.Repeat(c.piece, 2*headMax)
		w := g.post("/v1/capacity", "multipart/form-data; boundary=B", []byte(body))
		if code := codeOf(t, w); w.Code != 400 || code != "USAGE" || !strings.Contains(w.Body.String(), "the head of a part is longer") {
			t.Errorf("%s: %d %s: %s", name, w.Code, code, w.Body)
		}
		g.nothingLeft(t)
	}
}

func TestGatewayAnswersOnlyItsOwnPages(t *testing.T) {
	g := loneGateway(t)
	form, kind := formOf(t, field{"image", "p.png", photoOf(t, 120, 90)})
	for _, c := range []struct {
		headers []string
		kind    string
		want    int
	}{
		{nil, kind, 200},
		{[]string{"Origin", "http://example.com"}, kind, 200}, // httptest's Host
		{[]string{"Sec-Fetch-Site", "same-origin"}, kind, 200},
		{[]string{"Origin", "http://evil.example"}, kind, 403},
		{[]string{"Origin", "null"}, kind, 403},
		{[]string{"Sec-Fetch-Site", "cross-site"}, kind, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, kind, 403},
		{nil, "", 415},
		{nil, "text/plain", 415},
		{nil, "application/x-www-form-urlencoded", 415},
		{nil, "application/octet-stream", 415},
	} {
		w := g.post("/v1/capacity", c.kind, form, c.headers...)
		if w.Code != c.want {
			t.Errorf("%v, %q: %d, want %d: %s", c.headers, c.kind, w.Code, c.want, w.Body)
		}
		if allowed := w.Header().Get("Access-Control-Allow-Origin"); allowed != "" {
			t.Errorf("%v: other origins may read: %q", c.headers, allowed)
		}
	}
	g.nothingLeft(t)
}

func TestGatewayIsBounded(t *testing.T) {
	form, kind := formOf(t, field{"image", "p.png", photoOf(t, 120, 90)})
	for name, fill := range map[string]func(*gateway){
		"seats": func(g *gateway) {
			for range cap(g.seats) {
				g.seats <- struct{}{}
			}
		},
		"disk": func(g *gateway) { g.disk.TryAcquire(gatewayDisk) },
	} {
		g := loneGateway(t)
		fill(g)
		if w := g.post("/v1/capacity", kind, form); w.Code != 503 || codeOf(t, w) != "BUSY" || w.Header().Get("Retry-After") != "1" {
			t.Errorf("without %s: %d %v %s, want 503 BUSY and when to come again", name, w.Code, w.Header(), w.Body)
		}
	}
}

func TestGatewayRemovesWhatACrashLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "no[pattern", "gateway")
	for range 2 { // the first makes the directory
		if err := clearSpool(dir); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Fatalf("left: %v, %v", left, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "123.part"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// While servers elect, a request is told so after a moment, and when to come again.
func TestGatewaySaysThatServersElect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := loneGateway(t)
		form, kind := formOf(t, field{"image", "p.png", photoOf(t, 120, 90)}, field{"text", "", "x"})
		began := time.Now()
		w := g.post("/v1/encrypt", kind, form)
		if w.Code != 503 || codeOf(t, w) != "NO_LEADER" || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if took := time.Since(began); took < electing || took > electing+time.Second {
			t.Errorf("after %v", took)
		}
		began = time.Now()
		if w := g.post("/v1/encrypt?timeout=1s", kind, form); w.Code != 503 || time.Since(began) > 2*time.Second {
			t.Errorf("with a timeout of 1 s: %d after %v", w.Code, time.Since(began))
		}
		g.nothingLeft(t)
	})
}

// A job waits for its leader no longer than it must.
func TestGatewayGoesOnOnceElected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, began := loneGateway(t), time.Now()
		g.status = func(context.Context) (node.Status, error) {
			return node.Status{Ready: time.Since(began) > time.Second}, nil
		}
		if err := g.elected(t.Context()); err != nil || time.Since(began) > time.Second+4*electingLook {
			t.Errorf("elected = %v after %v", err, time.Since(began))
		}
	})
}

// An upload of any length may come, if it has a speed; one that has none is cut off. The server's own clocks cut neither.
func TestGatewayBoundsSlowUploads(t *testing.T) {
	photo := holding(t, "slow", "")
	for _, c := range []struct {
		name  string
		piece int // bytes a second
		want  int
	}{{"slow", 100, 408}, {"slow but honest", 17 << 10, 200}} {
		synctest.Test(t, func(t *testing.T) {
			g := loneGateway(t)
			body := photo + strings.Repeat("behind the picture's end ", 40<<10)[:900<<10]
			status, took := g.trickle(t, body, c.piece)
			if status != c.want {
				t.Errorf("%s: status %d after %v, want %d", c.name, status, took, c.want)
			}
			if c.want == 200 && took < 50*time.Second {
				t.Errorf("%s: it came within %v, and shows nothing", c.name, took)
			}
			g.nothingLeft(t)
		})
	}
}

// trickle posts a picture to /v1/decrypt with so many bytes a second, through a server with the clocks of a real one.
func (g *gateway) trickle(t testing.TB, body string, piece int) (status int, took time.Duration) {
	mux := http.NewServeMux()
	g.routes(mux)
	server := webServer(mux)
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- server.Serve(&oneConn{conn: far}) }()
	began, answered := time.Now(), make(chan int, 1)
	go func() { answered <- statusLine(near) }()
	io.WriteString(near, "POST /v1/decrypt HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n")
	for len(body) > 0 {
		n := min(piece, len(body))
		if _, err := io.WriteString(near, body[:n]); err != nil {
			break
		}
		body = body[n:]
		time.Sleep(time.Second)
	}
	status = <-answered
	took = time.Since(began)
	near.Close()
	server.Close()
	<-served
	synctest.Wait()
	return status, took
}

// statusLine reads the status of an answer, and then all there is.
func statusLine(r io.Reader) (status int) {
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(r, line); err == nil {
		status, _ = strconv.Atoi(string(line[9:]))
	}
	io.Copy(io.Discard, r)
	return status
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn, l.closed = nil, make(chan struct{})
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// One Idempotency-Key has one secret, in a cluster; another key, another cluster or another content has others.
func TestIdempotencyKeysLeadToNothingElse(t *testing.T) {
	g, other := loneGateway(t), loneGateway(t)
	seen := map[string]string{}
	for name, b := range map[string][]byte{
		"job k":         g.derive("job", "k", nil),
		"job k2":        g.derive("job", "k2", nil),
		"salt k":        g.derive("salt", "k", []byte("content")),
		"salt k, other": g.derive("salt", "k", []byte("other")),
		"split":         g.derive("salt", "kc", []byte("ontent")),
		"other cluster": other.derive("job", "k", nil),
	} {
		if before, ok := seen[string(b)]; ok {
			t.Errorf("%s and %s have one key", name, before)
		}
		seen[string(b)] = name
	}
	if !bytes.Equal(g.derive("job", "k", nil), g.derive("job", "k", nil)) {
		t.Error("one key has two secrets")
	}
}

func TestFileNamesAreOnlyNames(t *testing.T) {
	for given, want := range map[string]string{
		"photo.png": "photo.png", "../../etc/passwd": "passwd", `C:\photos\a.jpg`: "a.jpg", "": "", "..": "", "/": "",
		"a\r\nb": "ab", "\u202egnp.exe": "gnp.exe", "\xff\xfex": "x", strings.Repeat("ä", 200): strings.Repeat("ä", 127),
	} {
		if got := fileName(given); got != want {
			t.Errorf("fileName(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestAcceptChooses(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": true, "image/png, application/json": false, "application/json;q=0": false,
		"application/json, text/plain": true, "text/html,application/json": false,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Accept", accept)
		if got := prefersJSON(r); got != want {
			t.Errorf("Accept %q: JSON %v, want %v", accept, got, want)
		}
	}
}

// Every code that a request can end with has a status, and the description knows it.
func TestProblemsHaveTheCommandsCodes(t *testing.T) {
	g := loneGateway(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{&node.RemoteError{From: "a", Code: wire.CodeConflict}, 409, "CONFLICT"},
		{&node.RemoteError{From: "a", Code: wire.CodeQuota}, 429, "QUOTA"},
		{&node.RemoteError{From: "a", Code: wire.CodeExpired}, 410, "EXPIRED"},
		{&node.SearchError{Reason: node.ErrNoLeader, Cause: context.DeadlineExceeded}, 503, "NO_LEADER"},
		{&node.SearchError{Reason: node.ErrUnreachable, Cause: context.DeadlineExceeded}, 503, "UNREACHABLE"},
		{context.DeadlineExceeded, 504, "TIMEOUT"},
		{node.ErrVerify, 502, "VERIFY"},
		{&stego.LimitError{Pixels: 3, Max: 2}, 413, "TOO_MANY_PIXELS"},
		{&os.PathError{Op: "write", Path: "/var/secret/place", Err: errors.New("no such luck")}, 500, "IO"},
		{&os.PathError{Op: "write", Path: "/var/secret/place", Err: syscall.ENOSPC}, 507, "IO"},
		{&node.RemoteError{From: "a", Code: wire.CodeIO}, 507, "IO"},
		{errors.New("odd"), 500, "INTERNAL"},
	} {
		p := g.problemOf(c.err)
		if p.Status != c.status || p.Code != c.code {
			t.Errorf("%v: %d %s, want %d %s", c.err, p.Status, p.Code, c.status, c.code)
		}
		if strings.Contains(p.Detail, "/var/secret") {
			t.Errorf("%v tells a path: %s", c.err, p.Detail)
		}
	}
	if p := g.problemOf(&stego.LimitError{Pixels: 3, Max: 2}); p.Need != 3 || p.Limit != 2 {
		t.Errorf("numbers of %+v", p)
	}
	for code := range maps.Keys(statuses) {
		if !slices.Contains(describedCodes(t), code.String()) {
			t.Errorf("web/openapi.json does not know %v", code)
		}
	}
}
