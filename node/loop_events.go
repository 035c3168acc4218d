package node

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"p2pnode/wire"
)

const (
	maxWatchers  = 64 // who wait for the next event at once
	watchersEach = 8  // of one owner
)

// errWatched is returned to one more.
var errWatched = &RemoteError{Code: wire.CodeBusy, Detail: "too many wait for events of this server already"}

// audience counts who waits for events.
type audience struct {
	mu  sync.Mutex
	all int            // guarded by mu
	of  map[string]int // by owner; guarded by mu
}

// enter lets one in, if there is room. The node's own process has no owner.
func (a *audience) enter(owner []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all >= maxWatchers || len(owner) > 0 && a.of[string(owner)] >= watchersEach {
		return false
	}
	if a.of == nil {
		a.of = map[string]int{}
	}
	a.all++
	a.of[string(owner)]++
	return true
}

func (a *audience) exit(owner []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all--
	if a.of[string(owner)]--; a.of[string(owner)] == 0 {
		delete(a.of, string(owner))
	}
}

// publish logs what happened since it was last called, and wakes whoever waits for it.
func (l *loop) publish() {
	j := &l.core.journal
	if j.last == l.published {
		return
	}
	for n := max(l.published+1, j.oldest()); n <= j.last; n++ {
		if e := j.at(n); l.log.Enabled(context.Background(), e.level()) {
			l.log.LogAttrs(context.Background(), e.level(), e.words(), l.core.attributes(e)...)
		}
	}
	l.published = j.last
	close(l.news)
	l.news = make(chan struct{})
}

// events answers a query, after waiting for the next event if there is none yet.
func (l *loop) events(ctx context.Context, q EventsQuery) (p Events, err error) {
	q = q.bounded()
	if q.Wait > 0 {
		if !l.watchers.enter(q.owner) {
			return p, errWatched
		}
		defer l.watchers.exit(q.owner)
	}
	enough := time.After(q.Wait)
	for {
		var news <-chan struct{}
		if err := l.do(ctx, func(_ time.Time, c *core) { p, news = c.events(q), l.news }); err != nil {
			return p, err
		}
		if len(p.Events) > 0 || p.Lost > 0 || q.Wait == 0 {
			return p, nil
		}
		q.After, q.Run = p.Last, p.Run
		select {
		case <-news:
		case <-enough:
			return p, nil
		case <-ctx.Done():
			return p, context.Cause(ctx)
		case <-l.done:
			return p, errStopped
		}
	}
}

// level is how loud an event is logged: changes of roles and members are for everybody, every step of every job is not.
func (e *event) level() slog.Level {
	switch e.kind {
	case JobAssigned, JobRunning, JobDone, JobAcked, JobCancelled, PeerSuspected, ElectionStarted, NodePaused:
		return slog.LevelDebug
	case PeerRecovered:
		if e.took == 0 { // only suspected
			return slog.LevelDebug
		}
	}
	return slog.LevelInfo
}

// phrases are the messages that events are logged with.
var phrases = map[EventKind]string{
	NodeStarted: "node started", NodePaused: "node paused", NodeResumed: "node resumed", NodeStopping: "node stopping",
	FaultBegun: "fault begun", FaultEnded: "fault ended", SteppedDown: "leader stepped down",
	ElectionStarted: "election started", LeaderElected: "leader elected", LeaderConfirmed: "leader confirmed", LeaderLost: "leader lost",
	PeerJoined: "peer joined", PeerSuspected: "peer suspected", PeerRecovered: "peer recovered", PeerFailed: "peer failed",
	PeerLeft: "peer left", PeerRestarted: "peer restarted",
	JobAssigned: "job assigned", JobMoved: "job moved", JobRunning: "job running", JobDone: "job done", JobAcked: "job acked",
	JobCancelled: "job cancelled", JobFailed: "job failed",
}

func (e *event) words() string { return phrases[e.kind] }

// attributes are the facts of an event, under the names of docs/LOGGING.md.
func (c *core) attributes(e *event) []slog.Attr {
	v := c.describe(e)
	all := []slog.Attr{
		slog.String("peer", v.Peer), slog.String("job", v.Job), slog.Uint64("attempt", uint64(v.Attempt)), slog.String("server", v.Server),
		slog.String("from", v.From), slog.String("leader", v.Leader), slog.Uint64("epoch", v.Epoch), slog.String("code", v.Code),
		slog.Duration("took", e.took),
	}
	kept := all[:0]
	for _, a := range all {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.Uint64Value(0)) && !a.Value.Equal(slog.DurationValue(0)) {
			kept = append(kept, a)
		}
	}
	return kept
}
