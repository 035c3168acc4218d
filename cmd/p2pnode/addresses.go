package main

import (
	"net"
	"net/netip"
	"strconv"
)

// defaultControlPort is where a server hears datagrams unless told otherwise (PROTOCOL.md §1).
const defaultControlPort = 47470

// Where servers take QUIC, and how many ports of each kind are tried.
const (
	defaultDataPort = 47480
	portsEach       = 10
)

// withPorts checks host:port words and adds the usual port to those without one.
func withPorts(words []string, port int) ([]string, error) {
	out := make([]string, len(words))
	for i, w := range words {
		host, p, err := net.SplitHostPort(w)
		if err != nil {
			host, p = trimBrackets(w), strconv.Itoa(port)
		}
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || host == "" {
			return nil, usagef("%q is not HOST:PORT", w)
		}
		out[i] = net.JoinHostPort(host, p)
	}
	return out, nil
}

func trimBrackets(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// addresses parses literal address:port words.
func addresses(flag string, words []string, port uint16) ([]netip.AddrPort, error) {
	var out []netip.AddrPort
	for _, w := range words {
		a, err := netip.ParseAddrPort(w)
		if ip, ipErr := netip.ParseAddr(trimBrackets(w)); err != nil && ipErr == nil {
			a, err = netip.AddrPortFrom(ip, port), nil
		}
		if err != nil || !a.IsValid() || a.Port() == 0 {
			return nil, usagef("--%s %q is not ADDRESS:PORT", flag, w)
		}
		out = append(out, a)
	}
	return out, nil
}

// reachable is an address of ours as programs on this host may use it: a socket
// bound to every address is reached over loopback.
func reachable(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := ap.Addr().Unmap()
	if ip.IsUnspecified() {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(ip, ap.Port()).String()
}
