package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"p2pnode/node"
	"p2pnode/stego"
)

// Bounds of what the gateway takes on. Beyond the first three it answers BUSY.
const (
	gatewaySeats  = 32        // requests at once
	gatewayDisk   = 4 << 30   // bytes of uploads and results on their way
	gatewayMemory = 256 << 20 // bytes that pictures looked at here may take at once; a larger one waits to be the only one
	gatewayImage  = 512 << 20 // bytes of one picture, unless --max-bytes says otherwise
)

// gateway answers programs that speak HTTP. It is an ordinary client of the cluster inside a serving process (docs/ARCHITECTURE.md).
type gateway struct {
	p      *program
	log    *slog.Logger
	status func(context.Context) (node.Status, error)
	config func(surroundings) (node.ClientConfig, error)
	key    []byte // job secrets and salts of requests with an Idempotency-Key follow from it
	rules  atomic.Pointer[rules]
	dir    string // of uploads and results on their way
	seats  chan struct{}
	disk   *semaphore.Weighted
	memory *semaphore.Weighted
	drain

	mu      sync.Mutex
	around  surroundings // guarded by mu
	carrier *carrier     // guarded by mu; nil until the first job
	closed  bool         // guarded by mu
}

// rules bound what a request may bring. Each request is judged by those that hold when it comes.
type rules struct {
	limits   stego.Limits
	maxBytes int64 // of one picture
}

func rulesOf(c *node.Config) *rules {
	r := &rules{limits: stego.Limits{MaxPixels: c.MaxPixels}, maxBytes: c.MaxBytes}
	if r.maxBytes == 0 {
		r.maxBytes = gatewayImage
	}
	return r
}

// gatewayRoutes are what the gateway answers; web/openapi.json describes each of them.
var gatewayRoutes = []struct {
	path   string
	fields string // what a form may have besides the image
	answer func(*gateway, context.Context, *visitor) error
}{
	{"/v1/encrypt", "text payload passphrase spread strip_metadata format timeout", (*gateway).encrypt},
	{"/v1/decrypt", "passphrase format", (*gateway).decrypt},
	{"/v1/capacity", "format", (*gateway).capacity},
}

// newGateway makes the gateway of a server, and removes what an earlier process left of uploads. With an error it is there
// all the same, and every request will meet that error.
func newGateway(s *server) (*gateway, error) {
	g := &gateway{
		p: s.p, log: s.config.Log, status: s.node.Status, config: s.gatewayClient, key: gatewayKey(s.home.secret),
		dir: filepath.Join(s.home.dir, "gateway"), around: surroundingsOf(&s.config), drain: newDrain(),
		seats: make(chan struct{}, gatewaySeats), disk: semaphore.NewWeighted(gatewayDisk), memory: semaphore.NewWeighted(gatewayMemory),
	}
	g.rules.Store(rulesOf(&s.config))
	return g, clearSpool(g.dir)
}

// gatewayKey is what job secrets and salts are made with.
func gatewayKey(s node.Secret) []byte {
	key, err := hkdf.Key(sha256.New, s[:], nil, "p2pnode/1 gateway jobs", sha256.Size)
	if err != nil {
		panic("p2pnode: gateway key: " + err.Error()) // only a length beyond HKDF's would do that
	}
	return key
}

// gatewayClient says whom the gateway asks: this server first, and those it was told of.
func (s *server) gatewayClient(around surroundings) (node.ClientConfig, error) {
	text, err := node.ClientToken(s.home.secret)
	if err != nil {
		return node.ClientConfig{}, err
	}
	token, err := node.ParseToken(text)
	return node.ClientConfig{
		Servers: append([]string{reachable(s.sockets.Control.LocalAddr())}, around.peers...),
		Token:   &token, Name: "gateway@" + s.home.name, Interfaces: around.interfaces, Log: s.config.Log,
	}, err
}

// routes adds the gateway to what a server answers.
func (g *gateway) routes(mux *http.ServeMux) {
	for _, route := range gatewayRoutes {
		mux.HandleFunc("POST "+route.path, func(w http.ResponseWriter, r *http.Request) {
			g.serve(w, r, route.fields, route.answer)
		})
	}
	mux.HandleFunc("GET /v1/openapi.json", openAPI)
}

// serve answers one request: everything it took is given back when it returns.
func (g *gateway) serve(w http.ResponseWriter, r *http.Request, fields string, answer func(*gateway, context.Context, *visitor) error) {
	v := &visitor{w: w, r: r, g: g, rules: *g.rules.Load(), control: http.NewResponseController(w), began: time.Now()}
	defer v.leave()
	err := v.admit()
	if err == nil {
		err = v.read(fields)
	}
	if err == nil {
		err = answer(g, v.ctx, v)
	}
	if err != nil {
		v.refuse(g.orStopping(err))
	}
}
