package node

import (
	"bytes"
	"encoding/hex"
	"time"

	"p2pnode/wire"
)

// event is what the core notes when something happens: no text is made before somebody asks.
type event struct {
	seq     uint64
	at      time.Time
	kind    EventKind
	peer    wire.NodeID
	leader  wire.NodeID
	server  wire.NodeID
	from    wire.NodeID
	epoch   uint64
	job     wire.JobID
	attempt uint32
	code    wire.Code
	took    time.Duration
}

// journalSize is how many events a node keeps.
const journalSize = 4096

// journal keeps the newest events. The one numbered n is at (n-1) modulo journalSize.
type journal struct {
	ring []event
	last uint64 // number of the newest; zero: none
}

func (j *journal) add(e event) {
	j.last++
	e.seq = j.last
	if len(j.ring) < journalSize {
		j.ring = append(j.ring, e)
		return
	}
	j.ring[(e.seq-1)%journalSize] = e
}

// oldest returns the number of the oldest event kept; one more than last if there is none.
func (j *journal) oldest() uint64 { return j.last - uint64(len(j.ring)) + 1 }

// at returns the event numbered n, which is kept.
func (j *journal) at(n uint64) *event { return &j.ring[(n-1)%journalSize] }

// note writes an event down.
func (c *core) note(now time.Time, e event) {
	e.at = now
	c.journal.add(e)
}

func (c *core) notePeer(now time.Time, kind EventKind, p *peer) {
	e := event{kind: kind, peer: p.id}
	if kind == PeerRecovered && !p.live() {
		e.took = now.Sub(p.lost)
	}
	c.note(now, e)
}

// noteTurn writes down what an election has come to. That nobody leads still is no news.
func (c *core) noteTurn(now time.Time, leader wire.NodeID, role wire.Role, epoch uint64, took time.Duration) {
	switch {
	case leader.IsZero() && !c.ruler.IsZero():
		c.note(now, event{kind: LeaderLost, leader: c.ruler, epoch: epoch})
	case !leader.IsZero() && leader == c.ruler:
		c.note(now, event{kind: LeaderConfirmed, leader: leader, epoch: epoch})
	case !leader.IsZero():
		c.note(now, event{kind: LeaderElected, leader: leader, epoch: epoch, took: took})
	}
	if role == wire.Candidate && !c.canvassing {
		c.note(now, event{kind: ElectionStarted, epoch: epoch})
	}
	c.canvassing = leader.IsZero() && (c.canvassing || role == wire.Candidate)
	c.ruler = leader
}

// pausesEvery bounds how often a slow machine's late loop is worth an event.
const pausesEvery = time.Second

// notePause writes down that the loop was late.
func (c *core) notePause(now time.Time, gap time.Duration) {
	if now.Sub(c.pausedAt) >= pausesEvery {
		c.note(now, event{kind: NodePaused, took: gap})
	}
	c.pausedAt = now
}

// events returns the page of events that a query asks for.
func (c *core) events(q EventsQuery) Events {
	p := Events{Schema: EventsSchema, Node: c.cfg.Name, Run: c.run(), Scope: q.Scope, Newest: c.journal.last, Events: []Event{}}
	if q.Run != "" && q.Run != p.Run || q.After > c.journal.last {
		q.After = 0 // another run's number
	}
	n := max(q.After+1, c.journal.oldest())
	p.Lost = n - q.After - 1
	for ; n <= c.journal.last && len(p.Events) < q.Max; n++ {
		if e := c.journal.at(n); c.shown(e, q) {
			p.Events = append(p.Events, c.describe(e))
		}
	}
	p.Last = n - 1
	return p
}

// run names this process of the node.
func (c *core) run() string { return hex.EncodeToString(c.firstBoot[:4]) }

// shown reports whether a query may see an event, and wants to.
func (c *core) shown(e *event, q EventsQuery) bool {
	if !q.Job.IsZero() && e.job != q.Job {
		return false
	}
	return q.Scope != ScopeOwn || e.job.IsZero() || c.owns(q.owner, e.job)
}

// owns reports whether a job is one of an owner's, as far as the ledger knows it.
func (c *core) owns(owner []byte, job wire.JobID) bool {
	r, known := c.ledger.Get(job)
	return known && len(owner) > 0 && bytes.Equal(r.Owner, owner)
}

// describe puts an event into words.
func (c *core) describe(e *event) Event {
	v := Event{
		Seq: e.seq, Time: wall(e.at), Node: c.cfg.Name, Kind: e.kind, Peer: c.named(e.peer), Leader: c.named(e.leader),
		Epoch: e.epoch, Attempt: e.attempt, Server: c.named(e.server), From: c.named(e.from), Seconds: e.took.Seconds(),
	}
	if !e.job.IsZero() {
		v.Job = e.job.String()
	}
	if e.code != wire.CodeOK {
		v.Code = e.code.String()
	}
	return v
}

// named is nameOf, and empty for nobody.
func (c *core) named(id wire.NodeID) string {
	if id.IsZero() {
		return ""
	}
	return c.nameOf(id)
}
