package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

const (
	maxStreams  = 16               // event streams at once
	beatEvery   = 15 * time.Second // a comment, where nothing happens
	streamWrite = 10 * time.Second // a client that takes longer to read is gone
)

// eventStream sends events as they happen (server-sent events). The id of each is the run of this server and the event's
// number: a client that comes back says the last in Last-Event-ID, and goes on behind it.
func (s *server) eventStream(w http.ResponseWriter, r *http.Request) {
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		w.Header().Set("Retry-After", "5")
		writeFailure(w, failf(wire.CodeBusy, "too many event streams are open"))
		return
	}
	defer s.streams.Add(-1)
	q, err := eventsQuery(r)
	if err != nil {
		writeFailure(w, usagef("%w", err))
		return
	}
	q.Scope = s.scope(r)
	s.tell(w, r, q, s.node.Events)
}

// tell sends pages of events until their reader is gone. None is asked for before the last has been taken: a reader that takes
// nothing holds one page and a place, and the loop not at all; once what is between is full, it is cut off after streamWrite.
func (s *server) tell(w http.ResponseWriter, r *http.Request, q node.EventsQuery, pages func(context.Context, node.EventsQuery) (node.Events, error)) {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Time{}); err != nil { // the server's own would end the stream
		s.config.Log.Debug("event stream without its own deadlines", "error", err)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for first := true; ; first = false {
		if q.Wait = beatEvery; first {
			q.Wait = 0
		}
		page, err := pages(r.Context(), q)
		if err != nil {
			if first {
				s.answer(w, nil, err)
			}
			return
		}
		control.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := w.Write(streamed(page)); err != nil || control.Flush() != nil {
			return
		}
		q.After, q.Run = page.Last, page.Run
	}
}

// streamed is a page as a stream carries it; without events it is a comment that shows that the stream stands.
func streamed(page node.Events) []byte {
	var b bytes.Buffer
	if page.Lost > 0 {
		fmt.Fprintf(&b, "event: %s\ndata: {\"lost\":%d}\n\n", eventsLost, page.Lost)
	}
	for _, e := range page.Events {
		data, err := json.Marshal(eventLine{Schema: node.EventsSchema, Event: e})
		if err != nil {
			continue // no event of ours
		}
		fmt.Fprintf(&b, "id: %s-%d\nevent: %s\ndata: %s\n\n", page.Run, e.Seq, e.Kind, data)
	}
	if b.Len() == 0 {
		b.WriteString(": nothing happens\n\n")
	}
	return b.Bytes()
}

// eventsQuery is where a stream begins: behind Last-Event-ID, or ?after=, or at the oldest event kept.
func eventsQuery(r *http.Request) (q node.EventsQuery, err error) {
	if id := r.URL.Query().Get("job"); id != "" {
		if q.Job, err = parseJob(id); err != nil {
			return q, err
		}
	}
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		after := r.URL.Query().Get("after")
		if q.After, err = count(after); err != nil {
			err = fmt.Errorf("after must be a number of an event, such as 17; %q is none", after)
		}
		return q, err
	}
	run, number, _ := strings.Cut(last, "-")
	if q.After, err = strconv.ParseUint(number, 10, 63); err != nil || run == "" {
		return q, fmt.Errorf("Last-Event-ID must be the id of an event, a run and a number such as 0badcafe-17; %q is none", last)
	}
	q.Run = run
	return q, nil
}
