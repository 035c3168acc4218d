package node

import (
	"sync/atomic"
	"time"
)

// instant is a time that several goroutines note and look at. It keeps the reading of the monotonic clock, which a number
// of nanoseconds since 1970 would lose: how long ago something was must not change when the machine's clock is set.
type instant struct{ t atomic.Pointer[time.Time] }

func (i *instant) note(t time.Time) { i.t.Store(&t) }

// last is the time noted last; zero: none was.
func (i *instant) last() time.Time {
	if t := i.t.Load(); t != nil {
		return *t
	}
	return time.Time{}
}
