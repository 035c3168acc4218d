package node

import "net/netip"

// replayer has no key, and a copy of what was said: it says that again, later and in another order, to the same address,
// whoever runs there now, or across: to another one, peers' to clients and back.
type replayer struct {
	r      *swarmRun
	cable  *capture
	across bool
}

func (a *replayer) act() {
	for range 1 + a.r.rand.IntN(6) {
		d, ok := a.cable.pick()
		if !ok {
			return
		}
		to := d.to
		if a.across {
			to = a.elsewhere()
		}
		a.r.s.net.Send(a.r.s.now, a.r.pretended(d.from), to, d.data)
	}
}

func (a *replayer) elsewhere() netip.AddrPort {
	if a.r.rand.IntN(3) == 0 {
		return a.r.s.clients[a.r.rand.IntN(len(a.r.s.clients))].addr
	}
	return a.r.any().addr
}
