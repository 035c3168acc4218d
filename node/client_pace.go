package node

import (
	"time"

	"github.com/quic-go/quic-go"
)

const (
	lossSample   = 5                      // packets lost, before anything is said of the way
	lossDivisor  = 32                     // one of so many sent: the way is lossy
	smallWindow  = 20 << 10               // bytes under way at once: what is lost holds the connection down
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

// wanting reports whether a transfer shall be split: its way loses packets, as this connection sees or the server told, and at
// its pace the rest takes long. With total zero nobody knows how much that is.
func (p *pace) wanting(done, total int64, told bool) bool {
	now := time.Now()
	took := now.Sub(p.begun)
	if p.conn == nil || took < splitAfter || !told && !p.losing(now, p.conn.ConnectionStats()) {
		return false
	}
	left := float64(total-done) / float64(max(1, done-p.from)) * float64(took)
	return total == 0 || time.Duration(left) >= splitForGain
}

// slow reports whether so little comes in a round trip that loss may hold it down.
func (p *pace) slow(done int64) bool {
	took := time.Since(p.begun)
	return p.conn != nil && took >= splitAfter &&
		float64(done-p.from)*float64(p.conn.ConnectionStats().SmoothedRTT) < 2*smallWindow*float64(took)
}

// losing reports whether packets are lost, and still are after the round trip in which late ones are known to have arrived.
func (p *pace) losing(now time.Time, s quic.ConnectionStats) bool {
	if !byChance(s) {
		p.since = time.Time{}
		return false
	}
	if p.since.IsZero() {
		p.since = now
	}
	return now.Sub(p.since) >= s.SmoothedRTT
}

// byChance reports whether chance loses packets, not a queue that is full. There, once it is known how much the way holds, a
// connection keeps a window of its share and few packets are lost; more connections would only take the share of others.
func byChance(s quic.ConnectionStats) bool {
	return s.PacketsLost >= lossSample && s.PacketsLost*lossDivisor >= s.PacketsSent && s.CongestionWindow <= smallWindow
}
