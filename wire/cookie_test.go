package wire

import (
	"net/netip"
	"testing"
	"time"
)

// A bound cookie proves one process of one node at one address, for a while.
func TestCookieProvesWhoItWasMadeFor(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	b := &baker{secret: [32]byte{1}, start: start}
	from, id, boot := netip.MustParseAddrPort("10.0.0.1:47470"), NodeID{1}, Boot{1}
	bound, open, toward := b.bound(start, from, id, boot), b.open(start), b.toward(start, from)
	for _, c := range []struct {
		name   string
		cookie []byte
		from   netip.AddrPort
		id     NodeID
		boot   Boot
		after  time.Duration
		want   bool
	}{
		{"as made", bound, from, id, boot, 0, true},
		{"just before its end", bound, from, id, boot, cookieLife - time.Millisecond, true},
		{"at its end", bound, from, id, boot, cookieLife, false},
		{"of a later time", b.bound(start.Add(time.Second), from, id, boot), from, id, boot, 0, false},
		{"cut", bound[:cookieSize-1], from, id, boot, 0, false},
		{"from another host", bound, netip.MustParseAddrPort("10.0.0.2:47470"), id, boot, 0, false},
		{"from another port", bound, netip.MustParseAddrPort("10.0.0.1:47471"), id, boot, 0, false},
		{"of another node", bound, from, NodeID{2}, boot, 0, false},
		{"of another process", bound, from, id, Boot{2}, 0, false},
		{"none", nil, from, id, boot, 0, false},
		{"toward the address", toward, from, NodeID{2}, Boot{2}, 0, true},
		{"toward the address, old", toward, from, id, boot, cookieLife, false},
		{"toward another address", toward, netip.MustParseAddrPort("10.0.0.1:47471"), id, boot, 0, false},
		{"open to all", open, from, id, boot, 0, false},
	} {
		if got := b.proves(start.Add(c.after), c.cookie, c.from, c.id, c.boot); got != c.want {
			t.Errorf("%s: proves() = %v, want %v", c.name, got, c.want)
		}
	}
	other := &baker{secret: [32]byte{2}, start: start}
	if other.proves(start, bound, from, id, boot) {
		t.Error("a cookie of an earlier process is proof")
	}
}
