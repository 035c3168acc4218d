package node

import (
	"net/netip"
	"testing"

	"p2pnode/election"
	"p2pnode/wire"
)

// A peer that tells of more and more has few of them greeted, and not for long; and what it says makes nobody a peer.
func TestIntroductionsAreBounded(t *testing.T) {
	s := newSim(t, 1, 2, election.Available)
	s.startAll()
	s.settled()
	c, from := s.nodes[0].core, s.nodes[0].core.live()[0]
	now := s.local(s.nodes[0])
	for i := range 200 {
		n := wire.Node{ID: wire.NodeID{byte(i), 9}}
		for p := range 8 {
			n.Control = append(n.Control, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(i)}), uint16(1000+p)))
		}
		c.introduced(now, from, []wire.Node{n, {ID: c.cfg.self, Control: n.Control}, {ID: from.id, Control: n.Control}})
	}
	if got := len(c.greeting.strangers); got != maxStrangers {
		t.Errorf("%d strangers are greeted, want %d", got, maxStrangers)
	}
	sent := 0
	c.Take()
	c.greetStrangers(now)
	for _, d := range c.Take() {
		if d.To.Addr().As4()[1] == 9 {
			sent++
		}
	}
	if want := maxStrangers * maxMetAddresses; sent != want {
		t.Errorf("%d Hellos went out at once, want %d", sent, want)
	}
	if c.greetStrangers(now.Add(strangeFor)); len(c.greeting.strangers) != 0 || len(c.peers) != 1 {
		t.Errorf("%v later %d strangers and %d peers, want none and one", strangeFor, len(c.greeting.strangers), len(c.peers))
	}
}

func TestAddressesToldByAnother(t *testing.T) {
	at := netip.MustParseAddrPort
	told := []netip.AddrPort{at("127.0.0.1:47471"), at("10.0.0.3:47470"), at("0.0.0.0:5"), at("10.0.0.3:0"), at("224.0.0.1:5"), at("10.0.1.3:47470"), at("10.0.2.3:47470")}
	for teller, want := range map[string][]string{
		"10.0.0.2:47470":  {"10.0.0.2:47471", "10.0.0.3:47470", "10.0.1.3:47470"},
		"127.0.0.1:47470": {"127.0.0.1:47471", "10.0.0.3:47470", "10.0.1.3:47470"},
	} {
		got := seenFrom(at(teller), told)
		for i := range want {
			if len(got) != len(want) || got[i] != at(want[i]) {
				t.Fatalf("told by %s: %v, want %v", teller, got, want)
			}
		}
	}
}

// A peer whose session is at a link-local address is told of by the address at which it was before, for zones do not
// travel: a message with one would be none, and who asks would think that nobody answers.
func TestAddressesWithAZoneStayHere(t *testing.T) {
	s := newSim(t, 1, 3, election.Available)
	s.startAll()
	s.settled()
	c := s.nodes[0].core
	p := c.live()[0]
	at := netip.MustParseAddrPort
	anywhere := []netip.AddrPort{at("0.0.0.0:47470"), at("[::]:47470")}
	p.listed, p.data = anywhere, anywhere
	p.at(at("10.0.0.9:47470"))
	p.at(at("[fe80::9%eth0]:47470"))
	if n := c.node(p.id); len(n.Control) != 1 || n.Control[0] != at("10.0.0.9:47470") || len(n.Data) != 1 {
		t.Errorf("told as %+v, want where it was without a zone", n)
	}
	p.plain = netip.AddrPort{}
	if n := c.node(p.id); len(n.Control)+len(n.Data) != 0 {
		t.Errorf("told as %+v, want no address", n)
	}
	c.greeting.beats = introduceEvery
	h := c.heartbeat()
	if len(h.Met) == 0 {
		t.Fatal("nobody is introduced")
	}
	raw, err := wire.AppendMessage(nil, h)
	if err == nil {
		_, err = wire.ParseMessage(wire.KindHeartbeat, raw)
	}
	if err != nil {
		t.Errorf("the heartbeat is none: %v", err)
	}
}
