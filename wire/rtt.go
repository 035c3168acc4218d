package wire

import "time"

const (
	firstRTO = 200 * time.Millisecond
	minRTO   = 50 * time.Millisecond
	maxRTO   = 2 * time.Second
)

// rtt estimates a path (PROTOCOL.md §4.4). Every packet has its own counter, so no sample is ambiguous.
type rtt struct {
	smooth, variance time.Duration // zero: no sample yet
}

func (r *rtt) sample(d time.Duration) {
	if d < 0 {
		return
	}
	d = max(d, time.Microsecond)
	if r.smooth == 0 {
		r.smooth, r.variance = d, d/2
		return
	}
	r.variance = (3*r.variance + (r.smooth - d).Abs()) / 4
	r.smooth = (7*r.smooth + d) / 8
}

// timeout is how long to wait for the first acknowledgement. The peer may delay it by ackDelay.
func (r *rtt) timeout(ackDelay time.Duration) time.Duration {
	if r.smooth == 0 {
		return firstRTO
	}
	return min(max(r.smooth+max(10*time.Millisecond, 4*r.variance)+ackDelay, minRTO), maxRTO)
}

// late is the time after which a packet that was overtaken is held lost, not reordered.
func (r *rtt) late() time.Duration { return r.smooth + max(2*time.Millisecond, 2*r.variance) }
