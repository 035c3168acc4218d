package wiretest

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"
)

// Faults is how a link mistreats datagrams. Fractions are between 0 and 1; the zero value is a perfect link.
type Faults struct {
	Loss       float64       // of datagrams, independently
	BurstStart float64       // chance that a burst begins at a datagram; in a burst all are lost
	BurstEnd   float64       // chance that a burst ends after a datagram. If zero, it ends at once.
	Delay      time.Duration // one way, of every datagram
	Jitter     time.Duration // at most, added evenly
	Reorder    float64       // of datagrams, held back by ReorderBy
	ReorderBy  time.Duration // If zero, Delay + Jitter + 1 ms.
	Duplicate  float64       // of datagrams, delivered twice
	Corrupt    float64       // of datagrams, one bit of which is flipped
}

// draw is the fate of one datagram: every question put to it has its own number.
type draw struct {
	fate  uint64
	round int
}

func (n *Network) draw(l Link, count uint64) draw {
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(nil, n.seed))
	from, to := l.From.As16(), l.To.As16()
	h.Write(from[:])
	h.Write(to[:])
	h.Write(binary.BigEndian.AppendUint64(nil, count))
	return draw{fate: mix(h.Sum64())}
}

// again is the fate of a copy.
func (d draw) again() draw { return draw{fate: d.fate, round: d.round + 1} }

// chance answers a question with a number in [0, 1).
func (d draw) chance(question string) float64 { return float64(d.bits(question)>>11) / (1 << 53) }

func (d draw) bits(question string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(question))
	return mix(d.fate ^ h.Sum64() + uint64(d.round)*0x9E3779B97F4A7C15)
}

// mix spreads every bit of x over the result (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	x *= 0x94D049BB133111EB
	return x ^ x>>31
}

// lose decides whether a datagram vanishes, and keeps the state of a burst.
func (f *Faults) lose(d draw, bursting *bool) bool {
	if !*bursting && d.chance("burst start") < f.BurstStart {
		*bursting = true
	}
	if *bursting {
		*bursting = f.BurstEnd > 0 && d.chance("burst end") >= f.BurstEnd
		return true
	}
	return d.chance("loss") < f.Loss
}

func (f *Faults) delay(d draw) time.Duration {
	t := f.Delay + time.Duration(d.chance("jitter")*float64(f.Jitter))
	if d.chance("reorder") < f.Reorder {
		t += f.ReorderBy
		if f.ReorderBy == 0 {
			t += f.Delay + f.Jitter + time.Millisecond
		}
	}
	return t
}

// hurt returns data, or a copy with one bit flipped.
func (f *Faults) hurt(d draw, data []byte) []byte {
	if len(data) == 0 || d.chance("corrupt") >= f.Corrupt {
		return data
	}
	bad := slices.Clone(data)
	at := d.bits("where") % uint64(len(bad)*8)
	bad[at/8] ^= 1 << (at % 8)
	return bad
}
