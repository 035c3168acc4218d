package node

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Interface is a network interface as discovery sees it.
type Interface struct {
	Name      string
	Addresses []netip.Prefix // with their subnets
	Loopback  bool
	Used      bool   // servers are looked for on it
	Reason    string // why it is not used; empty: it is
}

// Interfaces lists what this machine has and what discovery makes of it. If only is empty, every usable one is used.
func Interfaces(only []string) ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var out []Interface
	var found []link
	for _, i := range all {
		l, ok := usable(i)
		out = append(out, Interface{Name: l.Name, Addresses: l.Prefixes, Loopback: l.loopback, Reason: unusable(i.Flags, ok)})
		if ok {
			found = append(found, l)
		}
	}
	return chosen(out, found, only), nil
}

// unusable says what usable found wrong; empty: nothing.
func unusable(flags net.Flags, ok bool) string {
	switch {
	case ok:
		return ""
	case flags&net.FlagUp == 0:
		return "down"
	case flags&(net.FlagBroadcast|net.FlagMulticast|net.FlagLoopback) == 0:
		return "cannot broadcast"
	}
	return "without an address"
}

// chosen marks what discovery uses, and says why not the rest.
func chosen(all []Interface, found []link, only []string) []Interface {
	used := unskipped(found)
	for i := range all {
		a := &all[i]
		is := func(l link) bool { return l.Name == a.Name }
		switch {
		case a.Reason != "":
		case len(only) > 0 && !slices.Contains(only, a.Name):
			a.Reason = "not among --interface"
		case len(only) == 0 && !slices.ContainsFunc(used, is):
			a.Reason = "of containers or a tunnel"
		default:
			a.Used = true
		}
	}
	return all
}
