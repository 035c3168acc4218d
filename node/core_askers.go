package node

import (
	"net/netip"
	"time"

	"p2pnode/wire"
)

// asker is one process of a client, at the address for which it has shown a cookie.
type asker struct {
	boot wire.Boot
	addr netip.AddrPort
}

// asked is which datagrams of an asker have been read: the highest counter, and which of the 64 below it.
type asked struct {
	top, below uint64
	at         time.Time
}

// maxAskers bounds the table. An asker is forgotten when no cookie it has shown is good any more: then a copy of what it
// said proves nothing.
const (
	maxAskers = maxCallers
	askerKept = 2 * cookieEvery
)

// take reports whether a counter is new, and marks it. One that was overtaken by 64 others counts as seen: clients repeat.
func (w *asked) take(counter uint64) bool {
	switch {
	case counter > w.top:
		w.below = (w.below<<1 | 1) << (counter - w.top - 1)
		w.top = counter
		return true
	case counter == w.top || w.top-counter > 64:
		return false
	}
	bit := uint64(1) << (w.top - counter - 1)
	if w.below&bit != 0 {
		return false
	}
	w.below |= bit
	return true
}

// novel reports whether a question with a good cookie is read for the first time. A copy of it, sent later from its own
// address, would move a job again that has been moved for its client once.
func (c *core) novel(now time.Time, e wire.Event) bool {
	k := asker{e.Boot, e.Addr}
	w, known := c.askers[k]
	if !known && len(c.askers) >= maxAskers || !w.take(e.Counter) {
		return false
	}
	w.at = now
	c.askers[k] = w
	return true
}

func (c *core) forgetAskers(now time.Time) {
	for k, w := range c.askers {
		if now.Sub(w.at) > askerKept {
			delete(c.askers, k)
		}
	}
}
