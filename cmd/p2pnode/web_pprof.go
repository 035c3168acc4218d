package main

import (
	"net/http"
	"net/http/pprof"
)

// profiles answers /debug/pprof: only where --pprof asked for it, and off loopback only for holders of the peer token.
func (s *server) profiles(mux *http.ServeMux, local bool) {
	for path, h := range map[string]http.HandlerFunc{
		"GET /debug/pprof/": pprof.Index, "GET /debug/pprof/cmdline": pprof.Cmdline, "GET /debug/pprof/profile": pprof.Profile,
		"GET /debug/pprof/symbol": pprof.Symbol, "GET /debug/pprof/trace": pprof.Trace,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if !local && !s.bearsPeer(r) {
				http.Error(w, "the peer token is needed", http.StatusForbidden)
				return
			}
			h(w, r)
		})
	}
}
