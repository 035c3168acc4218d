package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"p2pnode/node"
)

// Off loopback the page's files come without a token, to a browser that knows this server's name, and nothing else does.
func TestDashboardFilesNeedNoToken(t *testing.T) {
	secret := *newSecret(t)
	s := &server{metrics: newMetrics(), node: new(node.Node), home: home{secret: secret}}
	h := s.guard(&net.TCPAddr{IP: net.IPv4zero, Port: 1}, s.routes(loneGateway(t), false))
	for _, c := range []struct {
		method, path, host string
		want               int
	}{
		{"GET", "/", "10.1.2.3", 200}, {"GET", "/app.js", "10.1.2.3", 200}, {"GET", "/app.css", "10.1.2.3", 200}, {"HEAD", "/app.svg", "10.1.2.3", 200},
		{"GET", "/", "evil.example", 421}, {"GET", "/app.js", "evil.example", 421},
		{"POST", "/", "10.1.2.3", 401}, {"GET", "/app.js/", "10.1.2.3", 401}, {"GET", "//", "10.1.2.3", 401},
		{"GET", "/v1/status", "10.1.2.3", 401}, {"GET", "/v1/openapi.json", "10.1.2.3", 401}, {"POST", "/v1/capacity", "10.1.2.3", 401},
	} {
		r := httptest.NewRequest(c.method, "http://x"+c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%s %s for %s: %d, want %d", c.method, c.path, c.host, w.Code, c.want)
		}
	}
}

// actsInline finds what a page must not have: scripts, styles and handlers of its own, and addresses elsewhere.
var actsInline = regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:|(?:src|href)="(?:https?:)?//`)

// makesHTML finds what turns strings into elements or code.
var makesHTML = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|setAttribute`)

func TestDashboardIsStrict(t *testing.T) {
	mux := http.NewServeMux()
	dashboardRoutes(mux)
	for address, page := range dashboard {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", address, nil))
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || w.Header().Get("Content-Type") != page.kind || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d %v", address, w.Code, w.Header())
		}
		if found := actsInline.FindString(w.Body.String()); found != "" {
			t.Errorf("%s has %q", address, found)
		}
		if found := makesHTML.FindString(w.Body.String()); found != "" {
			t.Errorf("%s has %q: text is set by textContent", address, found)
		}
	}
}
