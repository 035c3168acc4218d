package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"
)

// cookieLife is how long a cookie is good for.
const cookieLife = 10 * time.Second

// baker makes the cookies of Hello: what comes back in time was read by a live holder of the key, at the address it was
// sent to, after it was made. It keeps nothing per cookie (PROTOCOL.md §4.1).
type baker struct {
	secret [32]byte
	start  time.Time
	hash   hash.Hash // HMAC under secret, made once
	who    []byte    // for whom the last was made
	made   []byte    // the last, and what was hashed for it
}

// clock is the time as cookies have it: milliseconds since the start, in a number that may wrap.
func (b *baker) clock(now time.Time) uint32 { return uint32(now.Sub(b.start) / time.Millisecond) }

// open is the cookie of a Hello to all: whoever echoes it has heard that, but not proved where.
func (b *baker) open(now time.Time) []byte { return b.bake(b.clock(now), nil) }

// toward is the cookie of a Hello to one address: it proves who answers from there.
func (b *baker) toward(now time.Time, addr netip.AddrPort) []byte {
	return b.bake(b.clock(now), b.place(addr))
}

// bound is the cookie for one sender at one address.
func (b *baker) bound(now time.Time, from netip.AddrPort, id NodeID, boot Boot) []byte {
	return b.bake(b.clock(now), b.subject(from, id, boot))
}

// proves reports whether echo is one of our cookies, recent, and made for this sender at this address, or for the address.
func (b *baker) proves(now time.Time, echo []byte, from netip.AddrPort, id NodeID, boot Boot) bool {
	return b.ours(now, echo, b.place(from)) || b.ours(now, echo, b.subject(from, id, boot))
}

// answers reports whether echo is the recent cookie of a Hello to all.
func (b *baker) answers(now time.Time, echo []byte) bool { return b.ours(now, echo, nil) }

// ours reports whether a cookie was made lately for who.
func (b *baker) ours(now time.Time, cookie, who []byte) bool {
	if len(cookie) != cookieSize || b.age(now, cookie) >= cookieLife {
		return false
	}
	return hmac.Equal(cookie, b.mix(binary.BigEndian.Uint32(cookie), who))
}

// age is how old a cookie of ours is.
func (b *baker) age(now time.Time, cookie []byte) time.Duration {
	return time.Duration(b.clock(now)-binary.BigEndian.Uint32(cookie)) * time.Millisecond
}

// since reports whether a cookie of ours was made at a time or later.
func (b *baker) since(now time.Time, cookie []byte, then time.Time) bool {
	return b.age(now, cookie) <= time.Duration(b.clock(now)-b.clock(then))*time.Millisecond
}

func (b *baker) subject(from netip.AddrPort, id NodeID, boot Boot) []byte {
	b.who = append(append(b.place(from), id[:]...), boot[:]...)
	return b.who
}

func (b *baker) place(addr netip.AddrPort) []byte {
	ip := addr.Addr().As16()
	b.who = binary.BigEndian.AppendUint16(append(b.who[:0], ip[:]...), addr.Port())
	return b.who
}

// A cookie is the time at which it was made and the beginning of a MAC over that and over whom it is for.
const (
	cookieSize = 16
	cookieTime = 4
)

func (b *baker) bake(at uint32, who []byte) []byte { return bytes.Clone(b.mix(at, who)) }

// mix is bake whose cookie is good until the next call.
func (b *baker) mix(at uint32, who []byte) []byte {
	if b.hash == nil {
		b.hash = hmac.New(sha256.New, b.secret[:])
	}
	b.made = binary.BigEndian.AppendUint32(b.made[:0], at)
	b.hash.Reset()
	b.hash.Write(b.made)
	b.hash.Write(who)
	b.made = b.hash.Sum(b.made)
	return b.made[:cookieSize]
}
