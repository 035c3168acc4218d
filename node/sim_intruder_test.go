package node

import (
	"net/netip"

	"p2pnode/wire"
)

// intruder holds a key of clients, and says with it whatever a server would say, besides what a client may. It uses an
// endpoint that takes the clients' key for the peers': its greetings, and all else, are sealed as they should be.
type intruder struct {
	r    *swarmRun
	addr netip.AddrPort
	ep   *wire.Endpoint
	talk talk
}

func newIntruder(r *swarmRun, key wire.Key) *intruder {
	at := 1
	if key == wire.OpenKey {
		at = 2
	}
	a := &intruder{r: r, addr: attackerAt(at), talk: talk{r}}
	name := r.any().name
	a.ep = wire.NewEndpoint(r.s.now, wire.EndpointConfig{
		Self: IDOf(name), Hello: wire.Hello{MinVersion: 1, MaxVersion: 1, Name: name}, Rand: r.rand, Entropy: seeded{r.rand},
		Peer: []wire.Key{key},
	})
	r.s.net.Attach(a.addr)
	r.s.guests[spotOf(a.addr)] = func(from netip.AddrPort, p []byte) {
		a.ep.Receive(r.s.now, from, p)
		a.flush()
	}
	return a
}

func (a *intruder) act() {
	x := a.r.any()
	a.ep.Greet(a.r.s.now, x.addr, wire.NodeID{})
	for _, session := range a.ep.Sessions() {
		for range a.r.rand.IntN(3) {
			a.ep.Send(a.r.s.now, session.Peer, a.talk.anything())
		}
	}
	a.ep.Advance(a.r.s.now)
	a.flush()
}

// flush sends from the true address mostly: only there the answers come back.
func (a *intruder) flush() {
	a.ep.Events()
	for _, d := range a.ep.Take() {
		if a.r.rand.IntN(5) == 0 {
			a.r.s.net.Send(a.r.s.now, a.r.pretended(a.addr), d.To, d.Data) // no node has sent it, whatever it says
		} else {
			a.r.s.send(a.addr, d.To, d.Data)
		}
	}
}
