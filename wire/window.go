package wire

// Replay window of one session (PROTOCOL.md §4.2): which packet counters were accepted. A ring of words, one more than
// the window needs, so that sliding clears whole words only.
const (
	windowSize  = 8192
	windowWords = windowSize/64 + 1
)

type window struct {
	top  uint64 // highest counter accepted
	bits [windowWords]uint64
}

// start makes every counter up to n old: the window of a session begins at the datagram that proved it.
func (w *window) start(n uint64) {
	w.top = n
	for i := range w.bits {
		w.bits[i] = ^uint64(0)
	}
	w.bits[n/64%windowWords] = 2<<(n%64) - 1
}

// fresh reports whether n may be accepted.
func (w *window) fresh(n uint64) bool {
	switch {
	case n > w.top:
		return true
	case n == 0 || w.top-n >= windowSize:
		return false
	}
	return w.bits[n/64%windowWords]&(1<<(n%64)) == 0
}

// accept marks n, and reports whether it was fresh. Call it only for what the AEAD has accepted.
func (w *window) accept(n uint64) bool {
	if !w.fresh(n) {
		return false
	}
	if n > w.top {
		w.slide(n)
	}
	w.bits[n/64%windowWords] |= 1 << (n % 64)
	return true
}

func (w *window) slide(n uint64) {
	from, steps := w.top/64, n/64-w.top/64
	for i := uint64(1); i <= min(steps, windowWords); i++ {
		w.bits[(from+i)%windowWords] = 0
	}
	w.top = n
}
