//go:build linux

package main

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// relay is a switch that a kernel without netem has in this process: each host's interface is a TAP device, whose frames are
// read here, suffer what the host's shape says, and are written to the device of their destination. It is not tc netem: its
// timers are those of a process, and it copies frames; what it does to them is the same.
type relay struct {
	ports []*relayPort
	ended sync.WaitGroup
}

// relayPort is the relay's side of a host's interface.
type relayPort struct {
	tap  *os.File
	mac  [6]byte
	line line

	mu    sync.Mutex
	shape *shape // guarded by mu; nil: what is sent arrives
}

const largestFrame = 2048

// newRelayedLAN makes hosts like those of newLAN, on a relay in the place of a bridge.
func newRelayedLAN(t *testing.T, names ...string) (*lan, *relay) {
	t.Helper()
	requireNet(t)
	forgetDeadLANs(t)
	l, r := &lan{t: t, prefix: fmt.Sprintf("%s%d-", lanPrefix, os.Getpid())}, &relay{}
	for i, name := range names {
		h := &host{name: name, ns: l.namespace(name), addr: netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)})}
		p := &relayPort{mac: [6]byte{2, 0x70, 0x32, 0x70, 0, byte(i + 1)}, line: line{wake: make(chan struct{}, 1)}}
		var err error
		if p.tap, err = h.tap(); err != nil {
			t.Fatal(err)
		}
		ipIn(t, h.ns, fmt.Sprintf("link set eth0 address %x:%x:%x:%x:%x:%x", p.mac[0], p.mac[1], p.mac[2], p.mac[3], p.mac[4], p.mac[5]))
		ipIn(t, h.ns, "addr add "+h.addr.String()+"/24 brd + dev eth0")
		ipIn(t, h.ns, "link set eth0 up")
		l.hosts, r.ports = append(l.hosts, h), append(r.ports, p)
	}
	for _, p := range r.ports {
		r.ended.Go(func() { r.read(p) })
		r.ended.Go(func() { p.line.run(r.deliver) })
	}
	t.Cleanup(r.close)
	return l, r
}

// tap makes the host's interface, and returns the end that its frames come out of.
func (h *host) tap() (tap *os.File, err error) {
	err = h.inside(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open /dev/net/tun: %w", err)
		}
		q, err := unix.NewIfreq("eth0")
		if err == nil {
			q.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, q)
		}
		tap = os.NewFile(uintptr(fd), "tap") // not before: what has no interface yet cannot be waited for
		return err
	})
	return tap, err
}

// impose lets what the host sends suffer these conditions from now on.
func (p *relayPort) impose(words []string) error {
	s, err := readShape(words, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shape = s
	return err
}

// read takes a host's frames until its interface is closed.
func (r *relay) read(p *relayPort) {
	defer p.line.close()
	buf := make([]byte, largestFrame)
	for {
		n, err := p.tap.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		s := p.shape
		p.mu.Unlock()
		if s == nil {
			r.deliver(buf[:n])
			continue
		}
		now := time.Now()
		s.pass(now, buf[:n], func(frame []byte, wait time.Duration) {
			if wait == 0 {
				r.deliver(frame)
				return
			}
			p.line.push(frame, now.Add(wait), s.limit)
		})
	}
}

// deliver writes a frame to the interface it is for, or to all but its sender's. A full or closed one loses it.
func (r *relay) deliver(frame []byte) {
	if len(frame) < 14 {
		return
	}
	to, from := [6]byte(frame[:6]), [6]byte(frame[6:12])
	for _, p := range r.ports {
		if p.mac == to || to[0]&1 == 1 && p.mac != from {
			p.tap.Write(frame)
		}
	}
}

// close takes all hosts off the network, and waits for the relay's goroutines.
func (r *relay) close() {
	for _, p := range r.ports {
		p.tap.Close()
	}
	r.ended.Wait()
}

// line is the frames that are kept for a while, ordered by when they go on.
type line struct {
	wake chan struct{} // buffered: there is a new first frame, or the end

	mu     sync.Mutex
	kept   keptFrames // guarded by mu
	count  uint64     // guarded by mu
	closed bool       // guarded by mu
}

type keptFrame struct {
	frame  []byte
	at     time.Time
	number uint64 // frames of one time keep their order
}

// push keeps a frame until a time, if there are fewer than limit.
func (l *line) push(frame []byte, at time.Time, limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) >= limit {
		return
	}
	l.count++
	heap.Push(&l.kept, keptFrame{frame, at, l.count})
	if l.kept[0].number == l.count {
		l.stir()
	}
}

func (l *line) stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.stir()
}

// due takes the first frame if it is time, else says how long that will be.
func (l *line) due(now time.Time) (frame []byte, wait time.Duration, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, 0, true
	case len(l.kept) == 0:
		return nil, time.Hour, false
	case l.kept[0].at.After(now):
		return nil, l.kept[0].at.Sub(now), false
	}
	return heap.Pop(&l.kept).(keptFrame).frame, 0, false
}

// run delivers frames when it is time, until the end.
func (l *line) run(deliver func(frame []byte)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		frame, wait, closed := l.due(time.Now())
		if closed {
			return
		}
		if frame != nil {
			deliver(frame)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.wake:
		}
	}
}

// keptFrames is a heap.
type keptFrames []keptFrame

func (k keptFrames) Len() int      { return len(k) }
func (k keptFrames) Swap(i, j int) { k[i], k[j] = k[j], k[i] }
func (k keptFrames) Less(i, j int) bool {
	return k[i].at.Before(k[j].at) || k[i].at.Equal(k[j].at) && k[i].number < k[j].number
}
func (k *keptFrames) Push(x any) { *k = append(*k, x.(keptFrame)) }
func (k *keptFrames) Pop() any {
	last := len(*k) - 1
	f := (*k)[last]
	(*k)[last] = keptFrame{} // for the collector
	*k = (*k)[:last]
	return f
}
