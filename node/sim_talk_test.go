package node

import (
	"math"

	"p2pnode/wire"
)

// talk makes messages of every kind a peer may say, with values that are plausible, and with extreme ones.
type talk struct{ r *swarmRun }

func (k talk) anything() wire.Message {
	if k.r.s.rotation > 0 && k.r.rand.IntN(4) == 0 {
		return k.rotation()
	}
	phase := wire.Phase(1 + k.r.rand.IntN(2))
	switch k.r.rand.IntN(17) {
	case 0:
		return wire.Election{Phase: phase, Epoch: k.number(), Priority: wire.Priority{Bucket: uint8(k.number()), ID: k.node()}}
	case 1:
		return wire.Coordinator{Epoch: k.number(), Leader: k.node(), Priority: wire.Priority{Bucket: uint8(k.number()), ID: k.node()}}
	case 2:
		return wire.Alive{Phase: phase, Epoch: k.number()}
	case 3:
		return wire.Grant{Phase: phase, Epoch: k.number()}
	case 4:
		return wire.LeaderAlive{Phase: phase, Epoch: k.number(), Leader: k.node(), Reign: k.number()}
	case 5:
		return wire.EpochBehind{Phase: wire.Phase(k.r.rand.IntN(3)), Epoch: k.number(), Promised: k.number()}
	case 6:
		return wire.Ping{Sequence: k.number(), Epoch: k.number(), Leader: k.node()}
	case 7:
		return wire.Pong{Sequence: k.number(), Epoch: k.number(), Leader: k.node(), Target: k.node()}
	case 8:
		return wire.PingReq{Target: k.node(), Sequence: k.number()}
	case 9:
		return wire.Leave{Epoch: k.number()}
	case 10:
		return wire.HistoryDigest{Buckets: []uint64{k.number(), k.number()}}
	case 11:
		return wire.HistoryPull{Buckets: k.number(), Epoch: k.number()}
	case 12:
		return wire.HistoryChunk{Buckets: k.number(), Records: []wire.Record{k.record()}, More: k.r.rand.IntN(2) == 0, Epoch: k.number()}
	case 13:
		return wire.HistoryRemove{Record: k.record()}
	case 14:
		return wire.HistoryAdd{Record: k.record()}
	}
	return wire.Heartbeat{
		Sequence: k.number(), Epoch: k.number(), Leader: k.node(), Role: wire.Role(k.r.rand.IntN(3)), Digest: k.number(), Count: uint32(k.number()),
		View: uint16(k.number()), Echo: k.number(), Load: wire.Load{Score: uint16(k.number()), CPU: uint16(k.number()), Active: uint16(k.number())},
	}
}

// number is an epoch or count: near what the cluster is at, or where counting ends.
func (k talk) number() uint64 {
	epoch, _, _, _ := k.epoch()
	switch k.r.rand.IntN(8) {
	case 0:
		return math.MaxUint64
	case 1:
		return math.MaxUint64 - 1
	case 2:
		return 1 << 63
	case 3:
		return epoch + 1<<k.r.rand.IntN(40)
	case 4:
		return uint64(k.r.rand.IntN(5))
	}
	return epoch + uint64(k.r.rand.IntN(4))
}

func (k talk) epoch() (epoch uint64, leader wire.NodeID, role wire.Role, echo uint64) {
	if x := k.r.any(); x.core != nil {
		return x.core.elect.Beat()
	}
	return 0, noNode, 0, 0
}

// node is a member's id, mostly.
func (k talk) node() wire.NodeID {
	if k.r.rand.IntN(4) == 0 {
		return IDOf("nobody")
	}
	return k.r.any().id
}

var noNode wire.NodeID

// record is one about a job of nobody, mostly: at times one about a client's, which is spoilt by that, and noted.
func (k talk) record() wire.Record {
	var job wire.JobID
	seeded{k.r.rand}.Read(job[:])
	if c := k.r.s.clients[0]; len(c.list) > 0 && k.r.rand.IntN(12) == 0 {
		job = c.list[k.r.rand.IntN(len(c.list))].id
	}
	return wire.Record{
		Job: job, Attempt: []uint32{0, 1, 2, 1 << 20, 1<<20 + 1, math.MaxUint32}[k.r.rand.IntN(6)], State: wire.State(k.r.rand.IntN(8)), Epoch: k.number(),
		Leader: k.node(), Server: k.node(), Client: "nobody", Owner: []byte{9}, Size: k.number(), Result: wire.Digest{9}, Code: wire.Code(k.r.rand.IntN(30)),
	}
}
