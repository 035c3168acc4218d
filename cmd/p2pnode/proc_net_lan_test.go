//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lan is a switch with hosts on it: network namespaces on a bridge, which is in a namespace of its own. Nothing in it
// reaches the machine it runs on, nor has it a default route.
type lan struct {
	t      *testing.T
	prefix string
	hub    string // the namespace of the bridge
	hosts  []*host

	imposed int // rules so far
}

// host is a network namespace.
type host struct {
	name string // without spaces; a server's --name too
	ns   string
	port string // its interface at the hub
	addr netip.Addr
}

// prefix runs a command on this host; that is this machine, for a nil host.
func (h *host) prefix() []string {
	if h == nil {
		return nil
	}
	return []string{"ip", "netns", "exec", h.ns}
}

// requireNet skips tests with real processes that nobody asked for, or that lack the rights to make networks.
func requireNet(t *testing.T) {
	t.Helper()
	switch {
	case os.Getenv(procEnv) != "1":
		t.Skipf("%s=1 runs the tests with real processes", procEnv)
	case os.Getuid() != 0:
		t.Skip("network namespaces: needs root")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("network namespaces: needs %s", tool)
		}
	}
}

const lanPrefix = "p2pt"

// newLAN makes a switch with these hosts, 10.77.0.1 the first of them. It is gone when the test ends.
func newLAN(t *testing.T, names ...string) *lan {
	t.Helper()
	requireNet(t)
	forgetDeadLANs(t)
	l := &lan{t: t, prefix: fmt.Sprintf("%s%d-", lanPrefix, os.Getpid())}
	l.hub = l.namespace("hub")
	ipIn(t, l.hub, "link add br0 type bridge")
	ipIn(t, l.hub, "link set br0 up")
	for _, name := range names {
		l.plug(name)
	}
	return l
}

// forgetDeadLANs removes what test processes that were killed have left.
func forgetDeadLANs(t *testing.T) {
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, _, _ := strings.Cut(strings.TrimPrefix(e.Name(), lanPrefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && strings.HasPrefix(e.Name(), lanPrefix) && unix.Kill(n, 0) == unix.ESRCH {
			must(t, "ip", "netns", "del", e.Name())
		}
	}
}

// namespace makes a network namespace for as long as the test runs.
func (l *lan) namespace(name string) string {
	l.t.Helper()
	ns := l.prefix + name
	must(l.t, "ip", "netns", "add", ns)
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", ns).Run() })
	ipIn(l.t, ns, "link set lo up")
	return ns
}

// plug adds a host.
func (l *lan) plug(name string) *host {
	l.t.Helper()
	h := &host{name: name, ns: l.namespace(name), port: "to-" + name}
	h.addr = netip.AddrFrom4([4]byte{10, 77, 0, byte(len(l.hosts) + 1)})
	ipIn(l.t, l.hub, "link add "+h.port+" type veth peer name eth0 netns "+h.ns)
	ipIn(l.t, l.hub, "link set "+h.port+" master br0 up")
	ipIn(l.t, h.ns, "addr add "+h.addr.String()+"/24 brd + dev eth0")
	ipIn(l.t, h.ns, "link set eth0 up")
	l.hosts = append(l.hosts, h)
	return h
}

// host finds a host by name.
func (l *lan) host(name string) *host {
	l.t.Helper()
	i := slices.IndexFunc(l.hosts, func(h *host) bool { return h.name == name })
	if i < 0 {
		l.t.Fatalf("no host %q on this LAN", name)
	}
	return l.hosts[i]
}

// wire connects two hosts by a cable of their own, outside the switch, in 10.78.0.0/24.
func (l *lan) wire(a, b *host) {
	l.t.Helper()
	ipIn(l.t, a.ns, "link add cable type veth peer name cable netns "+b.ns)
	for i, h := range []*host{a, b} {
		ipIn(l.t, h.ns, fmt.Sprintf("addr add 10.78.0.%d/24 brd + dev cable", i+1))
		ipIn(l.t, h.ns, "link set cable up")
	}
}

// cut drops everything between these hosts and the others, until heal.
func (l *lan) cut(names ...string) {
	l.t.Helper()
	var inside, outside []string
	for _, h := range l.hosts {
		if slices.Contains(names, h.name) {
			inside = append(inside, strconv.Quote(h.port))
		} else {
			outside = append(outside, strconv.Quote(h.port))
		}
	}
	a, b := strings.Join(inside, ", "), strings.Join(outside, ", ")
	rules := fmt.Sprintf("table bridge cut {\n chain forward {\n  type filter hook forward priority 0;\n"+
		"  iifname { %s } oifname { %s } drop;\n  iifname { %s } oifname { %s } drop;\n }\n}\n", a, b, b, a)
	c := exec.Command("ip", "netns", "exec", l.hub, "nft", "-f", "-")
	c.Stdin = strings.NewReader(rules)
	if out, err := c.CombinedOutput(); err != nil {
		l.t.Fatalf("nft: %v\n%s", err, out)
	}
}

// heal ends cut.
func (l *lan) heal() {
	l.t.Helper()
	must(l.t, "ip", "netns", "exec", l.hub, "nft", "delete", "table", "bridge", "cut")
}

// inside runs f on a thread that is in this host's network: a socket made by f stays there.
func (h *host) inside(f func() error) error {
	if h == nil {
		return f()
	}
	return within(h.ns, f)
}

// within is inside for any namespace.
func within(ns string, f func() error) (err error) {
	runtime.LockOSThread() // left locked when the way back fails: the thread then ends with its goroutine
	back, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer back.Close()
	there, err := os.Open("/run/netns/" + ns)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", ns, err)
	}
	err = f()
	if e := unix.Setns(int(back.Fd()), unix.CLONE_NEWNET); e != nil {
		return fmt.Errorf("leave %s: %w", ns, e)
	}
	runtime.UnlockOSThread()
	return err
}

func ipIn(t *testing.T, ns, words string) {
	t.Helper()
	must(t, "ip", append([]string{"-n", ns}, strings.Fields(words)...)...)
}

// must runs a program that has to succeed.
func must(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
