package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"p2pnode/node"
	"p2pnode/wire"
)

// A gateway whose server stops begins nothing new, says so, and ends what it has begun.
func TestGatewayEndsWhatItHasBegun(t *testing.T) {
	g := loneGateway(t)
	form, kind := formOf(t, field{"image", "p.png", photoOf(t, 120, 90)})
	from, to := io.Pipe()
	r := httptest.NewRequest("POST", "/v1/capacity", from)
	r.Header.Set("Content-Type", kind)
	mux, first := http.NewServeMux(), httptest.NewRecorder()
	g.routes(mux)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		mux.ServeHTTP(first, r)
	}()
	to.Write(form[:100]) // it is read by now: the request has been admitted
	g.stop()
	w := g.post("/v1/capacity", kind, form)
	if h := w.Header(); w.Code != 503 || codeOf(t, w) != "BUSY" || h.Get("Retry-After") != "1" || h.Get("Connection") != "close" {
		t.Errorf("a request that came too late: %d %v %s", w.Code, h, w.Body)
	}
	to.Write(form[100:])
	to.Close()
	if <-answered; first.Code != 200 {
		t.Errorf("the request that was under way: %d %s", first.Code, first.Body)
	}
	shut := false
	if g.close(func() { shut = true }); !shut {
		t.Error("HTTP goes on")
	}
	if _, _, err := g.cluster(); !errors.Is(err, errStopping) {
		t.Errorf("a client is still to be had: %v", err)
	}
}

// What does not end in time is ended, and hears why.
func TestGatewayGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := loneGateway(t)
		g.stop()
		if err := g.orStopping(io.ErrUnexpectedEOF); err != io.ErrUnexpectedEOF {
			t.Errorf("while it ends: %v", err)
		}
		<-g.hard.Done()
		if err := g.orStopping(io.ErrUnexpectedEOF); err != errStopping {
			t.Errorf("once it has ended: %v", err)
		}
	})
}

func TestGatewayWhoseServerStopsAsksTheOthers(t *testing.T) {
	g := loneGateway(t)
	g.stop()
	others := false
	g.status = func(context.Context) (node.Status, error) {
		s := node.Status{Self: "a", Nodes: []node.NodeStatus{{Name: "a", State: "alive"}, {Name: "b", State: "dead"}}}
		if others {
			s.Nodes[1].State = "alive"
		}
		return s, nil
	}
	if err := g.elected(t.Context()); err != errStopping {
		t.Errorf("with no other server: %v", err)
	}
	if others = true; g.elected(t.Context()) != nil {
		t.Error("another server could do it")
	}
}

// SIGHUP changes what requests are judged by, and where the next job looks for the cluster.
func TestGatewayIsReloaded(t *testing.T) {
	g := loneGateway(t)
	form, kind := formOf(t, field{"image", "p.png", photoOf(t, 120, 90)})
	if w := g.post("/v1/capacity", kind, form); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	g.reload(&node.Config{MaxPixels: 100, Peers: []string{"192.0.2.1:47470"}})
	if w := g.post("/v1/capacity", kind, form); w.Code != 413 || codeOf(t, w) != wire.CodeTooManyPixels.String() {
		t.Errorf("with room for 100 pixels: %d %s", w.Code, w.Body)
	}
	g.reload(&node.Config{MaxBytes: 50})
	if w := g.post("/v1/capacity", kind, form); w.Code != 413 || codeOf(t, w) != wire.CodeUnsupported.String() {
		t.Errorf("with room for 50 bytes: %d %s", w.Code, w.Body)
	}
	var asked surroundings
	g.config = func(s surroundings) (node.ClientConfig, error) {
		asked = s
		return node.ClientConfig{}, errors.New("no client in this test")
	}
	g.reload(&node.Config{Peers: []string{"192.0.2.1:47470"}})
	if g.cluster(); len(asked.peers) != 1 || asked.peers[0] != "192.0.2.1:47470" {
		t.Errorf("the next job is looked for at %v", asked)
	}
}
