//go:build linux

package main

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The relay carries what hosts send, loses what it shall, and keeps it for as long as it shall.
func TestNetemRelay(t *testing.T) {
	on, r := newRelayedLAN(t, "a", "b")
	asks, echoes := on.host("a").datagrams(t), on.host("b").datagrams(t)
	go echo(echoes)
	if came, _ := roundTrips(t, asks, echoes, 1); came != 1 {
		t.Fatal("nothing came back through a perfect relay")
	}
	const count, delay = 400, 40 * time.Millisecond
	for _, p := range r.ports {
		if err := p.impose(strings.Fields("loss 20% delay " + delay.String())); err != nil {
			t.Fatal(err)
		}
	}
	came, soonest := roundTrips(t, asks, echoes, count)
	t.Logf("%d of %d round trips, the soonest in %v", came, count, soonest)
	if came < count/2 || came > count*4/5 { // 0.64 of them, and five standard deviations
		t.Errorf("%d of %d round trips at 20 %% loss", came, count)
	}
	if soonest < 2*delay {
		t.Errorf("a round trip took %v, less than twice %v", soonest, delay)
	}
}

// datagrams is a socket of this host.
func (h *host) datagrams(t *testing.T) (c *net.UDPConn) {
	t.Helper()
	err := h.inside(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(h.addr, 0)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echo sends every datagram back, until the socket is closed.
func echo(c *net.UDPConn) {
	buf := make([]byte, 64)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		c.WriteToUDPAddrPort(buf[:n], from)
	}
}

// roundTrips sends so many datagrams at once, and counts what comes back until nothing has come for a second.
func roundTrips(t *testing.T, from, to *net.UDPConn, count int) (came int, soonest time.Duration) {
	t.Helper()
	sent := time.Now()
	for range count {
		if _, err := from.WriteTo([]byte("there and back"), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 64)
	for {
		from.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := from.Read(buf); err != nil {
			return came, soonest
		}
		if came++; came == 1 {
			soonest = time.Since(sent)
		}
	}
}
