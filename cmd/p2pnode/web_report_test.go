package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"p2pnode/node"
	"p2pnode/wire"
)

// failing is what is answered in place of something.
type failing struct {
	status int
	code   string
	again  string // Retry-After
}

func (want failing) check(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	if got := (failing{w.Code, codeOf(t, w), w.Header().Get("Retry-After")}); got != want {
		t.Errorf("%s: %v, want %v: %s", what, got, want, w.Body)
	}
}

func TestReportsFailWithProblems(t *testing.T) {
	for err, want := range map[error]failing{
		fmt.Errorf("ask: %w", node.ErrForgotten):                           {404, "NOT_FOUND", ""},
		&node.RemoteError{Code: wire.CodeBusy, Detail: "too many wait"}:    {503, "BUSY", "5"},
		&node.RemoteError{Code: wire.CodeInternal, Detail: "it is broken"}: {503, "BUSY", "1"},
		context.DeadlineExceeded:                                           {503, "BUSY", "1"},
	} {
		w := httptest.NewRecorder()
		(&server{}).answer(w, nil, err)
		want.check(t, err.Error(), w)
	}
}

func TestRequestsOfReportsFailWithProblems(t *testing.T) {
	crowded := &server{metrics: newMetrics(), node: new(node.Node), pprof: true}
	crowded.streams.Store(maxStreams)
	mux := crowded.routes(loneGateway(t), false)
	for request, want := range map[string]failing{
		"GET /v1/jobs?limit=1001": {400, "USAGE", ""},
		"GET /v1/jobs?state=gone": {400, "USAGE", ""},
		"GET /v1/jobs/17":         {400, "USAGE", ""},
		"GET /v1/events":          {503, "BUSY", "5"},
		"GET /debug/pprof/":       {403, "UNAUTHORIZED", ""},
		"GET /v1/nothing":         {404, "NOT_FOUND", ""},
		"GET /v1/encrypt":         {405, "USAGE", ""},
		"DELETE /v1/jobs":         {405, "USAGE", ""},
	} {
		var method, url string
		fmt.Sscan(request, &method, &url)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, url, nil))
		want.check(t, request, w)
		if allow := w.Header().Get("Allow"); (allow != "") != (w.Code == 405) {
			t.Errorf("%s: Allow is %q", request, allow)
		}
	}
}

func TestRoutesAndRedirectsStayAsTheyAre(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /here", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "own words", 404) })
	for url, want := range map[string]string{"/here": "404 own words\n", "/x/../here": "307 <a href=\"/here\">Temporary Redirect</a>.\n\n", "/x/../gone": "307 <a href=\"/gone\">Temporary Redirect</a>.\n\n"} {
		w := httptest.NewRecorder()
		routed(mux).ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		if got := fmt.Sprintf("%d %s", w.Code, w.Body); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}
