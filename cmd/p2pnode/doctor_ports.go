package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// portKind is one of the three sockets of a server.
type portKind struct {
	name, network string
	first         int
}

var portKinds = []portKind{{"control", "udp", defaultControlPort}, {"data", "udp", defaultDataPort}, {"http", "tcp", firstHTTPPort}}

// portState is who has a port.
type portState struct {
	port    int
	taken   bool
	denied  error // why it cannot be had, where nobody has it
	pid     int   // of who has it; zero: not seen from here
	program string
	cluster string // id, of a p2pnode server
}

// ports tries the ports that serve would take.
func (d *doctor) ports(ctx context.Context) (found []finding) {
	servers := map[int]string{} // pid → cluster
	var kinds []portsWanted
	for _, k := range portKinds {
		w := d.wanted(k)
		for i := range w.states {
			d.inspect(ctx, k, w.host, &w.states[i])
			if s := w.states[i]; s.cluster != "" && s.pid != 0 {
				servers[s.pid] = s.cluster
			}
		}
		kinds = append(kinds, w)
	}
	for _, w := range kinds {
		for i := range w.states {
			w.states[i].cluster = or(w.states[i].cluster, servers[w.states[i].pid])
		}
		found = append(found, w.judge(d.place.holder)...)
	}
	return found
}

// portsWanted are the ports of one kind that serve would try.
type portsWanted struct {
	portKind
	host   string
	named  bool // one port was asked for, and no other will do
	states []portState
}

// wanted reads the flag of a kind: an address, one without a port, off, or nothing.
func (d *doctor) wanted(k portKind) portsWanted {
	w := portsWanted{portKind: k}
	flag := map[string]string{"control": "listen"}[k.name]
	value := d.c.String(or(flag, k.name))
	if value == "off" {
		return w
	}
	if k.name == "http" {
		w.host = "127.0.0.1"
	}
	if host, port, err := net.SplitHostPort(value); err == nil {
		w.host = host
		n, err := strconv.Atoi(port)
		if w.named = true; err == nil && n > 0 {
			w.states = []portState{{port: n}}
		}
		return w
	} else if value != "" {
		w.host = trimBrackets(value)
	}
	for i := range portsEach {
		w.states = append(w.states, portState{port: k.first + i})
	}
	return w
}

// inspect finds out who has a port.
func (d *doctor) inspect(ctx context.Context, k portKind, host string, s *portState) {
	err := tryPort(k.network, net.JoinHostPort(host, strconv.Itoa(s.port)))
	if err == nil {
		return
	}
	if !isTaken(err) {
		s.denied = err
		return
	}
	s.taken = true
	local, inode := d.socketAt(k.network, s.port)
	s.pid, s.program = d.processOf(inode)
	if k.name == "data" {
		s.cluster = d.clusterAt(ctx, local, s.port)
	}
}

// tryPort opens a port and closes it at once.
func tryPort(network, address string) error {
	if network == "tcp" {
		l, err := net.Listen(network, address)
		if err == nil {
			l.Close()
		}
		return err
	}
	c, err := net.ListenPacket(network, address)
	if err == nil {
		c.Close()
	}
	return err
}

// clusterAt asks who has a data port of this machine; empty: no p2pnode server.
func (d *doctor) clusterAt(ctx context.Context, local netip.Addr, port int) string {
	if !local.IsValid() || local.IsUnspecified() {
		local = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	client, err := d.asks(nil, nil)
	if err != nil {
		return ""
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	c, err := client.Identify(ctx, netip.AddrPortFrom(local, uint16(port)))
	if err != nil {
		return ""
	}
	return c.Cluster
}

// judge says what of the wanted ports is free. own is the pid of the server in this directory: its ports are its own.
func (w portsWanted) judge(own int) []finding {
	var taken []string
	free, mine := 0, 0
	for _, s := range w.states {
		switch {
		case s.denied != nil:
			return one(bad(fmt.Sprintf("%s port %d cannot be opened: %v", w.name, s.port, s.denied), "the address is not of this machine, or the port is reserved", "ip -br addr; p2pnode serve "+w.flag()+" :0"))
		case !s.taken:
			free++
		default:
			if own > 0 && s.pid == own {
				mine++
			}
			taken = append(taken, s.String())
		}
	}
	if len(w.states) > 0 && free+mine == 0 {
		return one(bad(fmt.Sprintf("%s: no port is free: %s", w.name, strings.Join(taken, ", ")), "other programs have them", fmt.Sprintf("sudo ss -lnp%c; p2pnode serve %s :0 (or another port)", w.network[0], w.flag())))
	}
	return one(good("%s: %s", w.name, w.summary(free, taken)))
}

func (w portsWanted) flag() string {
	if w.name == "control" {
		return "--listen"
	}
	return "--" + w.name
}

func (w portsWanted) summary(free int, taken []string) string {
	text := "any"
	switch {
	case len(w.states) == 1:
		text = fmt.Sprintf("port %d", w.states[0].port)
	case len(w.states) > 1:
		text = fmt.Sprintf("%d of %d-%d free", free, w.first, w.first+portsEach-1)
	}
	if len(taken) > 0 {
		text += "; taken: " + strings.Join(taken, ", ")
	}
	return text
}

// String names who has a port.
func (s portState) String() string {
	who := or(s.program, "a program not seen from here")
	if s.cluster != "" {
		who = fmt.Sprintf("p2pnode of cluster %.8s", s.cluster)
	}
	if s.pid > 0 {
		who += fmt.Sprintf(", pid %d", s.pid)
	}
	return fmt.Sprintf("%d (%s)", s.port, who)
}

// socketAt finds the socket at a port in the kernel's tables: where it is bound, and its number.
func (d *doctor) socketAt(network string, port int) (local netip.Addr, inode string) {
	for _, table := range []string{network, network + "6"} {
		content, err := os.ReadFile(filepath.Join(d.proc, "net", table))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(content), "\n") {
			f := strings.Fields(line) // sl local remote st tx:rx tr:when retrnsmt uid timeout inode …
			if len(f) < 10 || (network == "tcp" && f[3] != "0A") {
				continue
			}
			if a, err := kernelAddress(f[1]); err == nil && int(a.Port()) == port {
				return a.Addr(), f[9]
			}
		}
	}
	return netip.Addr{}, ""
}

// kernelAddress reads an address of /proc/net: words of four bytes, each in the machine's order, here little endian.
func kernelAddress(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%d bytes of address", len(raw))
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// processOf finds the process that has a socket; others' processes show theirs to root only.
func (d *doctor) processOf(inode string) (pid int, program string) {
	if inode == "" {
		return 0, ""
	}
	links, err := filepath.Glob(filepath.Join(d.proc, "[0-9]*", "fd", "*"))
	if err != nil {
		return 0, ""
	}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == "socket:["+inode+"]" {
			dir := filepath.Dir(filepath.Dir(l))
			pid, _ := strconv.Atoi(filepath.Base(dir))
			name, _ := os.ReadFile(filepath.Join(dir, "comm"))
			return pid, strings.TrimSpace(string(name))
		}
	}
	return 0, ""
}
