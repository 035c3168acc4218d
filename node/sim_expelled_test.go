package node

import (
	"net/netip"
	"slices"
	"time"

	"p2pnode/wire"
)

// expelled holds K_server, and is to be a server no more (SECURITY.md): while it is there it may disturb. It is a node of a name
// of its own, or says that it is one of the others. When it is gone the cluster has to be as if it had never been there.
type expelled struct {
	r     *swarmRun
	name  string
	addr  netip.AddrPort
	ep    *wire.Endpoint
	talk  talk
	boots int
}

func newExpelled(r *swarmRun) *expelled {
	e := &expelled{r: r, name: "expelled", addr: attackerAt(3), talk: talk{r}}
	if r.rand.IntN(3) == 0 {
		e.name = r.any().name
		r.check.lawless = true // it has a vote that is another's
		r.s.ended = func(x *simNode) {
			if x.name != e.name { // a node ends that finds its name taken
				r.check.fail("%s ends: %v", x.name, x.fatal)
			}
			r.again(x)
		}
	}
	e.boot()
	r.check.member[spotOf(e.addr)], r.siege.expelled = true, true
	r.s.net.Attach(e.addr)
	r.s.guests[spotOf(e.addr)] = func(from netip.AddrPort, p []byte) {
		if !r.siege.over {
			e.ep.Receive(r.s.now, from, p)
			e.flush()
		}
	}
	return e
}

// behind is how long it may take until every node believes what any has been driven to: one that was away meanwhile needs
// as long as the attack took (PROTOCOL.md §6 L6).
func (r *swarmRun) behind() time.Duration {
	if !r.siege.expelled {
		return 0
	}
	var horizons []uint64
	for _, x := range r.s.nodes {
		e := r.check.ear(x)
		horizons = append(horizons, e.promised>>32+uint64(r.s.local(x).Sub(e.born)/time.Second))
	}
	return time.Duration(slices.Max(horizons)-slices.Min(horizons)+1) * time.Second
}

// again starts a node after a while that has ended, as its service manager would.
func (r *swarmRun) again(x *simNode) {
	r.s.after(500*time.Millisecond, func() {
		if x.core == nil {
			r.s.start(x)
			r.check.event()
			r.due = r.s.now.Add(5*time.Second + r.behind())
		}
	})
}

func (e *expelled) boot() {
	e.boots++
	e.ep = wire.NewEndpoint(e.r.s.now, wire.EndpointConfig{
		Self: IDOf(e.name), Hello: wire.Hello{MinVersion: 1, MaxVersion: 1, Name: e.name}, Rand: e.r.rand, Entropy: seeded{e.r.rand},
		Peer: []wire.Key{simIdentity().Server}, Client: []wire.Key{simIdentity().Client},
	})
}

func (e *expelled) act() {
	r := e.r
	r.check.event()
	if r.rand.IntN(50) == 0 && e.boots < 4 { // nodes remember so many processes under a name, and no more (SECURITY.md)
		e.boot()
	}
	for _, x := range r.s.nodes {
		if _, open := e.ep.Session(x.id); !open && x.name != e.name {
			e.ep.Greet(r.s.now, x.addr, wire.NodeID{})
		}
	}
	for _, session := range e.ep.Sessions() {
		for range r.rand.IntN(3) {
			m := e.talk.anything()
			e.poison(m)
			r.s.log("expelled %s says %v %+v", e.name, m.Kind(), m)
			e.ep.Send(r.s.now, session.Peer, m)
		}
	}
	e.ep.Advance(r.s.now)
	e.flush()
}

// poison notes that a job's record is a lie from here on.
func (e *expelled) poison(m wire.Message) {
	switch m := m.(type) {
	case wire.HistoryAdd:
		e.r.check.poisoned[m.Record.Job] = true
	case wire.HistoryRemove:
		e.r.check.poisoned[m.Record.Job] = true
	case wire.HistoryChunk:
		e.r.check.poisoned[m.Records[0].Job] = true
	}
}

func (e *expelled) flush() {
	e.ep.Events()
	for _, d := range e.ep.Take() {
		e.r.s.send(e.addr, d.To, d.Data)
	}
}
