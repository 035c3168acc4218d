package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"p2pnode/node"
)

func TestOnlyOurNamesAreAnswered(t *testing.T) {
	for _, c := range []struct {
		host  string
		local bool
		want  bool
	}{
		{"127.0.0.1:47490", true, true}, {"127.0.0.1", true, true}, {"localhost:47490", true, true}, {"LOCALHOST", true, true}, {"[::1]:47490", true, true},
		{"evil.example:47490", true, false}, {"10.0.0.1:47490", true, false}, {"", true, false}, {"127.0.0.1.evil.example", true, false}, {"localhost.evil.example", true, false},
		{"10.0.0.1:47490", false, true}, {"[fe80::1]:1", false, true}, {"evil.example", false, false},
	} {
		if got := hostAllowed(c.host, c.local); got != c.want {
			t.Errorf("hostAllowed(%q, local %v) = %v, want %v", c.host, c.local, got, c.want)
		}
	}
}

func TestBeyondLoopbackATokenIsNeeded(t *testing.T) {
	secret := *newSecret(t)
	client, err := node.ClientToken(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{home: home{secret: secret}}
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	status := func(bound, host, authorization string) int {
		r := httptest.NewRequest("GET", "/readyz", nil)
		r.Host = host
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		s.guard(&net.TCPAddr{IP: net.ParseIP(bound), Port: 1}, ok).ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		bound, host, authorization string
		want                       int
	}{
		{"127.0.0.1", "127.0.0.1", "", 200},
		{"127.0.0.1", "evil.example", "Bearer " + client, 421},
		{"0.0.0.0", "10.1.2.3", "", 401},
		{"0.0.0.0", "10.1.2.3", "Bearer ", 401},
		{"0.0.0.0", "10.1.2.3", "Bearer p2pnode-peer-1-x", 401},
		{"0.0.0.0", "10.1.2.3", client, 401},
		{"0.0.0.0", "10.1.2.3", "Bearer " + client, 200},
		{"10.1.2.3", "10.1.2.3", "Bearer " + node.PeerToken(secret), 200},
		{"::", "evil.example", "Bearer " + client, 421},
	} {
		if got := status(c.bound, c.host, c.authorization); got != c.want {
			t.Errorf("bound to %s, Host %s, Authorization %.12q: status %d, want %d", c.bound, c.host, c.authorization, got, c.want)
		}
	}
}
