package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

// What operators ask of a cluster, and have it do. All of it goes over a QUIC stream to one server (PROTOCOL.md §9.5, §9.6).

const reportMax = 4 << 20

// chooser picks the server to ask among those that have answered a search; nil: none yet.
type chooser func(s *search, now time.Time) *server

// saying makes the frame to send on a connection: proofs are of one connection only.
type saying func(conn *quic.Conn) (wire.Frame, error)

// Status asks a server for the cluster's status in JSON: a configured one, or else the leader, if there is one.
func (cl *Client) Status(ctx context.Context) ([]byte, error) {
	raw, _, err := cl.consult(ctx, (*search).spokesman, cl.query(wire.Query{What: "status"}))
	return raw, err
}

// Peers asks a server, as Status does, what it knows of the others.
func (cl *Client) Peers(ctx context.Context) (p Peers, err error) {
	err = cl.learn(ctx, wire.Query{What: "peers"}, &p)
	return p, err
}

// Jobs asks a server for a page of its ledger. Without the peer token it shows only jobs of this client's address.
func (cl *Client) Jobs(ctx context.Context, q JobsQuery) (j Jobs, err error) {
	err = cl.learn(ctx, wire.Query{What: "jobs", State: q.State, Max: uint32(max(q.Max, 0)), Page: q.Page}, &j)
	return j, err
}

// Job asks a server for the life of a job. One that is not known, or not to be shown, is a *RemoteError with CodeNotFound.
func (cl *Client) Job(ctx context.Context, job wire.JobID) (j JobLife, err error) {
	err = cl.learn(ctx, wire.Query{What: "job", Job: job}, &j)
	return j, err
}

// Events asks a server for a page of what it saw.
func (cl *Client) Events(ctx context.Context, q EventsQuery) (e Events, err error) {
	err = cl.learn(ctx, eventsOf(q), &e)
	return e, err
}

func eventsOf(q EventsQuery) wire.Query {
	q = q.bounded()
	return wire.Query{What: "events", After: q.After, Run: q.Run, Max: uint32(q.Max), Wait: uint32(q.Wait.Milliseconds()), Job: q.Job}
}

// Follow calls f with every page of events as they happen, until ctx ends or f returns an error. It stays with one server;
// when that fails it goes on at another, with what happened since the last event told: lost then says why, otherwise it is
// nil. While no server is there Follow waits.
func (cl *Client) Follow(ctx context.Context, q EventsQuery, f func(e Events, lost error) error) error {
	var told time.Time
	var lost error
	for ctx.Err() == nil {
		page, a, err := cl.firstEvents(ctx, q)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		heard := told
		if page.Run == q.Run {
			heard = time.Time{} // the same server, which goes on where it was
		}
		for ; err == nil; page, err = cl.nextEvents(ctx, a, q) {
			page = page.since(heard)
			if err := f(page, lost); err != nil {
				return err
			}
			if n := len(page.Events); n > 0 {
				told = page.Events[n-1].Time
			}
			lost = nil
			q.After, q.Run = page.Last, page.Run
		}
		lost = fmt.Errorf("%s does not answer any more: %w", a.Server.Name, err)
	}
	return context.Cause(ctx)
}

// since leaves out what happened until t, which another server has told already.
func (e Events) since(t time.Time) Events {
	for len(e.Events) > 0 && !e.Events[0].Time.After(t) {
		e.Events, e.Lost = e.Events[1:], 0
	}
	return e
}

// firstEvents finds a server, and takes a page from it.
func (cl *Client) firstEvents(ctx context.Context, q EventsQuery) (e Events, a *assignment, err error) {
	q.Wait = 0
	raw, a, err := cl.consult(ctx, (*search).spokesman, cl.query(eventsOf(q)))
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	return e, a, err
}

// nextEvents waits for more of them at the same server.
func (cl *Client) nextEvents(ctx context.Context, a *assignment, q EventsQuery) (e Events, err error) {
	q.Wait = maxEventsWait
	raw, err := cl.inquire(ctx, a, cl.query(eventsOf(q)))
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	return e, err
}

// Fault makes the server of a name deaf and mute for a while, as if it were gone: a drill. It needs the peer token.
func (cl *Client) Fault(ctx context.Context, name string, down time.Duration) error {
	if down < time.Millisecond || down > MaxFault {
		return fmt.Errorf("node: a fault lasts from 1ms to %v, not %v", MaxFault, down)
	}
	_, _, err := cl.consult(ctx, called(name), func(conn *quic.Conn) (wire.Frame, error) {
		proof, err := cl.peerProof(conn)
		return wire.Fault{Peer: proof, Down: uint32(down.Milliseconds())}, err
	})
	return nobodyCalled(name, err)
}

// called picks the server of a name.
func called(name string) chooser {
	return func(s *search, _ time.Time) *server {
		for _, v := range s.sorted() {
			if s.chosen != nil && v.cluster.ID == s.chosen.ID && v.node.Name == name {
				return v
			}
		}
		return nil
	}
}

// StepDown has the leader hand over to another server, and returns the name of the one that did. It needs the peer token.
func (cl *Client) StepDown(ctx context.Context) (name string, err error) {
	for {
		_, a, err := cl.consult(ctx, func(s *search, _ time.Time) *server { return s.leader() }, func(conn *quic.Conn) (wire.Frame, error) {
			proof, err := cl.peerProof(conn)
			return wire.StepDown{Peer: proof}, err
		})
		if a == nil {
			return "", err
		}
		if CodeOf(err) != wire.CodeNoLeader || !rest(ctx, leaderGrace) {
			return a.Server.Name, err
		}
	}
}

// Reload has the server of a name read its configuration again. It needs the peer token.
func (cl *Client) Reload(ctx context.Context, name string) (r Reread, err error) {
	raw, _, err := cl.consult(ctx, called(name), func(conn *quic.Conn) (wire.Frame, error) {
		proof, err := cl.peerProof(conn)
		return wire.Reload{Peer: proof}, err
	})
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, nobodyCalled(name, err)
}

// nobodyCalled says so where a search for the server of a name found none.
func nobodyCalled(name string, err error) error {
	if search := (*SearchError)(nil); errors.As(err, &search) && errors.Is(search.Reason, ErrNoLeader) {
		search.Reason = fmt.Errorf("%w: no server called %q answered", ErrUnreachable, name)
	}
	return err
}

// learn asks the spokesman of a cluster for a report.
func (cl *Client) learn(ctx context.Context, q wire.Query, to any) error {
	raw, _, err := cl.consult(ctx, (*search).spokesman, cl.query(q))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("read %s: %w", q.What, err)
	}
	return nil
}

// query makes q with the proofs that this client can give.
func (cl *Client) query(q wire.Query) saying {
	return func(conn *quic.Conn) (_ wire.Frame, err error) {
		if q.Proof, err = cl.proof(conn); err == nil {
			q.Peer, err = cl.peerProof(conn)
		}
		return q, err
	}
}

// peerProof shows that this client holds the cluster's secret; nil if it does not.
func (cl *Client) peerProof(conn *quic.Conn) ([]byte, error) {
	if cl.config.Token == nil || cl.config.Token.Secret == nil {
		return nil, nil
	}
	ident, err := NewIdentity(*cl.config.Token.Secret)
	if err != nil {
		return nil, err
	}
	state := conn.ConnectionState().TLS
	return ProvePeer(ident.Server, &state)
}

// consult searches for a server and says something to the one that pick chooses, or, if that cannot be reached, to another.
// The assignment says who answered, or refused.
func (cl *Client) consult(ctx context.Context, pick chooser, say saying) ([]byte, *assignment, error) {
	events, err := cl.mail.subscribe(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer cl.mail.unsubscribe(events)
	s := cl.newSearch()
	s.targets, s.places = cl.targets(ctx)
	s.begin(time.Now())
	var failed error
	for {
		if err := cl.seek(ctx, s, events, func() bool { return pick(s, time.Now()) != nil }, func() {}); err != nil {
			return nil, nil, errors.Join(err, failed)
		}
		v := pick(s, time.Now())
		a := s.contact(v)
		report, err := cl.inquire(ctx, a, say)
		var remote *RemoteError
		if err == nil || errors.As(err, &remote) {
			return report, a, err
		}
		failed = err
		delete(s.servers, v.node.ID)
	}
}

// inquire says one thing to one server over QUIC, and returns the JSON of its report.
func (cl *Client) inquire(ctx context.Context, a *assignment, say saying) ([]byte, error) {
	conn, _, err := cl.dial.connect(ctx, a)
	if err != nil {
		return nil, err
	}
	cl.pin(a)
	st, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { st.SetDeadline(past) })()
	defer st.CancelRead(abandoned)
	f, err := say(conn)
	if err != nil {
		return nil, err
	}
	if err := wire.WriteFrame(st, f); err != nil {
		return nil, err
	}
	st.Close()
	answer, err := wire.ReadFrame(io.Reader(st), reportMax)
	if err != nil {
		return nil, err
	}
	r, ok := answer.(wire.Report)
	if !ok {
		return nil, fmt.Errorf("node: stream frame %d in answer to a query", answer.StreamKind())
	}
	if r.Code != wire.CodeOK {
		return nil, &RemoteError{From: a.Server.Name, Code: r.Code, Detail: r.Detail}
	}
	return r.JSON, nil
}
