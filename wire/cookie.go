package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"
)

// cookieLife is how long a cookie is good for, at least; at most twice that.
const cookieLife = 5 * time.Second

// baker makes the cookies of Hello: what comes back in time was read by a live holder of the key, at the address it was
// sent to. It keeps nothing per cookie (PROTOCOL.md §4.1).
type baker struct {
	secret [32]byte
	start  time.Time
	hash   hash.Hash   // HMAC under secret, made once
	opens  [2]openMade // by bucket
}

// openMade is the open cookie of a bucket; those of two buckets are good at any time.
type openMade struct {
	bucket uint64
	cookie []byte // nil: not made
}

func (b *baker) bucket(now time.Time) uint64 { return uint64(now.Sub(b.start) / cookieLife) }

// open is the cookie of a Hello to all: whoever echoes it has heard that, but not proved where.
func (b *baker) open(now time.Time) []byte { return b.opening(b.bucket(now)) }

func (b *baker) opening(bucket uint64) []byte {
	m := &b.opens[bucket%2]
	if m.cookie == nil || m.bucket != bucket {
		*m = openMade{bucket, b.mac(bucket, nil)}
	}
	return m.cookie
}

// toward is the cookie of a Hello to one address: it proves who answers from there.
func (b *baker) toward(now time.Time, addr netip.AddrPort) []byte {
	return b.mac(b.bucket(now), place(addr))
}

// bound is the cookie for one sender at one address.
func (b *baker) bound(now time.Time, from netip.AddrPort, id NodeID, boot Boot) []byte {
	return b.mac(b.bucket(now), subject(from, id, boot))
}

// proves reports whether echo is one of our cookies, recent, and made for this sender at this address, or for the address.
func (b *baker) proves(now time.Time, echo []byte, from netip.AddrPort, id NodeID, boot Boot) bool {
	if len(echo) == 0 {
		return false
	}
	who, here, t := subject(from, id, boot), place(from), b.bucket(now)
	for _, bucket := range [...]uint64{t, t - 1} {
		if hmac.Equal(echo, b.mac(bucket, here)) || hmac.Equal(echo, b.mac(bucket, who)) {
			return true
		}
	}
	return false
}

// answers reports whether echo is the recent cookie of a Hello to all.
func (b *baker) answers(now time.Time, echo []byte) bool {
	t := b.bucket(now)
	return len(echo) > 0 && (hmac.Equal(echo, b.opening(t)) || hmac.Equal(echo, b.opening(t-1)))
}

func subject(from netip.AddrPort, id NodeID, boot Boot) []byte {
	return append(append(place(from), id[:]...), boot[:]...)
}

func place(addr netip.AddrPort) []byte {
	ip := addr.Addr().As16()
	p := append(make([]byte, 0, 50), ip[:]...)
	return binary.BigEndian.AppendUint16(p, addr.Port())
}

// mac is what a cookie is.
func (b *baker) mac(bucket uint64, who []byte) []byte {
	if b.hash == nil {
		b.hash = hmac.New(sha256.New, b.secret[:])
	}
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], bucket)
	b.hash.Reset()
	b.hash.Write(n[:])
	b.hash.Write(who)
	return b.hash.Sum(nil)[:16]
}
