package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Echo tells whether a broadcast of this machine was heard on this machine.
type Echo struct {
	Interface string
	To        netip.AddrPort // the broadcast address; port included
	Heard     bool
	Err       error // why it could not be sent; nil: it was
}

// echoMark begins what EchoBroadcasts sends. No datagram of the protocol begins so: servers drop it unread.
const echoMark = "p2pnode doctor "

// EchoBroadcasts sends a broadcast on every interface that discovery uses besides loopback, and listens for it until each
// was heard or ctx ends. It listens at a free control port, since that is what firewalls are told of, or else at any.
func EchoBroadcasts(ctx context.Context, only []string) ([]Echo, error) {
	on, err := links(only)
	if err != nil {
		return nil, err
	}
	ear, err := listenEcho()
	if err != nil {
		return nil, fmt.Errorf("listen for broadcasts: %w", err)
	}
	defer ear.Close()
	port := uint16(addrPort(ear.LocalAddr()).Port())
	tag := make([]byte, 16)
	rand.Read(tag)
	var out []Echo
	for _, l := range on {
		for _, a := range l.targets() {
			if l.broadcasts() && a.Is4() {
				out = append(out, Echo{Interface: l.Name, To: netip.AddrPortFrom(a, port)})
				e := &out[len(out)-1]
				e.Err = sendOn(ear, []link{l}, e.To, echoOf(tag, len(out)-1))
			}
		}
	}
	return out, hearEchoes(ctx, ear, tag, out)
}

// listenEcho binds a free control port, or any other. Linux lets IPv4 broadcasts reach such a socket only.
func listenEcho() (*net.UDPConn, error) {
	for port := controlPort; port < controlPort+portCount; port++ {
		if c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port}); err == nil {
			return c, nil
		}
	}
	return net.ListenUDP("udp4", nil)
}

// echoOf is the datagram of one echo.
func echoOf(tag []byte, number int) []byte {
	return strconv.AppendInt(append([]byte(echoMark), append(tag, ' ')...), int64(number), 10)
}

// hearEchoes marks the echoes that come in, until none is missing or ctx ends.
func hearEchoes(ctx context.Context, ear *net.UDPConn, tag []byte, out []Echo) error {
	defer context.AfterFunc(ctx, func() { ear.SetReadDeadline(past) })()
	missing := 0
	for _, e := range out {
		if e.Err == nil {
			missing++
		}
	}
	buf := make([]byte, 256)
	for missing > 0 {
		n, err := ear.Read(buf)
		var timeout net.Error
		switch {
		case ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout():
			return nil
		case err != nil:
			return fmt.Errorf("listen for broadcasts: %w", err)
		}
		if i := echoNumber(tag, buf[:n]); i >= 0 && i < len(out) && !out[i].Heard {
			out[i].Heard = true
			missing--
		}
	}
	return nil
}

// echoNumber reads an echo's datagram; -1: it is none of ours.
func echoNumber(tag, p []byte) int {
	rest, ok := bytes.CutPrefix(p, echoOf(tag, 0)[:len(echoMark)+len(tag)+1])
	if !ok {
		return -1
	}
	n, err := strconv.Atoi(string(rest))
	if err != nil || n < 0 {
		return -1
	}
	return n
}
