package node

import (
	"errors"
	"sync"

	"p2pnode/wire"
)

// allowance is what jobs take of a server: places, and bytes in memory and on disk.
type allowance struct{ places, memory, disk int64 }

func (a allowance) plus(b allowance) allowance {
	return allowance{a.places + b.places, a.memory + b.memory, a.disk + b.disk}
}

func (a allowance) minus(b allowance) allowance {
	return a.plus(allowance{-b.places, -b.memory, -b.disk})
}

// within reports whether nothing of a is more than b has.
func (a allowance) within(b allowance) bool {
	return a.places <= b.places && a.memory <= b.memory && a.disk <= b.disk
}

// spared is what is left for sources that have no job here: the last quarter.
func (a allowance) spared() allowance { return allowance{a.places / 4, a.memory / 4, a.disk / 4} }

// lobby admits jobs: as many as there are bytes for. It is safe for several goroutines.
type lobby struct {
	max allowance

	mu    sync.Mutex
	held  allowance        // of all jobs here; guarded by mu
	owner map[string]int64 // how many jobs are here, by source; guarded by mu
}

func newLobby(max allowance) *lobby { return &lobby{max: max, owner: map[string]int64{}} }

// Why a job is not let in now.
var (
	errPlaces = errors.New("too many jobs are waiting here")
	errBytes  = errors.New("the images and payloads of the jobs here take all the room there is for them")
)

// admit lets a job in until leave is called, or says why there is no room for it now. The first job is let in whatever
// it takes, for it would never be otherwise; and a source that has jobs here leaves something for those that have none.
func (l *lobby) admit(source string, a allowance) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bound := l.max
	if l.owner[source] > 0 {
		bound = bound.minus(l.max.spared())
	}
	switch then := l.held.plus(a); {
	case l.held.places == 0 || then.within(bound):
	case then.places > bound.places:
		return nil, errPlaces
	default:
		return nil, errBytes
	}
	l.held = l.held.plus(a)
	l.owner[source] += a.places
	return sync.OnceFunc(func() { l.leave(source, a) }), nil
}

func (l *lobby) leave(source string, a allowance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = l.held.minus(a)
	if l.owner[source] -= a.places; l.owner[source] <= 0 {
		delete(l.owner, source)
	}
}

// jobs returns how many are here.
func (l *lobby) jobs() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held.places
}

// allowanceOf is what a job may take: its payload, which stays in memory; and on disk its image and as much again as result.
// What decoding takes is known when the image's header is here.
func allowanceOf(q wire.TaskRequest) allowance {
	return allowance{places: 1, memory: int64(len(q.Sealed)), disk: 2 * int64(q.Size)}
}
