package node

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"p2pnode/wire"
)

// FuzzCore has a script decide what a core hears and when: messages of peers and clients with any values, replays,
// damaged and made-up datagrams, time, a slow disk, workers' calls, crashes. Whatever comes: no panic, no bound exceeded,
// no more bytes to an address that has proved nothing than came from it, no spinning.
func FuzzCore(f *testing.F) {
	for seed := range uint64(8) {
		r, data := rand.New(rand.NewPCG(seed, 9)), make([]byte, 400)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		data[0] = byte(seed)
		f.Add(slices.Clone(data))
		data[0] |= 32 // the same with rotation
		f.Add(data)
	}
	for key := range byte(3) { // every kind as short as it gets, greetings with a cookie, from outside any session
		data := []byte{0}
		for kind := range kinds {
			data = append(data, 0x89, key, byte(kind)%3, 5, 1, 1, byte(kind))
			data = append(data, 8, 8, 0, 1, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 0)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2000 {
			return
		}
		w := newCoreWorld(t, data)
		for len(w.script.rest) > 0 {
			w.step()
		}
		w.pass(2 * time.Second)
	})
}

// step does the next thing of the script.
func (w *coreWorld) step() {
	switch b := w.script.byte(); b % 16 {
	case 0, 1:
		w.pass(pick(&w.script, []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 2 * time.Second}))
	case 2, 3, 4, 5:
		p := pick(&w.script, w.peers)
		p.ep.Send(w.sim.now, w.config.self, w.message())
		w.turn()
	case 6:
		w.greet(pick(&w.script, w.peers))
	case 7, 8:
		w.acquaint()
		w.ask(w.client, w.client.cookie)
	case 9:
		if b >= 128 {
			w.scrawl()
			break
		}
		w.ask(w.stranger, w.script.bytes(16))
	case 10:
		w.replay()
	case 11:
		w.give(pick(&w.script, w.places()), w.script.bytes(int(w.script.byte())))
	case 12, 13:
		w.work()
	case 14:
		w.store(int(w.script.byte()) % 8)
		w.flush()
	case 15:
		w.upset()
	}
}

func (w *coreWorld) greet(p *fuzzPeer) {
	p.ep.Greet(w.sim.now, w.node.addr, pick(&w.script, []wire.NodeID{{}, w.config.self}))
	w.turn()
	w.turn()
}

// acquaint gets the client a cookie, if it has none that is good.
func (w *coreWorld) acquaint() {
	c := w.client
	if c.cookie != nil && w.sim.now.Sub(c.asked) < cookieEvery {
		return
	}
	c.asked = w.sim.now
	c.ep.SendTo(w.sim.now, w.node.addr, w.config.self, w.core.ep.Boot(), wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{})
	for _, d := range c.ep.Take() {
		w.say(c.addr, d.Data)
	}
}

// ask has a client say something, with a cookie or what it takes for one.
func (w *coreWorld) ask(c *fuzzClient, cookie []byte) {
	dest, boot := w.config.self, w.core.ep.Boot()
	var m wire.Message
	switch b := w.script.byte(); b % 8 {
	case 0, 1:
		m = wire.LeaderQuery{Nonce: uint64(b)}
	case 2, 3, 4:
		q := wire.TaskAssignmentRequest{Cookie: cookie, Job: w.jobID(), Client: "fuzz", Size: 1}
		for range w.script.byte() % 4 {
			q.Avoid = append(q.Avoid, w.nodeID())
		}
		m = q
	case 5:
		m = wire.TaskStatusQuery{Cookie: cookie, Job: w.jobID()}
	case 6:
		m = wire.Hello{MaxVersion: 1, Cookie: w.script.bytes(16)}
	default:
		m = w.message()
	}
	c.ep.SendTo(w.sim.now, w.node.addr, dest, boot, wire.KeyRef{Authority: wire.AuthorityOpen}, m)
	for _, d := range c.ep.Take() {
		w.say(c.addr, d.Data)
	}
}

// replay sends again what the core has heard before, from anywhere, whole or damaged.
func (w *coreWorld) replay() {
	if len(w.log) == 0 {
		return
	}
	p := append([]byte(nil), pick(&w.script, w.log)...)
	if b := w.script.byte(); b&3 == 3 {
		p[int(w.script.byte())*len(p)/256] ^= 1 << (b >> 5)
	}
	w.give(pick(&w.script, w.places()), p)
}

// work is what workers call.
func (w *coreWorld) work() {
	now, job := w.sim.now, w.jobID()
	switch w.script.byte() % 8 {
	case 0, 1, 2:
		w.core.begin(now, task{Job: job, Owner: []byte{w.script.byte() % 3}, Request: wire.TaskRequest{
			Attempt: uint32(w.number()), Epoch: w.number(), Leader: w.nodeID(), Size: w.number(), Image: wire.Digest{w.script.byte() % 3},
		}})
	case 3, 4:
		w.core.finish(now, job, outcome{Code: wire.Code(w.script.byte() % 4), Mine: Mine{Result: wire.Digest{1 + w.script.byte()%4}, Size: int64(w.script.byte()), Since: now}})
	case 5:
		w.core.close(now, job, pick(&w.script, []wire.State{wire.Acked, wire.Cancelled}))
	case 6:
		w.core.seen(now, job)
		w.core.status(now)
	case 7:
		w.core.sample(wire.Load{CPU: uint16(w.number()), Memory: uint16(w.number())})
		w.core.busy(int(w.script.byte()%3) - 1)
	}
	w.flush()
}

// upset does what happens rarely.
func (w *coreWorld) upset() {
	switch w.script.byte() % 12 {
	case 0, 1:
		w.boot()
	case 2, 3:
		w.rebirth(pick(&w.script, w.peers))
	case 4:
		w.deaf = !w.deaf
	case 5:
		w.slow = !w.slow
	case 6:
		w.obliging = !w.obliging
	case 7:
		w.core.late(w.sim.now, time.Duration(w.script.byte())*10*time.Millisecond)
	case 8:
		w.core.resume(w.sim.now)
	case 9:
		w.core.stop(w.sim.now)
	case 10:
		w.core.leave(w.sim.now)
	case 11:
		w.wake(w.sim.now.Add(pick(&w.script, []time.Duration{time.Minute, 11 * time.Minute, 2 * time.Hour, 25 * time.Hour, 60 * 24 * time.Hour})))
	}
	w.flush()
}
