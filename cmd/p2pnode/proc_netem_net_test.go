//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
)

// netemByEnv chooses who makes the network bad: tc, relay, or, if empty, tc where the kernel can and else the relay.
const netemByEnv = "P2PNODE_NETEM_BY"

// netemNet is hosts whose network can be made bad.
type netemNet struct {
	*lan
	relay *relay // nil: tc does it
}

// newNetemNet makes hosts on a network that is perfect until impose.
func newNetemNet(t *testing.T, names ...string) netemNet {
	t.Helper()
	requireNet(t)
	by := os.Getenv(netemByEnv)
	if by != "relay" {
		err := tcNetem(t)
		if err == nil {
			t.Setenv("QUIC_GO_DISABLE_GSO", "true") // netem would lose what the kernel cuts into packets later as one
			on := newLAN(t, names...)
			on.acquaint()
			return netemNet{lan: on}
		}
		if by == "tc" {
			t.Skipf("netem: %v; `make netem-ci` runs it in a guest whose kernel can", err)
		}
		t.Logf("netem: %v: a user-space relay does its work", err)
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("netem: neither can the relay: %v", err)
	}
	on, r := newRelayedLAN(t, names...)
	on.acquaint()
	return netemNet{on, r}
}

// acquaint has hosts know each other's hardware addresses for good. They would ask for them by frames, and one in which a bit is flipped, which
// a wire's check sequence would stop and nothing here does, has others believe that a host is somewhere else for seconds: a fault that nobody ordered.
func (l *lan) acquaint() {
	l.t.Helper()
	for _, h := range l.hosts {
		mac := l.hardware(h)
		for _, other := range l.hosts {
			if other == h {
				continue
			}
			for _, at := range []netip.Addr{h.addr, linkLocal(mac)} {
				ipIn(l.t, other.ns, fmt.Sprintf("neigh replace %v lladdr %v dev eth0 nud permanent", at, mac))
			}
		}
	}
}

// hardware returns the address of a host's interface.
func (l *lan) hardware(h *host) (mac net.HardwareAddr) {
	l.t.Helper()
	err := h.inside(func() error {
		on, err := net.InterfaceByName("eth0")
		if err == nil {
			mac = on.HardwareAddr
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return mac
}

// linkLocal is the address that an interface has by itself: RFC 4291, appendix A.
func linkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}

// tcNetem says why tc cannot make a network bad here, if it cannot.
func tcNetem(t *testing.T) error {
	if _, err := exec.LookPath("tc"); err != nil {
		return fmt.Errorf("no tc, of the package iproute2")
	}
	ns := fmt.Sprintf("%s%d-try", lanPrefix, os.Getpid())
	must(t, "ip", "netns", "add", ns)
	defer exec.Command("ip", "netns", "del", ns).Run()
	if _, err := exec.Command("tc", "-n", ns, "qdisc", "add", "dev", "lo", "root", "netem", "loss", "1%").CombinedOutput(); err != nil {
		return fmt.Errorf("this kernel has no sch_netem")
	}
	return nil
}

// by is who makes this network bad, for people.
func (n netemNet) by() string {
	if n.relay != nil {
		return "a user-space relay (not tc netem)"
	}
	return "tc netem"
}

// impose makes it bad, for what these hosts send.
func (n netemNet) impose(words []string, hosts ...*host) {
	n.t.Helper()
	if n.relay != nil {
		for _, h := range hosts {
			if err := n.relay.ports[slices.Index(n.hosts, h)].impose(words); err != nil {
				n.t.Fatal(err)
			}
		}
		return
	}
	if !slices.Contains(words, "limit") {
		words = append([]string{"limit", strconv.Itoa(usualLimit)}, words...)
	}
	for _, h := range hosts {
		must(n.t, "tc", append([]string{"-n", h.ns, "qdisc", "add", "dev", "eth0", "root", "netem"}, words...)...)
	}
}
