package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"p2pnode/node"
	"p2pnode/wire"
)

// What operators ask over HTTP: the reports of PROTOCOL.md §9.5. Who bears the peer token sees all of every job, others
// see no names and sizes.

// scope is what the sender of a request may see.
func (s *server) scope(r *http.Request) node.Scope {
	if s.bearsPeer(r) {
		return node.ScopeAll
	}
	return node.ScopePublic
}

func (s *server) peersJSON(w http.ResponseWriter, r *http.Request) {
	answer, err := s.node.Peers(r.Context())
	s.answer(w, answer, err)
}

func (s *server) jobsJSON(w http.ResponseWriter, r *http.Request) {
	q := node.JobsQuery{Scope: s.scope(r)}
	ask := r.URL.Query()
	state, known := node.ParseState(ask.Get("state"))
	limit, err1 := count(ask.Get("limit"))
	page, err2 := count(ask.Get("page"))
	if q.State = state; ask.Get("state") != "" && !known || err1 != nil || err2 != nil || limit > 1000 {
		writeFailure(w, usagef("state is assigned, running, done, acked, failed or cancelled; limit, at most 1000, and page are numbers"))
		return
	}
	q.Max, q.Page = int(limit), page
	answer, err := s.node.Jobs(r.Context(), q)
	s.answer(w, answer, err)
}

// count reads a number of a URL; zero if it is not there.
func count(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 63)
}

func (s *server) jobJSON(w http.ResponseWriter, r *http.Request) {
	id, err := parseJob(r.PathValue("id"))
	if err != nil {
		writeFailure(w, usagef("%w", err))
		return
	}
	answer, err := s.node.Job(r.Context(), id, s.scope(r))
	s.answer(w, answer, err)
}

// answer writes an object as JSON, or why there is none.
func (s *server) answer(w http.ResponseWriter, v any, err error) {
	var refused *node.RemoteError
	switch {
	case errors.Is(err, node.ErrForgotten):
		writeFailure(w, failf(wire.CodeNotFound, "%s", plain(err)))
	case errors.As(err, &refused) && refused.Code == wire.CodeBusy:
		w.Header().Set("Retry-After", "5")
		writeFailure(w, failf(refused.Code, "%s", refused.Detail))
	case err != nil:
		writeFailure(w, unready(node.Status{}, err))
	default:
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			s.config.Log.Debug("report not sent", "error", err)
		}
	}
}
