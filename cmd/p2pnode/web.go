package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

const (
	firstHTTPPort = 47490
	httpPorts     = 10
)

// listenHTTP opens the HTTP socket: loopback unless told otherwise; nil: off.
func (s *server) listenHTTP(address string) (net.Listener, error) {
	switch {
	case address == "off":
		return nil, nil
	case address != "":
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, configf("listen for HTTP: %w", err).next("--http 127.0.0.1:0, or --http off")
		}
		return l, nil
	}
	for port := firstHTTPPort; port < firstHTTPPort+httpPorts; port++ {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, configf("HTTP ports %d to %d are all taken", firstHTTPPort, firstHTTPPort+httpPorts-1).
		next("--http 127.0.0.1:0, or --http off")
}

// serveHTTP answers HTTP until the function it returns is called. When ctx ends the gateway takes no more requests, and
// goes on with those it has; all else is answered as before.
func (s *server) serveHTTP(ctx context.Context, l net.Listener) (stop func()) {
	if l == nil {
		return func() {}
	}
	g, err := newGateway(s)
	if err != nil {
		s.config.Log.Error("gateway has no place for uploads", "error", err)
	}
	s.reloading.Lock()
	s.gateway = g
	s.reloading.Unlock()
	drained := context.AfterFunc(ctx, g.stop)
	web := webServer(s.guard(l.Addr(), s.routes(g, isLocal(l.Addr()))))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.config.Log.Error("http ended", "error", err)
		}
	}()
	return func() {
		drained()
		g.close(func() { shut(web) })
		<-done
	}
}

// shut ends an HTTP server: answers that are under way have a second.
func shut(web *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if web.Shutdown(ctx) != nil {
		web.Close()
	}
}

// webServer bounds what a client may take; the gateway allows large requests more time (gateway_visitor.go).
func webServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

func (s *server) routes(g *gateway, local bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", s.livez)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /v1/status", s.statusJSON)
	mux.HandleFunc("GET /v1/peers", s.peersJSON)
	mux.HandleFunc("GET /v1/jobs", s.jobsJSON)
	mux.HandleFunc("GET /v1/jobs/{id}", s.jobJSON)
	mux.HandleFunc("GET /v1/events", s.eventStream)
	mux.Handle("GET /metrics", s.metrics.handler(s.node))
	g.routes(mux)
	dashboardRoutes(mux)
	if s.pprof {
		s.profiles(mux, local)
	}
	return routed(mux)
}

// livez says that the loop turns. It and readyz are for probes, which read a status and a line of text.
func (s *server) livez(w http.ResponseWriter, r *http.Request) {
	if _, err := s.status(r); err != nil {
		http.Error(w, "the loop does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}

// readyz says whether a job asked for now would be assigned.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	status, err := s.status(r)
	switch {
	case err != nil:
		http.Error(w, "the loop does not answer", http.StatusServiceUnavailable)
	case !status.Ready:
		http.Error(w, status.Reason, http.StatusServiceUnavailable)
	default:
		w.Write([]byte("ok\n"))
	}
}

// statusJSON is `status --json` over HTTP.
func (s *server) statusJSON(w http.ResponseWriter, r *http.Request) {
	status, err := s.status(r)
	s.answer(w, status, err)
}

func (s *server) status(r *http.Request) (node.Status, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	return s.node.Status(ctx)
}

// guard lets only requests through that name this server by an address, so that no
// web page can reach it under a name of its own, and beyond loopback only holders of a token. The dashboard's own files
// are for everybody: they show nothing that they have not asked for.
func (s *server) guard(bound net.Addr, next http.Handler) http.Handler {
	local := isLocal(bound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case !hostAllowed(r.Host, local):
			writeProblem(w, problemFor(http.StatusMisdirectedRequest, usagef("this server is not called %q", r.Host)))
		case !local && !isDashboard(r) && !s.bears(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="p2pnode"`)
			writeProblem(w, problemFor(http.StatusUnauthorized, failf(wire.CodeUnauthorized, "a token of the cluster is needed: Authorization: Bearer TOKEN")))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isLocal reports whether an address is on loopback.
func isLocal(a net.Addr) bool {
	at, err := netip.ParseAddrPort(a.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// hostAllowed reports whether a Host header names this server: an address literal, or a name that no foreign DNS can give.
func hostAllowed(host string, local bool) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = trimBrackets(host)
	if ip, err := netip.ParseAddr(host); err == nil {
		return !local || ip.Unmap().IsLoopback()
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	name, err := os.Hostname()
	return !local && err == nil && strings.EqualFold(host, name)
}

// bears reports whether a request carries the cluster's peer or client token, of any secret accepted.
func (s *server) bears(r *http.Request) bool {
	for _, secret := range s.secrets() {
		if client, err := node.ClientToken(secret); err == nil && bearsToken(r, client) {
			return true
		}
	}
	return s.bearsPeer(r)
}

// bearsPeer reports whether it carries the peer token of any secret accepted.
func (s *server) bearsPeer(r *http.Request) bool {
	return slices.ContainsFunc(s.secrets(), func(secret node.Secret) bool { return bearsToken(r, node.PeerToken(secret)) })
}

// secrets are all that the server accepts, the one spoken first.
func (s *server) secrets() []node.Secret { return append([]node.Secret{s.home.secret}, s.home.also...) }

func bearsToken(r *http.Request, token string) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}
