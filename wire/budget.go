package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
)

// meter is a token bucket in one number: the time at which it would be full again, in nanoseconds since the start.
type meter int64

// take spends one token of a bucket that holds burst and regains one per every; it reports whether there was one.
func (m *meter) take(now int64, every time.Duration, burst int64) bool {
	full := max(int64(*m), now)
	if full-now > (burst-1)*int64(every) {
		return false
	}
	*m = meter(full + int64(every))
	return true
}

// Budgets of an endpoint for those who have proved nothing (PROTOCOL.md §4.5). A peer with a session spends none.
const (
	sources   = 1024                 // buckets; sources share one by a keyed hash, so a flood of them costs no memory
	perClient = 5 * time.Millisecond // a machine that has many images done asks as often
	perSource = 20 * time.Millisecond
	srcBurst  = 100
	perAll    = 500 * time.Microsecond
	allBurst  = 1000
)

// budget limits what strangers may ask in all and each.
type budget struct {
	every   time.Duration // for each source
	secret  [16]byte
	all     meter
	sources []meter // made at the first stranger
}

func (b *budget) take(now int64, from netip.Addr) bool {
	if b.sources == nil {
		b.sources = make([]meter, sources)
	}
	return b.sources[b.slot(from)].take(now, b.every, srcBurst) && b.all.take(now, perAll, allBurst)
}

// slot is the bucket of an IPv4 address or IPv6 /64.
func (b *budget) slot(from netip.Addr) uint64 {
	p := from.As16()
	n := 16
	if !from.Unmap().Is4() {
		n = 8
	}
	var in [32]byte
	copy(in[copy(in[:], b.secret[:]):], p[:n])
	sum := sha256.Sum256(in[:len(b.secret)+n])
	return binary.BigEndian.Uint64(sum[:]) % sources
}

// recent remembers datagrams of strangers by their tag, so that a copy of one is not a second question. It forgets when
// two fall on one slot: strangers' questions are idempotent, this saves work.
type recent struct{ tags []uint64 }

const recents = 4096

// novel marks the datagram, and reports whether it was not there.
func (r *recent) novel(datagram []byte) bool {
	if r.tags == nil {
		r.tags = make([]uint64, recents)
	}
	tag := binary.BigEndian.Uint64(datagram[len(datagram)-8:])
	if r.tags[tag%recents] == tag {
		return false
	}
	r.tags[tag%recents] = tag
	return true
}
