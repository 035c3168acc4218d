package wire

// inbox is what one session has received of reliable messages: exactly a base and two masks (PROTOCOL.md §4.3).
// Bit i stands for message base+1+i.
type inbox struct {
	base uint64 // every message up to it is acknowledged
	seen uint64 // delivered
	done uint64 // acknowledged: delivered, and released where the core holds it
}

// verdict is what an inbox makes of a message id.
type verdict uint8

const (
	novel     verdict = iota // deliver it
	duplicate                // acknowledge it again, no more
	beyond                   // more than 64 ahead: the sender breaks the rule
)

// take marks message id as delivered.
func (b *inbox) take(id uint64) verdict {
	switch {
	case id <= b.base:
		return duplicate
	case id > b.base+64:
		return beyond
	}
	bit := uint64(1) << (id - b.base - 1)
	if b.seen&bit != 0 {
		return duplicate
	}
	b.seen |= bit
	return novel
}

// settle acknowledges message id if it has been delivered, and reports whether that is news.
func (b *inbox) settle(id uint64) bool {
	if id <= b.base || id > b.base+64 {
		return false
	}
	bit := uint64(1) << (id - b.base - 1)
	if b.seen&bit == 0 || b.done&bit != 0 {
		return false
	}
	b.done |= bit
	for b.done&1 != 0 {
		b.base++
		b.seen >>= 1
		b.done >>= 1
	}
	return true
}
