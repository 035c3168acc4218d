package wiretest

import (
	"encoding/binary"
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

// draw is the fate of the next datagram.
func (s *state) draw() draw {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], s.count)
	s.count++
	return draw{fate: mix(fnv(s.root, b[:]))}
}

// root is what the fates on a link have in common.
func (n *Network) root(l Link) uint64 {
	var b [40]byte
	from, to := l.From.As16(), l.To.As16()
	p := binary.BigEndian.AppendUint64(b[:0], n.seed)
	return fnv(fnvStart, append(append(p, from[:]...), to[:]...))
}

const fnvStart = 0xCBF29CE484222325

// fnv goes on with the hash FNV-1a. (hash/fnv makes an object of each.)
func fnv[T string | []byte](h uint64, p T) uint64 {
	for i := range len(p) {
		h = (h ^ uint64(p[i])) * 0x100000001B3
	}
	return h
}

// question is what is asked of a fate, as a number.
type question uint64

func asking(what string) question { return question(fnv(fnvStart, what)) }

var (
	burstStarts, burstEnds, lost, jittered = asking("burst start"), asking("burst end"), asking("loss"), asking("jitter")
	reordered, duplicated, corrupted, spot = asking("reorder"), asking("duplicate"), asking("corrupt"), asking("where")
)

// again is the fate of a copy.
func (d draw) again() draw { return draw{fate: d.fate, round: d.round + 1} }

// chance answers a question with a number in [0, 1).
func (d draw) chance(q question) float64 { return float64(d.bits(q)>>11) / (1 << 53) }

func (d draw) bits(q question) uint64 {
	return mix(d.fate ^ uint64(q) + uint64(d.round)*0x9E3779B97F4A7C15)
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
	if !*bursting && d.chance(burstStarts) < f.BurstStart {
		*bursting = true
	}
	if *bursting {
		*bursting = f.BurstEnd > 0 && d.chance(burstEnds) >= f.BurstEnd
		return true
	}
	return d.chance(lost) < f.Loss
}

func (f *Faults) delay(d draw) time.Duration {
	t := f.Delay + time.Duration(d.chance(jittered)*float64(f.Jitter))
	if d.chance(reordered) < f.Reorder {
		t += f.ReorderBy
		if f.ReorderBy == 0 {
			t += f.Delay + f.Jitter + time.Millisecond
		}
	}
	return t
}

// hurt returns data, or a copy with one bit flipped.
func (f *Faults) hurt(d draw, data []byte) []byte {
	if len(data) == 0 || d.chance(corrupted) >= f.Corrupt {
		return data
	}
	bad := slices.Clone(data)
	at := d.bits(spot) % uint64(len(bad)*8)
	bad[at/8] ^= 1 << (at % 8)
	return bad
}
