package node

import (
	"maps"
	"time"

	"p2pnode/wire"
)

// A client that has had a job done knows who leads. For its next one, a moment later, it asks that server alone; everybody
// else is asked only if no answer comes. That spares a round trip, and the servers the questions of those who send one job
// after the other: they hear no more than 200 a second from one address (PROTOCOL.md §4.5).

// recollection is what a search has found. It is not changed once it is made.
type recollection struct {
	servers map[wire.NodeID]server
	hints   map[wire.NodeID]wire.Node
	heirs   map[wire.ClusterID]heir
	chosen  ClusterInfo
	leader  wire.NodeID // who gave the assignment
	at      time.Time   // when
}

// recalled is how long a client goes by it.
const recalled = 10 * time.Second

// recollect returns what led to the assignment found at a time; nil: nothing to go by.
func (s *search) recollect(at time.Time) *recollection {
	if s.found == nil || s.chosen == nil {
		return nil
	}
	r := &recollection{
		servers: map[wire.NodeID]server{}, hints: maps.Clone(s.hints), heirs: maps.Clone(s.heirs), chosen: *s.chosen, at: at,
	}
	for id, v := range s.servers {
		r.servers[id] = *v
		if v.event.Addr == s.found.From {
			r.leader = id
		}
	}
	if r.leader.IsZero() {
		return nil
	}
	return r
}

// resume is begin for a search that starts from what an earlier one found.
func (s *search) resume(now time.Time, r *recollection) {
	s.servers, s.hints, s.nonces, s.heirs = map[wire.NodeID]*server{}, maps.Clone(r.hints), map[uint64]time.Time{}, maps.Clone(r.heirs)
	for id, v := range r.servers {
		v.silent, v.leader = false, wire.NodeID{}
		if id == r.leader {
			v.leader = id
		}
		s.servers[id] = &v
	}
	chosen := r.chosen
	s.chosen, s.first = &chosen, now
	s.rely(s.trust)
	s.queryAt, s.round, s.found, s.err, s.busy = now.Add(firstAsk), 0, nil, nil, nil
	s.askAt, s.asks, s.inquireAt = now, 0, now.Add(lastAsk)
	s.Advance(now)
}

// recall returns what a job of a moment ago has found; nil: nothing.
func (cl *Client) recall(now time.Time) *recollection {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if r := cl.recent; r != nil && now.Sub(r.at) < recalled {
		return r
	}
	return nil
}

// remember has the next jobs go by a recollection; nil: by none.
func (cl *Client) remember(r *recollection) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.recent = r
}
