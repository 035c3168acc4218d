package node

import (
	"math/rand/v2"
	"net/netip"
)

// caught is a datagram as it was sent.
type caught struct {
	from, to netip.AddrPort
	data     []byte // of the network: only to be read
}

// capture is what an attacker who hears the whole cable keeps: some of the oldest, some of all, and the newest.
type capture struct {
	rand   *rand.Rand
	heard  int
	kept   []caught
	newest []caught
}

const (
	captureKept   = 256
	captureNewest = 128
)

func newCapture(r *rand.Rand) *capture {
	return &capture{rand: rand.New(rand.NewPCG(r.Uint64(), 3))}
}

// hear keeps a datagram: each that was ever sent is kept with the same chance.
func (k *capture) hear(from, to netip.AddrPort, p []byte) {
	if to == victim {
		return // who hears what is sent to an address can prove it, by passing it on to a peer
	}
	k.heard++
	d := caught{from, to, p}
	if len(k.newest) < captureNewest {
		k.newest = append(k.newest, d)
	} else {
		k.newest[k.heard%captureNewest] = d
	}
	if len(k.kept) < captureKept {
		k.kept = append(k.kept, d)
	} else if i := k.rand.IntN(k.heard); i < captureKept {
		k.kept[i] = d
	}
}

// pick draws one of them; ok is false while there is none.
func (k *capture) pick() (d caught, ok bool) {
	from := k.kept
	if k.rand.IntN(2) == 0 {
		from = k.newest
	}
	if len(from) == 0 {
		return d, false
	}
	return from[k.rand.IntN(len(from))], true
}
