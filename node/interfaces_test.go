package node

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestTargetsReachEverybodyOnALink(t *testing.T) {
	for _, c := range []struct {
		link link
		want string
	}{
		{link{Name: "lo", loopback: true, Prefixes: prefixes("127.0.0.1/8")}, "127.255.255.255 127.0.0.1"},
		{link{Name: "eth0", Prefixes: prefixes("192.168.7.20/24")}, "192.168.7.255 255.255.255.255"},
		{link{Name: "eth0", Prefixes: prefixes("10.1.130.9/19")}, "10.1.159.255 255.255.255.255"},
		{link{Name: "ppp0", Prefixes: prefixes("10.1.2.3/32")}, "255.255.255.255"},
		{link{Name: "eth1", Prefixes: prefixes("fe80::1/64", "2001:db8::1/64")}, "ff12::7032:706e%eth1"},
	} {
		got := strings.Trim(fmt.Sprint(c.link.targets()), "[]")
		if got != c.want {
			t.Errorf("%s %v: targets %s, want %s", c.link.Name, c.link.Prefixes, got, c.want)
		}
	}
}

func TestTargetsCoverAllPortsOnce(t *testing.T) {
	got := targets([]link{
		{Name: "eth0", Prefixes: prefixes("192.168.7.20/24")}, {Name: "eth1", Prefixes: prefixes("192.168.8.20/24")},
	})
	slices.SortFunc(got, netip.AddrPort.Compare)
	if len(got) != 3*portCount || len(slices.Compact(got)) != len(got) {
		t.Errorf("%d targets, want three addresses on ten ports, each once", len(got))
	}
}

func TestContainerInterfacesAreSkippedUnlessAlone(t *testing.T) {
	lo, eth := link{Name: "lo", loopback: true}, link{Name: "eth0"}
	docker, veth := link{Name: "docker0"}, link{Name: "veth12ab"}
	for _, c := range []struct {
		found []link
		want  string
	}{
		{[]link{lo, docker, eth, veth}, "lo eth0"},
		{[]link{lo, veth}, "lo veth12ab"},
		{[]link{lo}, "lo"},
	} {
		var names []string
		for _, l := range unskipped(c.found) {
			names = append(names, l.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("unskipped = %s, want %s", got, c.want)
		}
	}
}

func TestLinksByName(t *testing.T) {
	if _, err := links([]string{"nosuch0"}); err == nil {
		t.Error("an interface that is not there was found")
	}
	on, err := links(nil)
	if err != nil || !slices.ContainsFunc(on, func(l link) bool { return l.loopback }) {
		t.Errorf("links = %v, %v, want loopback among them", on, err)
	}
}

func TestLinkOfAnAddress(t *testing.T) {
	on := []link{
		{Name: "lo", loopback: true}, {Name: "eth0", Prefixes: prefixes("192.168.7.20/24")},
		{Name: "eth1", Prefixes: prefixes("fe80::1/64")},
	}
	for addr, want := range map[string]string{
		"127.0.0.3": "lo", "192.168.7.99": "eth0", "::ffff:192.168.7.99": "eth0", "192.168.8.1": "", "fe80::2%eth1": "eth1",
	} {
		if l, _ := linkOf(on, netip.MustParseAddr(addr)); l.Name != want {
			t.Errorf("linkOf(%s) = %q, want %q", addr, l.Name, want)
		}
	}
}

// A client prefers the way it came, then its own subnets, and never takes another host's loopback.
func TestPreferredAddresses(t *testing.T) {
	on := []link{{Name: "lo", loopback: true}, {Name: "eth0", Prefixes: prefixes("192.168.7.20/24")}}
	list := []netip.AddrPort{
		netip.MustParseAddrPort("10.9.9.9:1"), netip.MustParseAddrPort("127.0.0.1:1"),
		netip.MustParseAddrPort("192.168.7.5:1"), netip.MustParseAddrPort("0.0.0.0:1"),
	}
	for via, want := range map[string]string{
		"192.168.7.1": "[192.168.7.5:1 10.9.9.9:1]",
		"10.9.9.9":    "[10.9.9.9:1 192.168.7.5:1]",
		"127.0.0.1":   "[127.0.0.1:1 192.168.7.5:1 10.9.9.9:1]",
	} {
		if got := fmt.Sprint(preferred(list, netip.MustParseAddr(via), on)); got != want {
			t.Errorf("reached over %s: %s, want %s", via, got, want)
		}
	}
}

// What is sent to the loopback broadcast arrives at a socket bound to any address.
func TestLoopbackBroadcastArrives(t *testing.T) {
	server, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	on, err := links(nil)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(loopbackTargets[0], addrPort(server.LocalAddr()).Port())
	if err := sendOn(client, on, to, []byte("anybody?")); err != nil {
		t.Fatalf("sendOn(%v): %v", to, err)
	}
	buf := make([]byte, 100)
	n, _, err := server.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "anybody?" {
		t.Errorf("ReadFrom = %q, %v", buf[:n], err)
	}
}
