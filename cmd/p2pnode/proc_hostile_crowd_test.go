//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"p2pnode/wire"
)

// TestServerSurvivesACrowd lets a server with few file descriptors meet many clients that hold on to all they can get:
// connections without a stream, uploads that stop in the middle, first frames that never end, and idle HTTP.
func TestServerSurvivesACrowd(t *testing.T) {
	on := newLAN(t, "n1", "crowd1", "crowd2", "crowd3", "client")
	c := &crew{lab: newLab(t), lan: on, homes: map[*proc]*host{}}
	n1 := c.hire("n1")
	n1.prefix = append(n1.prefix, "sh", "-c", `ulimit -n 64; exec "$@"`, "sh")
	n1.start()
	c.agree(10 * time.Second)
	photo := c.photos()[0]
	image, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	wantExit(t, "a job before", c.hides(t.Context(), on.host("client"), photo, "before", "--timeout", "20s").outcome, 0)
	files, memory := n1.files(t), n1.memory(t, "VmRSS")

	m := mob{t: t, c: c, to: n1, image: image}
	for i := range 3 {
		m.gather(on.host(fmt.Sprintf("crowd%d", i+1)), times(170, 40))
	}
	m.idleHTTP(100)
	m.ended.Wait()
	t.Logf("%d clients: %d hold a connection, %d were turned away; %d files open, %d before; %d MB, %d before",
		m.came.Load(), m.held.Load(), m.came.Load()-m.held.Load(), n1.files(t), files, n1.memory(t, "VmRSS")>>20, memory>>20)
	if !n1.alive() {
		t.Fatalf("the server is gone: %s", n1.lastWords(500))
	}
	r := c.hides(t.Context(), on.host("client"), photo, "in the crowd", "--timeout", "60s")
	wantExit(t, "a job in the crowd", r.outcome, 0)
	t.Logf("a job in the crowd took %v and %d attempts", r.took.Round(time.Millisecond), r.Attempts)
	m.goHome()
	r = c.hides(t.Context(), on.host("client"), photo, "after", "--timeout", "60s")
	wantExit(t, "a job after the crowd", r.outcome, 0)
	t.Logf("a job after it took %v; %d MB", r.took.Round(time.Millisecond), n1.memory(t, "VmRSS")>>20)
}

// mob is many clients that take and do not give.
type mob struct {
	t     *testing.T
	c     *crew
	to    *proc
	image []byte

	ended      sync.WaitGroup
	came, held atomic.Int64

	mu    sync.Mutex
	leave []func() // guarded by mu
}

// gather has n clients of one host come at once.
func (m *mob) gather(h *host, n int) {
	for i := range n {
		s := m.c.stranger(m.t, h)
		q := request(m.t, secretOf(byte(i)), m.image, measured(m.t, m.image), "never finished")
		q.Secret[1], q.Secret[2] = byte(i), h.name[len(h.name)-1]
		m.ended.Go(func() { m.annoy(s, i, q) })
	}
}

// annoy opens a connection and holds it in one of several ways.
func (m *mob) annoy(s *stranger, i int, q wire.TaskRequest) {
	m.came.Add(1)
	conn, err := s.dial(m.c, m.to)
	if err != nil {
		return
	}
	m.held.Add(1)
	m.mu.Lock()
	m.leave = append(m.leave, func() { conn.CloseWithError(0, "") })
	m.mu.Unlock()
	stream, err := conn.OpenStream()
	if err != nil {
		return
	}
	stream.SetDeadline(time.Now().Add(time.Minute))
	switch i % 4 {
	case 0: // a stream that says nothing
	case 1:
		stream.Write([]byte{0, 0, 1}) // a frame that does not end
	case 2:
		stream.Write([]byte{3, 0, 0, 0, 1}) // a frame of 50 MB that does not come
	case 3:
		if wire.WriteFrame(stream, q) == nil {
			stream.Write(m.image[:len(m.image)/3])
		}
	}
}

// idleHTTP opens connections to the status page from the server's own host, and asks nothing.
func (m *mob) idleHTTP(n int) {
	for range n {
		err := m.c.homes[m.to].inside(func() error {
			conn, err := net.DialTimeout("tcp4", m.to.http, time.Second)
			if err == nil {
				m.leave = append(m.leave, func() { conn.Close() })
			}
			return err
		})
		if err != nil {
			return
		}
	}
}

func (m *mob) goHome() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.leave {
		f()
	}
}

// files counts the server's open file descriptors.
func (p *proc) files(t *testing.T) int {
	t.Helper()
	child, _ := p.process()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", child.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestServerSurvivesManyQuestions asks who leads, and for assignments that are never used, from very many ports.
func TestServerSurvivesManyQuestions(t *testing.T) {
	on := newLAN(t, "n1", "crowd", "client")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	n1 := c.procs[0]
	before := n1.memory(t, "VmRSS")
	f := on.host("crowd").forger(t)
	to := netip.AddrPortFrom(on.host("n1").addr, 47470)
	ep := wire.NewEndpoint(time.Now(), wire.EndpointConfig{Self: wire.NodeID{9}, Open: true})
	for i := range times(60_000, 15_000) {
		if err := ep.SendTo(time.Now(), to, wire.NodeID{}, wire.Boot{}, wire.KeyRef{Authority: wire.AuthorityOpen}, wire.LeaderQuery{Nonce: uint64(i)}); err != nil {
			t.Fatal(err)
		}
		for _, d := range ep.Take() {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(i >> 8), byte(i)}), uint16(1024+i%60000))
			if err := f.send(captured{from: from, to: to, data: d.Data}); err != nil && err != unix.EINVAL {
				t.Fatal(err)
			}
		}
	}
	r := c.hides(t.Context(), on.host("client"), c.photos()[0], "right after", "--timeout", "60s")
	wantExit(t, "a job right after a flood of questions", r.outcome, 0)
	after := n1.memory(t, "VmRSS")
	t.Logf("memory %d MB before, %d MB after; the next job took %v", before>>20, after>>20, r.took.Round(time.Millisecond))
	if after > before+64<<20 {
		t.Errorf("the server grew from %d to %d MB", before>>20, after>>20)
	}
}
