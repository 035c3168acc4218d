package node

import (
	"net/netip"
	"time"

	"p2pnode/wire"
)

// siege is who attacks a seed's cluster, until its faults end.
type siege struct {
	over     bool
	capture  *capture
	expelled bool // one of the attackers holds K_server
}

// besiege draws the attackers. Those without a key may come in a calm seed as well: they are to change nothing.
func (r *swarmRun) besiege(maybe func(p float64, set func())) {
	maybe(0.25, func() { r.send("a forger", (&forger{r, r.captured()}).act) })
	maybe(0.25, func() { r.send("a replayer", (&replayer{r, r.captured(), false}).act) })
	maybe(0.25, func() { r.send("a cross-replayer", (&replayer{r, r.captured(), true}).act) })
	maybe(0.2, func() { r.send("an open client", newIntruder(r, wire.OpenKey).act) })
	maybe(0.2, func() { r.send("a holder of the client token", newIntruder(r, simIdentity().Client).act) })
	if r.calm {
		return
	}
	maybe(0.15, func() {
		e := newExpelled(r)
		r.send("an expelled member that says it is "+e.name, e.act)
	})
}

// captured is what the attackers hear of the cable.
func (r *swarmRun) captured() *capture {
	if r.siege.capture == nil {
		r.siege.capture = newCapture(r.rand)
		r.s.taps = append(r.s.taps, r.siege.capture.hear)
		r.check.member[spotOf(attackerAt(0))] = true // it hears its own address too
	}
	return r.siege.capture
}

// send has an attacker act every now and then.
func (r *swarmRun) send(who string, act func()) {
	r.s.log("attacked by %s", who)
	var turn func()
	turn = func() {
		if !r.siege.over {
			act()
			r.s.after(time.Duration(50+r.rand.IntN(600))*time.Millisecond, turn)
		}
	}
	r.s.after(time.Second, turn)
}

// attackers sit at addresses of their own; the last one hears nothing, and never answers.
func attackerAt(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(230 + i)}), 47470)
}

var victim = netip.MustParseAddrPort("10.0.0.229:9999")

// pretended draws a source: the true one, an attacker's, a node's, a client's or a victim's.
func (r *swarmRun) pretended(truly netip.AddrPort) netip.AddrPort {
	switch r.rand.IntN(6) {
	case 0:
		return attackerAt(0)
	case 1:
		return r.any().addr
	case 2:
		return r.s.clients[r.rand.IntN(len(r.s.clients))].addr
	case 3:
		return victim
	}
	return truly
}
