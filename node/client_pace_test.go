package node

import (
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// A transfer is split where chance loses packets, and not where a full queue does. The figures are those of a connection that
// ran through 20 % loss, of one that shared 10 Mbit/s and a queue of 60 packets with another, and of one whose packets were reordered.
func TestPaceTellsChanceFromCongestion(t *testing.T) {
	const rtt = 52 * time.Millisecond
	cases := []struct {
		name             string
		sent, lost, cwnd uint64 // packets
		want             bool
	}{
		{"a fifth lost", 132, 28, 5, true},
		{"a twentieth lost", 300, 15, 9, true},
		{"the beginning of a lossy way", 66, 11, 23, false},
		{"a queue that overflowed", 221, 21, 37, false},
		{"the same a little later", 314, 31, 26, false},
		{"and later", 469, 34, 22, false},
		{"late packets", 200, 4, 12, false},
		{"a hundredth lost", 900, 9, 16, false},
		{"a perfect way", 900, 0, 300, false},
	}
	for _, c := range cases {
		s := quic.ConnectionStats{PacketsSent: c.sent, PacketsLost: c.lost, CongestionWindow: c.cwnd * 1200, SmoothedRTT: rtt}
		now := time.Unix(1, 0)
		var p pace
		if p.losing(now, s) {
			t.Errorf("%s: losing at the first look", c.name)
		}
		if got := p.losing(now.Add(rtt), s); got != c.want {
			t.Errorf("%s: losing after a round trip = %v, want %v", c.name, got, c.want)
		}
	}
}

// Packets that were only late are lost no more when they have come.
func TestPaceForgivesLatePackets(t *testing.T) {
	lost := quic.ConnectionStats{PacketsSent: 100, PacketsLost: 20, CongestionWindow: 8000, SmoothedRTT: time.Second}
	came := lost
	came.PacketsLost = 0
	now := time.Unix(1, 0)
	var p pace
	p.losing(now, lost)
	p.losing(now.Add(500*time.Millisecond), came)
	if p.losing(now.Add(time.Second), lost) {
		t.Error("losing, although what seemed lost had come meanwhile")
	}
}

// TestPiecesFollowTheWay: large ones only as long as they leave at once.
func TestPiecesFollowTheWay(t *testing.T) {
	piece := int64(sendSize)
	for i, c := range []struct {
		took time.Duration
		want int64
	}{
		{0, 32 << 10}, {promptly, 64 << 10}, {0, 64 << 10}, {promptly + 1, 16 << 10}, {time.Minute, 16 << 10}, {time.Millisecond, 32 << 10},
	} {
		if piece = nextPiece(piece, c.took); piece != c.want {
			t.Fatalf("piece %d, after one that took %v: %d bytes, want %d", i, c.took, piece, c.want)
		}
	}
}
