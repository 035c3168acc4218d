package node

import (
	"math"
	"time"

	"p2pnode/wire"
)

// Stages is how long the last attempt of a job took, stage by stage, by the client's clock. Upload, work and download overlap
// where a server works on an image while it comes.
type Stages struct {
	Reached    time.Duration // until the server took the job: connection, handshake and request
	Uploaded   time.Duration // from then until all of the image was sent; zero: the server had it, or what came of it
	First      time.Duration // from Reached on until the first byte of the result
	Downloaded time.Duration // from that byte to the last
	Checked    time.Duration // from that one on: verified and made durable
	Queued     time.Duration // of the attempt, waiting for a worker: the server's word. Zero: it says nothing
	Worked     time.Duration // of the attempt, being worked on: the server's word. Zero: it had the result, or says nothing
}

// Transfer is what is left of the attempt without the waiting and the work at the server, and without checking: bytes were
// under way, and nothing else was to be waited for.
func (s Stages) Transfer() time.Duration {
	return max(0, s.Reached+s.First+s.Downloaded-s.Queued-s.Worked)
}

// milestones are when an attempt came where; zero: it did not.
type milestones struct {
	begun, taken, sent, first, last time.Time
}

// stages is what lies between the milestones of an attempt that ends now. What its server says of itself is cut to what the
// attempt took.
func (m milestones) stages(now time.Time, t wire.TaskTrailer) Stages {
	if m.first.IsZero() {
		m.first = m.last // all of the result was here
	}
	s := Stages{
		Reached: between(m.begun, m.taken), Uploaded: between(m.taken, m.sent), First: between(m.taken, m.first),
		Downloaded: between(m.first, m.last), Checked: between(m.last, now),
	}
	took := between(m.begun, m.last)
	s.Queued = min(took, microseconds(t.Queued))
	s.Worked = min(took-s.Queued, microseconds(t.Worked))
	return s
}

// between is the time from one milestone to another; zero if one of them was not passed, or not in this order.
func between(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return max(0, to.Sub(from))
}

// microseconds is a time that somebody tells, however large.
func microseconds(n uint64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/uint64(time.Microsecond))) * time.Microsecond
}
