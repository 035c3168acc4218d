package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/node"
)

// A stream begins where its client says: behind the last event it had, in the run that it was of.
func TestEventStreamGoesOnBehindTheLast(t *testing.T) {
	for _, c := range []struct {
		url, last string
		after     uint64
		run       string
		ok        bool
	}{
		{"/v1/events", "", 0, "", true}, {"/v1/events?after=7", "", 7, "", true}, {"/v1/events?after=7", "0badcafe-41", 41, "0badcafe", true},
		{"/v1/events", "41", 0, "", false}, {"/v1/events", "-41", 0, "", false}, {"/v1/events", "0badcafe-x", 0, "", false},
		{"/v1/events?after=-1", "", 0, "", false}, {"/v1/events?job=short", "", 0, "", false},
	} {
		r := httptest.NewRequest("GET", c.url, nil)
		r.Header.Set("Last-Event-ID", c.last)
		q, err := eventsQuery(r)
		if (err == nil) != c.ok || c.ok && (q.After != c.after || q.Run != c.run) {
			t.Errorf("%s, Last-Event-ID %q: after %d of %q, %v", c.url, c.last, q.After, q.Run, err)
		}
	}
}

// A beginning that there is not is refused in words of ours, as a problem.
func TestEventStreamRefusesWithAProblem(t *testing.T) {
	for _, c := range []struct{ url, last, says string }{
		{"/v1/events?after=zz", "", `after must be a number of an event, such as 17; "zz" is none`},
		{"/v1/events?after=-1", "", "after must be a number of an event"},
		{"/v1/events", "41", "Last-Event-ID must be the id of an event"},
		{"/v1/events", "0badcafe-x", "such as 0badcafe-17"},
	} {
		r := httptest.NewRequest("GET", c.url, nil)
		r.Header.Set("Last-Event-ID", c.last)
		w := httptest.NewRecorder()
		(&server{}).eventStream(w, r)
		var p problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 400 || codeOf(t, w) != "USAGE" || !strings.Contains(p.Detail, c.says) || strings.Contains(p.Detail, "strconv") {
			t.Errorf("%s, Last-Event-ID %q: %d %v %s", c.url, c.last, w.Code, err, w.Body)
		}
	}
}

// Every event has an id to come back with; a page without any is a comment, which keeps the stream alive.
func TestEventStreamForm(t *testing.T) {
	page := node.Events{Run: "0badcafe", Lost: 3, Events: []node.Event{{Seq: 41, Node: "n1", Kind: node.PeerFailed, Peer: "n\n2"}}}
	got := string(streamed(page))
	want := "event: events-lost\ndata: {\"lost\":3}\n\nid: 0badcafe-41\nevent: peer-failed\ndata: {"
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "}\n\n") || strings.Count(got, "\n") != 7 {
		t.Errorf("streamed %q", got)
	}
	if got := string(streamed(node.Events{})); got != ": nothing happens\n\n" {
		t.Errorf("nothing is streamed as %q", got)
	}
}

// A reader that takes nothing is cut off in time; until then one page is held for it, and no more is asked of the node.
func TestEventStreamCutsOffWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{config: node.Config{Log: slog.New(slog.DiscardHandler)}}
		asked, ended := 0, make(chan time.Duration, 1)
		pages := func(context.Context, node.EventsQuery) (node.Events, error) {
			asked++
			return node.Events{Run: "0badcafe", Events: make([]node.Event, 256)}, nil
		}
		server := webServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			began := time.Now()
			s.tell(w, r, node.EventsQuery{}, pages)
			ended <- time.Since(began)
		}))
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- server.Serve(&oneConn{conn: far}) }()
		io.WriteString(near, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		select {
		case took := <-ended:
			if took != streamWrite || asked != 1 {
				t.Errorf("cut off after %v, with %d pages asked for; want %v and 1", took, asked, streamWrite)
			}
		case <-time.After(10 * streamWrite):
			t.Error("it is not cut off")
		}
		near.Close()
		server.Close()
		<-served
	})
}
