package node

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"p2pnode/wire"
)

const resolveTimeout = time.Second

func (cl *Client) newSearch() *search {
	return &search{trust: cl.trusted(), patient: len(cl.config.Servers) == 0}
}

// targets returns whom to ask who leads: the configured servers, or everybody on the interfaces.
func (cl *Client) targets(ctx context.Context) (to []netip.AddrPort, places string) {
	if len(cl.config.Servers) > 0 {
		return cl.resolve(ctx), strings.Join(cl.config.Servers, ", ")
	}
	on := cl.links()
	names := make([]string, len(on))
	for i, l := range on {
		names[i] = l.Name
	}
	to = targets(on)
	return to, fmt.Sprintf("%s on %s", amount(len(to), "address", "addresses"), cmp.Or(strings.Join(names, ", "), "no interface"))
}

// amount is a number of things, for people.
func amount(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// resolve looks the configured servers up; what cannot be resolved now is tried again next time.
func (cl *Client) resolve(ctx context.Context) (to []netip.AddrPort) {
	for _, s := range cl.config.Servers {
		addrs, err := resolve(ctx, s)
		if err != nil {
			cl.config.Log.Debug("server not resolved", "server", s, "error", err)
		}
		to = append(to, addrs...)
	}
	return to
}

// resolve looks host:port up. A host without a port is asked on all control ports.
func resolve(ctx context.Context, server string) ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host, port = strings.Trim(server, "[]"), ""
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, a := range addrs {
		some, err := withPorts(ctx, a.Unmap(), port)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func withPorts(ctx context.Context, a netip.Addr, port string) ([]netip.AddrPort, error) {
	if port != "" {
		n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
		return []netip.AddrPort{netip.AddrPortFrom(a, uint16(n))}, err
	}
	out := make([]netip.AddrPort, portCount)
	for i := range out {
		out[i] = netip.AddrPortFrom(a, uint16(controlPort+i))
	}
	return out, nil
}

// seek runs a search until it is done, fails, or ctx ends. step is called whenever something may have changed.
func (cl *Client) seek(ctx context.Context, s *search, events <-chan wire.Event, done func() bool, step func()) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := cl.mail.post(ctx, s.Take()); err != nil && ctx.Err() == nil {
			return err
		}
		if done() {
			return nil
		}
		if s.err != nil {
			return s.err
		}
		step()
		timer.Reset(time.Until(s.Deadline()))
		select {
		case e := <-events:
			s.Receive(time.Now(), e)
		case now := <-timer.C:
			if !now.Before(s.queryAt) {
				s.targets, s.places = cl.targets(ctx)
			}
			s.Advance(time.Now())
		case <-ctx.Done():
			return &SearchError{Reason: s.why(), Cause: ctx.Err(), Tried: s.tried()}
		}
	}
}

// Discover calls found once for every server that answers, with the best of its addresses, until ctx ends. That nobody
// answered is a *SearchError.
func (cl *Client) Discover(ctx context.Context, found func(Found)) error {
	events, err := cl.mail.subscribe(ctx)
	if err != nil {
		return err
	}
	defer cl.mail.unsubscribe(events)
	s := cl.newSearch()
	s.census = true
	s.targets, s.places = cl.targets(ctx)
	s.begin(time.Now())
	told := map[wire.NodeID]bool{}
	err = cl.seek(ctx, s, events, func() bool { return false }, func() { cl.announce(s, told, found, settleAfter) })
	cl.announce(s, told, found, 0)
	if len(told) > 0 && ctx.Err() != nil {
		return nil
	}
	return err
}

// announce tells of the servers that were first heard a while ago: by then the fastest of their addresses is known.
func (cl *Client) announce(s *search, told map[wire.NodeID]bool, found func(Found), age time.Duration) {
	fresh := slices.DeleteFunc(s.sorted(), func(v *server) bool { return told[v.node.ID] || time.Since(v.first) < age })
	slices.SortStableFunc(fresh, func(a, b *server) int {
		return cmp.Or(cmp.Compare(a.cluster.Name, b.cluster.Name), cmp.Compare(a.node.Name, b.node.Name))
	})
	for _, v := range fresh {
		told[v.node.ID] = true
		found(s.describe(v, cl.links()))
	}
}

// describe makes the row of one server.
func (s *search) describe(v *server, on []link) Found {
	f := Found{
		Node: v.node.ID, Name: v.node.Name, Cluster: v.cluster.Name, ClusterID: v.cluster.ID, Control: v.event.Addr.String(),
		RTT: v.rtt, Leader: v.leader == v.node.ID, LeaderName: s.nameOf(v.leader), Epoch: v.epoch,
		Token: v.answer.Token, Known: s.trust.pinned(v.cluster.ID),
	}
	if l, ok := linkOf(on, v.event.Addr.Addr()); ok {
		f.Interface = l.Name
	}
	return f
}

func (s *search) nameOf(id wire.NodeID) string {
	if v := s.servers[id]; v != nil {
		return v.node.Name
	}
	return s.hints[id].Name
}

// spokesman returns the server to ask for the status; nil: none yet. Nobody waits long for the leader's own answer.
func (s *search) spokesman(now time.Time) *server {
	if s.chosen == nil {
		return nil
	}
	if l := s.leader(); l != nil && s.patient {
		return l
	}
	if s.patient && now.Before(s.first.Add(leaderGrace)) {
		return nil
	}
	var best *server
	for _, v := range s.sorted() {
		meant := s.patient || slices.Contains(s.targets, v.event.Addr)
		if meant && v.cluster.ID == s.chosen.ID && (best == nil || v.rtt < best.rtt) {
			best = v
		}
	}
	return best
}

const leaderGrace = 50 * time.Millisecond

// contact describes how to reach a server that answered.
func (s *search) contact(v *server) *assignment {
	n := v.node
	n.Data = resolved(n.Data, v.event.Addr)
	return &assignment{
		TaskAssignmentResponse: wire.TaskAssignmentResponse{Server: n}, Cluster: v.cluster, Authority: v.authority,
		Former: s.formerOf(v.cluster.ID), Token: v.answer.Token, From: v.event.Addr,
	}
}
