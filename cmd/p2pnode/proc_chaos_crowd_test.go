//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

const (
	crowdSize  = 500
	crowdDoors = 10 // sockets that they come from
)

// throng is many clients that come at once, hold a connection each, and say what they have to say a byte at a time.
type throng struct {
	c       *chaos
	ctx     context.Context
	image   []byte
	info    stego.Info
	ended   sync.WaitGroup
	held    atomic.Int64
	trickle atomic.Int64 // bytes written
}

// crowd sends 500 slow clients to one server.
func (c *chaos) crowd(r *rand.Rand, lasts time.Duration) (string, func()) {
	victim := c.anyone(r).p
	image, err := os.ReadFile(c.clients.small)
	if err != nil {
		c.t.Fatal(err)
	}
	m := &throng{c: c, image: image, info: measured(c.t, image)}
	ctx, leave := context.WithCancel(c.ctx)
	m.ctx = ctx
	shut := m.come(victim)
	return victim.name, func() {
		leave()
		m.ended.Wait()
		shut()
		c.say("    %d of %d slow clients held a connection and trickled %d bytes", m.held.Load(), crowdSize, m.trickle.Load())
	}
}

// come has all of them dial through a few sockets on the host of strangers.
func (m *throng) come(victim *proc) (shut func()) {
	conf, err := node.ClientTLS(m.c.readToken().Authority, node.IDOf(victim.name))
	if err != nil {
		m.c.t.Fatal(err)
	}
	_, data := m.c.address(victim)
	var doors []*quic.Transport
	for d := range crowdDoors {
		door := m.c.door(d)
		doors = append(doors, door)
		for i := range crowdSize / crowdDoors {
			m.ended.Go(func() {
				ctx, cancel := context.WithTimeout(m.ctx, 10*time.Second)
				defer cancel()
				conn, err := door.Dial(ctx, net.UDPAddrFromAddrPort(data), conf.Clone(), &quic.Config{KeepAlivePeriod: time.Second})
				if err == nil {
					m.held.Add(1)
					m.dawdle(conn, d*crowdSize/crowdDoors+i)
				}
			})
		}
	}
	return func() {
		for _, door := range doors {
			door.Close()
			door.Conn.Close()
		}
	}
}

// door is a socket of strangers, each with an address of its own: a server takes few connections from one.
func (c *chaos) door(i int) *quic.Transport {
	var h *host
	at := net.IPv4(127, 0, 0, byte(2+i))
	if c.lan != nil {
		h, at = c.lan.host("crowd"), crowdAddress(i)
	}
	var conn net.PacketConn
	err := h.inside(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: at})
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return &quic.Transport{Conn: conn}
}

// crowdAddress is one of those that the host of strangers has.
func crowdAddress(i int) net.IP { return net.IPv4(10, 77, 0, byte(100+i)) }

// dawdle holds a connection until the crowd leaves.
func (m *throng) dawdle(conn *quic.Conn, i int) {
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStreamSync(m.ctx)
	if err != nil {
		return
	}
	stop := context.AfterFunc(m.ctx, func() { stream.CancelWrite(1) })
	defer stop()
	switch i % 4 {
	case 0: // a stream that says nothing
	case 1:
		m.drip(stream, []byte{0, 0, 1}) // a frame that does not end
	case 2:
		m.drip(stream, []byte{3, 0, 0, 0, 1}) // one of 50 MB that does not come
	case 3:
		m.c.clients.abandon()
		if wire.WriteFrame(stream, m.request(i)) == nil {
			m.drip(stream, m.image)
		}
	}
	<-m.ctx.Done()
}

// drip writes a byte every 200 ms.
func (m *throng) drip(s *quic.Stream, p []byte) {
	for i := range p {
		if _, err := s.Write(p[i : i+1]); err != nil {
			return
		}
		m.trickle.Add(1)
		select {
		case <-m.ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// request is a job that nobody assigned.
func (m *throng) request(i int) wire.TaskRequest {
	return request(m.c.t, fmt.Appendf(nil, "slow%012d", i), m.image, m.info, "never finished")
}

// idlers opens connections to a server's status page from its own host, and asks nothing.
func (c *chaos) idlers(p *proc, n int) (all []net.Conn) {
	for range n {
		err := c.homes[p].inside(func() error {
			conn, err := net.DialTimeout("tcp4", p.http, 200*time.Millisecond)
			if err == nil {
				all = append(all, conn)
			}
			return err
		})
		if err != nil {
			return all
		}
	}
	return all
}
