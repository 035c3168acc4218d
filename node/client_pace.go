package node

import (
	"time"

	"github.com/quic-go/quic-go"
)

const (
	lossSample   = 30                     // packets, before anything is said of their loss
	lossDivisor  = 20                     // a twentieth of them lost: the way is lossy
	splitAfter   = 300 * time.Millisecond // a transfer that takes less is left alone
	splitForGain = time.Second            // of a transfer's rest, at its present pace
)

// pace judges how a transfer goes.
type pace struct {
	conn  *quic.Conn // nil: the transfer is not to be split
	begun time.Time
	from  int64     // bytes that were there when it began
	since time.Time // when loss was first seen; zero: not seen, or mistaken
}

// pace begins to judge a transfer, where transfers may be split at all.
func (e *errand) pace(conn *quic.Conn, begun time.Time, from int64) pace {
	if e.cl.dial.extra == 0 {
		conn = nil
	}
	return pace{conn: conn, begun: begun, from: from}
}

// wanting reports whether a transfer shall be split: its way loses packets, and at its pace the rest takes long. With
// total zero nobody knows how much that is.
func (p *pace) wanting(done, total int64) bool {
	took := time.Since(p.begun)
	if p.conn == nil || took < splitAfter || !p.losing() {
		return false
	}
	left := float64(total-done) / float64(max(1, done-p.from)) * float64(took)
	return total == 0 || time.Duration(left) >= splitForGain
}

// losing reports whether packets are lost, and still are after the round trip in which late ones are known to have arrived.
func (p *pace) losing() bool {
	s := p.conn.ConnectionStats()
	if s.PacketsSent < lossSample || s.PacketsLost*lossDivisor < s.PacketsSent {
		p.since = time.Time{}
		return false
	}
	if p.since.IsZero() {
		p.since = time.Now()
	}
	return time.Since(p.since) >= s.SmoothedRTT
}
