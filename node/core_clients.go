package node

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"p2pnode/wire"
)

// caller is how to answer a client: everything its last question said of where it is.
type caller struct {
	event wire.Event
	owner []byte
	at    time.Time
}

const (
	maxCallers    = 16384
	callerKept    = 10 * time.Minute
	cookieEvery   = time.Minute
	clientNameMax = 64
	maxListed     = 16 // nodes in a LeaderResponse, if there is room
)

// clientSays handles what a client may say. Under the open key anybody may: nothing here changes state before the cookie
// has shown that the source address is real.
func (c *core) clientSays(now time.Time, e wire.Event) {
	switch m := e.Message.(type) {
	case wire.LeaderQuery:
		c.lead(now, e, m)
	case wire.TaskAssignmentRequest:
		if c.known(now, e, m.Cookie) && c.novel(now, e) {
			c.assignment(now, e, m)
		}
	case wire.TaskStatusQuery:
		if c.known(now, e, m.Cookie) && c.novel(now, e) {
			c.jobStatus(now, e, m)
		}
	}
}

// lead answers LeaderQuery: who leads, who is there, and a cookie for what comes next.
func (c *core) lead(now time.Time, e wire.Event, m wire.LeaderQuery) {
	epoch, leader, _, _ := c.elect.Beat()
	known := c.cfg.idents()[e.Key.Index()] // by whose key it was asked
	r := wire.LeaderResponse{
		Nonce: m.Nonce, Leader: leader, Epoch: epoch, Cluster: known.Cluster, Label: c.cfg.Cluster,
		Authority: known.Authority, Cookie: c.cookieFor(now, e.Addr), Token: !c.cfg.OpenClients,
	}
	if e.Authority == wire.AuthorityOpen { // a token says which cluster it is of
		r.Kin = c.cfg.kin()
	}
	r.Nodes = append(r.Nodes, c.node(c.cfg.self))
	if leader != c.cfg.self && !leader.IsZero() {
		r.Nodes = append(r.Nodes, c.node(leader))
	}
	for _, p := range c.live() {
		if p.id != leader && len(r.Nodes) < maxListed {
			r.Nodes = append(r.Nodes, c.node(p.id))
		}
	}
	for len(r.Nodes) > 1 && wire.Size(r) > e.Room {
		r.Nodes = r.Nodes[:len(r.Nodes)-1]
	}
	c.reply(now, caller{event: e}, r)
}

// assignment sends a client on to the leader, or assigns.
func (c *core) assignment(now time.Time, e wire.Event, m wire.TaskAssignmentRequest) {
	w := caller{event: e, owner: ownerOf(e.Addr.Addr()), at: now}
	if len(c.callers) >= maxCallers && c.callers[m.Job].at.IsZero() {
		c.decline(now, w, m.Job, wire.CodeBusy, 2*time.Second, "too many clients at once")
		return
	}
	if len(m.Client) > clientNameMax {
		m.Client = m.Client[:clientNameMax]
	}
	epoch, leader, _, _ := c.elect.Beat()
	switch {
	case c.stopping && leader.IsZero():
		c.decline(now, w, m.Job, wire.CodeBusy, time.Second/4, "this server is stopping")
	case leader == c.cfg.self:
		c.assignFor(now, w, m)
	case leader.IsZero() && c.elect.Ready(now) == wire.CodeNoQuorum:
		c.decline(now, w, m.Job, wire.CodeNoQuorum, time.Second/4, c.whyNot(wire.CodeNoQuorum))
	case leader.IsZero():
		c.reply(now, w, wire.NotLeader{Job: m.Job, Epoch: epoch})
	default:
		c.reply(now, w, wire.NotLeader{Job: m.Job, Leader: c.node(leader), Epoch: epoch})
	}
}

// jobStatus answers TaskStatusQuery from the ledger.
func (c *core) jobStatus(now time.Time, e wire.Event, m wire.TaskStatusQuery) {
	w := caller{event: e, at: now}
	r, ok := c.ledger.Get(m.Job)
	if !ok {
		c.reply(now, w, wire.TaskStatusResponse{Job: m.Job})
		return
	}
	c.seen(now, m.Job)
	if c.lostResult(e, r) {
		c.move(now, r)
		r, _ = c.ledger.Get(m.Job)
	}
	c.reply(now, w, wire.TaskStatusResponse{
		Job: m.Job, State: r.State, Attempt: r.Attempt, Epoch: r.Epoch, Server: c.node(r.Server), Code: r.Code,
	})
}

// lostResult reports whether a client waits for a result whose server is dead: another has to make it again.
func (c *core) lostResult(e wire.Event, r wire.Record) bool {
	return c.reign.ready && r.State == wire.Done && !c.usable(r.Server, nil) && bytes.Equal(r.Owner, ownerOf(e.Addr.Addr()))
}

// decline answers a client with a typed refusal; retry zero: for good.
func (c *core) decline(now time.Time, w caller, job wire.JobID, code wire.Code, retry time.Duration, why string) {
	after := uint32((retry + time.Millisecond - 1) / time.Millisecond) // rounded up: zero would mean never
	c.reply(now, w, wire.Busy{Job: job, Code: code, RetryAfter: after, Detail: why})
}

// reply answers a client. An answer that would be larger than the question is not sent: the client's question is padded.
func (c *core) reply(now time.Time, w caller, m wire.Message) {
	c.ep.SendTo(now, w.event.Addr, w.event.Peer, w.event.Boot, w.event.Key, m)
}

// cookieFor makes the proof that whoever presents it receives at addr; it lasts one to two minutes.
func (c *core) cookieFor(now time.Time, addr netip.AddrPort) []byte {
	return c.cookie(addr, now.Unix()/int64(cookieEvery/time.Second))
}

func (c *core) cookie(addr netip.AddrPort, minute int64) []byte {
	mac := hmac.New(sha256.New, c.cfg.cookie[:])
	b, _ := addr.MarshalBinary()
	mac.Write(binary.BigEndian.AppendUint64(b, uint64(minute)))
	return mac.Sum(nil)[:16]
}

// known reports whether a cookie shows that the client receives where its datagram says it comes from.
func (c *core) known(now time.Time, e wire.Event, cookie []byte) bool {
	minute := now.Unix() / int64(cookieEvery/time.Second)
	return hmac.Equal(cookie, c.cookie(e.Addr, minute)) || hmac.Equal(cookie, c.cookie(e.Addr, minute-1))
}

func (c *core) forgetCallers(now time.Time) {
	for job, w := range c.callers {
		if now.Sub(w.at) > callerKept {
			delete(c.callers, job)
		}
	}
}

// ownerOf is what quotas count by: an IPv4 address, or the /64 an IPv6 address is in.
func ownerOf(a netip.Addr) []byte {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.AsSlice()
	}
	p, _ := a.Prefix(64)
	return p.Addr().AsSlice()[:8]
}

// node describes a server to a client: where we reach it, and where it says it is reached.
func (c *core) node(id wire.NodeID) wire.Node {
	if id == c.cfg.self {
		return wire.Node{ID: id, Name: c.cfg.Name, Control: c.cfg.control, Data: c.cfg.data}
	}
	p := c.peers[id]
	if p == nil {
		return wire.Node{ID: id}
	}
	return wire.Node{ID: id, Name: p.name, Control: reachable(p.seen(), p.listed), Data: reachable(p.seen(), p.data)}
}

// reachable turns a peer's own list into addresses a third can use: unspecified means where we see it. An address with a zone
// is good on this host only, and a message with one is none (PROTOCOL.md §1.2).
func reachable(seen netip.AddrPort, listed []netip.AddrPort) []netip.AddrPort {
	out := make([]netip.AddrPort, 0, len(listed))
	for _, a := range listed {
		if a.Addr().IsUnspecified() {
			a = netip.AddrPortFrom(seen.Addr(), a.Port())
		}
		if a.Addr().Zone() == "" && !contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

func contains(as []netip.AddrPort, a netip.AddrPort) bool {
	for _, x := range as {
		if x == a {
			return true
		}
	}
	return false
}
