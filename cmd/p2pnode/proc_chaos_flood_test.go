//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"p2pnode/wire"
)

const (
	floodRate  = 50_000 // datagrams a second
	floodBatch = 250    // sent without a look at the clock
	floodPool  = 4096   // different ones
)

// flood sends garbage, what was overheard, and questions as strangers ask them to both ports of one server.
func (c *chaos) flood(r *rand.Rand, lasts time.Duration) (string, func()) {
	victim := c.anyone(r).p
	pool := c.floodPool(r, victim)
	send, done, err := c.pour()
	if err != nil {
		c.t.Fatalf("flood: %v", err)
	}
	ctx, stop := context.WithCancel(c.ctx)
	sent := make(chan int)
	began := time.Now()
	go func() { sent <- pace(ctx, pool, send) }()
	return fmt.Sprintf("%s, %d datagrams a second", victim.name, floodRate), func() {
		stop()
		n := <-sent
		c.say("    flood: %d datagrams, %.0f a second", n, float64(n)/time.Since(began).Seconds())
		done()
	}
}

// pace sends a pool again and again, at the rate of a flood or as fast as the machine can.
func pace(ctx context.Context, pool []captured, send func(captured)) (sent int) {
	for began := time.Now(); ctx.Err() == nil; {
		for range floodBatch {
			send(pool[sent%len(pool)])
			sent++
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(began.Add(time.Duration(sent) * time.Second / floodRate))):
		}
	}
	return sent
}

// pour is how one datagram is sent: under any source from a host of strangers, or from a port of this machine.
func (c *chaos) pour() (send func(captured), done func(), err error) {
	if c.raw != nil {
		return func(d captured) { c.raw.send(d) }, func() {}, nil
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	return func(d captured) { conn.WriteToUDPAddrPort(d.data, d.to) }, func() { conn.Close() }, nil
}

// floodPool mixes the tricks of a hostile host with questions that are well formed, and with what the victim was heard to
// be told, by whom it was told it.
func (c *chaos) floodPool(r *rand.Rand, victim *proc) (pool []captured) {
	control, data := c.address(victim)
	questions := c.questions(floodPool / 8)
	heard, told := c.heard, fromAnyTo(c.heard, control.Addr())
	if len(heard) == 0 {
		heard = questions
	}
	for i := range floodPool {
		d := captured{from: netip.AddrPortFrom(c.strangers(), attackPort(i%50)), to: control}
		switch n := i % (len(tricks) + 2); {
		case n < len(tricks):
			d.data = tricks[n].make(r, heard)
		case n == len(tricks) || len(told) == 0:
			d.data = questions[i%len(questions)].data
		default:
			d = told[r.IntN(len(told))]
		}
		if i/(len(tricks)+2)%2 == 1 {
			d.to = data
		}
		pool = append(pool, d)
	}
	return pool
}

// fromAnyTo picks the datagrams to an address.
func fromAnyTo(all []captured, to netip.Addr) (some []captured) {
	for _, d := range all {
		if d.to.Addr() == to {
			some = append(some, d)
		}
	}
	return some
}

// questions are datagrams that ask who leads, as any client may.
func (c *chaos) questions(n int) (all []captured) {
	ep := wire.NewEndpoint(time.Now(), wire.EndpointConfig{Self: wire.NodeID{9}, Open: true})
	for i := range n {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, 0, 1}), uint16(1024+i))
		if err := ep.SendTo(time.Now(), to, wire.NodeID{}, wire.Boot{}, wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{Nonce: uint64(i)}); err != nil {
			c.t.Fatal(err)
		}
		for _, d := range ep.Take() {
			all = append(all, captured{data: d.Data})
		}
	}
	return all
}

// address is where a server hears datagrams and QUIC.
func (c *chaos) address(p *proc) (control, data netip.AddrPort) {
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if h := c.homes[p]; h != nil {
		ip = h.addr
	}
	port := func(flag string) uint16 {
		_, text, err := net.SplitHostPort(p.args[slices.Index(p.args, flag)+1])
		n, err2 := strconv.ParseUint(text, 10, 16)
		if err != nil || err2 != nil {
			c.t.Fatalf("%s of %s: %v, %v", flag, p.name, err, err2)
		}
		return uint16(n)
	}
	return netip.AddrPortFrom(ip, port("--listen")), netip.AddrPortFrom(ip, port("--data"))
}

// strangers is the address of those who belong to nobody.
func (c *chaos) strangers() netip.Addr {
	if c.lan == nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return c.lan.host("crowd").addr
}
