package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Servers listen on one of ten ports of each kind, so that several run on one host (PROTOCOL.md §1).
const (
	controlPort = 47470
	dataPort    = 47480
	portCount   = 10
)

var (
	limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	loopbackTargets  = []netip.Addr{netip.AddrFrom4([4]byte{127, 255, 255, 255}), netip.AddrFrom4([4]byte{127, 0, 0, 1})}

	// multicastGroup is the transient link-local group that servers join for IPv6 discovery.
	multicastGroup = netip.MustParseAddr("ff12::7032:706e")
)

// skipped interfaces carry containers and tunnels: asking there finds nobody, unless there is nothing else.
var skipped = []string{"docker", "veth", "br-", "virbr", "tun"}

// link is one interface on which servers may be.
type link struct {
	Name     string
	Index    int
	Prefixes []netip.Prefix // its own addresses with their subnets
	loopback bool
}

// links returns the interfaces to ask on: those named by only, else all that are up and can broadcast, and loopback.
func links(only []string) ([]link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var found []link
	for _, i := range all {
		if l, ok := usable(i); ok {
			found = append(found, l)
		}
	}
	if len(only) > 0 {
		return named(found, only)
	}
	return unskipped(found), nil
}

func named(found []link, only []string) ([]link, error) {
	var some []link
	for _, name := range only {
		i := slices.IndexFunc(found, func(l link) bool { return l.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("node: no usable interface %q", name)
		}
		some = append(some, found[i])
	}
	return some, nil
}

// unskipped leaves out container and tunnel interfaces, unless they are all there is besides loopback.
func unskipped(found []link) []link {
	some := slices.DeleteFunc(slices.Clone(found), func(l link) bool { return container(l.Name) })
	if slices.ContainsFunc(some, func(l link) bool { return !l.loopback }) {
		return some
	}
	return found
}

func container(name string) bool {
	return slices.ContainsFunc(skipped, func(p string) bool { return strings.HasPrefix(name, p) })
}

func usable(i net.Interface) (link, bool) {
	l := link{Name: i.Name, Index: i.Index, loopback: i.Flags&net.FlagLoopback != 0}
	if i.Flags&net.FlagUp == 0 || i.Flags&(net.FlagBroadcast|net.FlagMulticast|net.FlagLoopback) == 0 {
		return l, false
	}
	addrs, err := i.Addrs()
	if err != nil {
		return l, false
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			l.Prefixes = append(l.Prefixes, prefixOf(n))
		}
	}
	return l, len(l.Prefixes) > 0
}

func prefixOf(n *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones)
}

// targets returns every address at which servers on these links may hear a question.
func targets(on []link) []netip.AddrPort {
	var addrs []netip.Addr
	add := func(a netip.Addr) {
		if !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	for _, l := range on {
		for _, a := range l.targets() {
			add(a)
		}
	}
	out := make([]netip.AddrPort, 0, len(addrs)*portCount)
	for _, a := range addrs {
		for p := range uint16(portCount) {
			out = append(out, netip.AddrPortFrom(a, controlPort+p))
		}
	}
	return out
}

// targets returns the addresses that reach everybody on one link.
func (l link) targets() []netip.Addr {
	if l.loopback {
		return loopbackTargets
	}
	var out []netip.Addr
	for _, p := range l.Prefixes {
		switch {
		case p.Addr().Is4() && p.Bits() < 31:
			out = append(out, directed(p), limitedBroadcast)
		case p.Addr().Is4():
			out = append(out, limitedBroadcast)
		case p.Addr().IsLinkLocalUnicast():
			out = append(out, multicastGroup.WithZone(l.Name))
		}
	}
	return out
}

// directed returns the broadcast address of an IPv4 subnet.
func directed(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// linkOf returns the link whose subnet holds addr; ok is false when none does.
func linkOf(on []link, addr netip.Addr) (l link, ok bool) {
	addr = addr.Unmap()
	for _, l := range on {
		if addr.Zone() == l.Name || l.holds(addr.WithZone("")) {
			return l, true
		}
	}
	return link{}, false
}

func (l link) holds(addr netip.Addr) bool {
	if l.loopback {
		return addr.IsLoopback()
	}
	return slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// sendOn sends one datagram. The limited broadcast goes out on every one of the links: by itself the kernel takes only
// the default route's. An error is returned only when nothing could be sent.
func sendOn(conn net.PacketConn, on []link, to netip.AddrPort, p []byte) error {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		_, err := conn.WriteTo(p, net.UDPAddrFromAddrPort(to))
		return err
	}
	if to.Addr() != limitedBroadcast {
		_, err := udp.WriteToUDPAddrPort(p, to)
		return err
	}
	var errs []error
	sent := false
	for _, l := range on {
		if !l.broadcasts() {
			continue
		}
		via := ipv4.ControlMessage{IfIndex: l.Index}
		_, _, err := udp.WriteMsgUDPAddrPort(p, via.Marshal(), to)
		sent = sent || err == nil
		errs = append(errs, err)
	}
	if sent {
		return nil
	}
	return errors.Join(errs...)
}

// broadcasts reports whether the limited broadcast may go out on l.
func (l link) broadcasts() bool {
	return !l.loopback && slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return p.Addr().Is4() })
}

// joinGroup makes a server's control socket hear IPv6 discovery on every link that has IPv6.
func joinGroup(conn *net.UDPConn, on []link) {
	p := ipv6.NewPacketConn(conn)
	for _, l := range on {
		if slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
			p.JoinGroup(&net.Interface{Index: l.Index, Name: l.Name}, &net.UDPAddr{IP: multicastGroup.AsSlice()}) // without, IPv4 still finds it
		}
	}
}

// gone reports whether a send failed because there is no way to that address now, which is as good as a lost datagram.
func gone(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETDOWN) ||
		errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENOBUFS)
}

// addrPort returns a UDP address in the form the core compares: IPv4 never mapped into IPv6.
func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		p := u.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	p, _ := netip.ParseAddrPort(a.String())
	return p
}
