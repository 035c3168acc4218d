package main

import (
	"net/http"
	"net/http/pprof"

	"p2pnode/wire"
)

// profiles answers /debug/pprof: only where --pprof asked for it, and off loopback only for holders of the peer token.
func (s *server) profiles(mux *http.ServeMux, local bool) {
	for path, h := range map[string]http.HandlerFunc{
		"GET /debug/pprof/": pprof.Index, "GET /debug/pprof/cmdline": pprof.Cmdline, "GET /debug/pprof/profile": pprof.Profile,
		"GET /debug/pprof/symbol": pprof.Symbol, "GET /debug/pprof/trace": pprof.Trace,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if !local && !s.bearsPeer(r) {
				writeFailure(w, failf(wire.CodeUnauthorized, "the peer token is needed"))
				return
			}
			h(w, r)
		})
	}
}
