//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// trick is one way to make a datagram that a server should not fall for. Each is played from a source port of its own, so
// that what it was answered can be counted.
type trick struct {
	name string
	make func(r *rand.Rand, heard []captured) []byte
}

var tricks = []trick{
	{"noise", func(r *rand.Rand, _ []captured) []byte { return noise(r, 1+r.IntN(1400)) }},
	{"our magic, then noise", func(r *rand.Rand, _ []captured) []byte {
		return append([]byte{0x0e, 'P', '2', 'N', 1, 0}, noise(r, r.IntN(1194))...)
	}},
	{"QUIC of unknown versions", func(r *rand.Rand, _ []captured) []byte {
		return append([]byte{0xc0 | byte(r.IntN(64))}, noise(r, 1252)...)
	}},
	{"QUIC short headers", func(r *rand.Rand, _ []captured) []byte {
		return append([]byte{0x40 | byte(r.IntN(64))}, noise(r, 30+r.IntN(1200))...)
	}},
	{"replayed", func(r *rand.Rand, heard []captured) []byte { return heard[r.IntN(len(heard))].data }},
	{"replayed with a bit flipped", func(r *rand.Rand, heard []captured) []byte {
		p := append([]byte(nil), heard[r.IntN(len(heard))].data...)
		p[r.IntN(len(p))] ^= 1 << r.IntN(8)
		return p
	}},
	{"replayed, cut off", func(r *rand.Rand, heard []captured) []byte {
		p := heard[r.IntN(len(heard))].data
		return p[:1+r.IntN(len(p))]
	}},
}

func noise(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// attackPort is the source port of a trick.
func attackPort(i int) uint16 { return uint16(9000 + i) }

// TestFloodChangesNothing sends garbage and what it overheard to both ports of every server, from the hosts of its peers.
func TestFloodChangesNothing(t *testing.T) {
	on := newLAN(t, "n1", "n2", "n3", "client")
	c := staff(newLab(t), on, []string{"n1", "n2", "n3"})
	c.agree(10 * time.Second)
	taps := map[string]*tap{}
	for _, p := range c.procs {
		taps[p.name] = on.listen(on.host(p.name), 4000)
	}
	for range 3 {
		wantExit(t, "a job to overhear", c.hides(t.Context(), on.host("client"), c.photos()[0], "overheard").outcome, 0)
	}
	before, _ := c.agree(5 * time.Second)
	memory := map[string]int64{}
	for _, p := range c.procs {
		memory[p.name] = p.memory(t, "VmRSS")
	}

	jobs := newWorkload(c)
	jobs.from(on.host("client"))
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	each := times(60_000, 20_000)
	began := time.Now()
	for i, victim := range c.procs {
		c.flood(r, on.host(c.procs[(i+1)%3].name), on.host(victim.name), taps, each)
	}
	t.Logf("seed %d: %d datagrams to each of 6 ports in %v", seed, each, time.Since(began).Round(time.Millisecond))
	jobs.await(jobs.count()+2, 30*time.Second)
	jobs.stop()
	after, _ := c.agree(5 * time.Second)
	if after.leader != before.leader || after.epoch != before.epoch {
		t.Errorf("leader %s of epoch %d before, %s of %d after", before.leader, before.epoch, after.leader, after.epoch)
	}
	<-time.After(time.Duration(times(6, 2)) * time.Second) // for late answers
	for _, p := range c.procs {
		answersAreNoLonger(t, on.host(p.name), taps[p.name])
		rss, peak := p.memory(t, "VmRSS"), p.memory(t, "VmHWM")
		t.Logf("%s: %d MB before, %d MB after, peak %d MB", p.name, memory[p.name]>>20, rss>>20, peak>>20)
		if rss > memory[p.name]+64<<20 {
			t.Errorf("%s holds %d MB more than before", p.name, (rss-memory[p.name])>>20)
		}
	}
	t.Logf("%d jobs were done meanwhile", jobs.count())
}

// flood plays every trick on both ports of a victim, and repeats what its peer on this host was heard to say, as that peer.
func (c *crew) flood(r *rand.Rand, from, victim *host, taps map[string]*tap, each int) {
	c.t.Helper()
	f := from.forger(c.t)
	heard := taps[victim.name].whole()
	own := fromTo(heard, from.addr, victim.addr)
	for _, port := range []uint16{47470, 47480} {
		to := netip.AddrPortFrom(victim.addr, port)
		for i := range each {
			d := captured{to: to}
			if n := i % (len(tricks) + 1); n < len(tricks) {
				d.from = netip.AddrPortFrom(from.addr, attackPort(n))
				d.data = tricks[n].make(r, heard)
			} else if len(own) > 0 {
				d = own[r.IntN(len(own))]
			}
			if err := f.send(d); err != nil {
				c.t.Fatalf("send to %s: %v", d.to, err)
			}
		}
	}
}

// TestReplayedHandshakeIsNotAmplified replays what begins a QUIC connection from sources that have proved nothing: a server
// that answers with its certificate would send several times what it got to whoever the source is said to be.
func TestReplayedHandshakeIsNotAmplified(t *testing.T) {
	on := newLAN(t, "n1", "client", "liar")
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	victim, liar := on.host("n1"), on.host("liar")
	p := on.listen(victim, 1000)
	wantExit(t, "a job to overhear", c.hides(t.Context(), on.host("client"), c.photos()[0], "overheard").outcome, 0)
	f, sent := liar.forger(t), 0
	for _, d := range p.whole() {
		if d.to.Port() != 47480 || d.data[0]&0xc0 != 0xc0 || len(d.data) < 1200 {
			continue
		}
		d.from = netip.AddrPortFrom(liar.addr, attackPort(sent))
		if err := f.send(d); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	if sent == 0 {
		t.Fatal("no handshake was overheard")
	}
	<-time.After(2 * time.Second) // in which an unanswered handshake is repeated several times
	for i := range sent {
		in := p.sum(func(f flow) bool { return f.from == netip.AddrPortFrom(liar.addr, attackPort(i)) })
		out := p.sum(func(f flow) bool { return f.to == netip.AddrPortFrom(liar.addr, attackPort(i)) })
		t.Logf("replayed handshake %d: %d bytes in, %d datagrams of %d bytes out", i, in.bytes, out.packets, out.bytes)
		if out.bytes > in.bytes || out.packets == 0 && i == 0 {
			t.Errorf("%d bytes are answered with %d", in.bytes, out.bytes)
		}
	}
}

// fromTo picks the datagrams between two addresses.
func fromTo(all []captured, from, to netip.Addr) (some []captured) {
	for _, d := range all {
		if d.from.Addr() == from && d.to.Addr() == to {
			some = append(some, d)
		}
	}
	return some
}

// answersAreNoLonger compares what came of every trick with what was put into it.
func answersAreNoLonger(t *testing.T, victim *host, p *tap) {
	t.Helper()
	for _, port := range []uint16{47470, 47480} {
		for i, k := range tricks {
			in := p.sum(func(f flow) bool {
				return f.to.Port() == port && f.to.Addr() == victim.addr && f.from.Port() == attackPort(i)
			})
			out := p.sum(func(f flow) bool {
				return f.from.Port() == port && f.from.Addr() == victim.addr && f.to.Port() == attackPort(i)
			})
			t.Logf("%s:%d %-28s in %6d datagrams %9d bytes, out %6d datagrams %9d bytes", victim.name, port, k.name, in.packets, in.bytes, out.packets, out.bytes)
			if in.packets == 0 || out.bytes > in.bytes {
				t.Errorf("%s:%d answers %d bytes of %q with %d", victim.name, port, in.bytes, k.name, out.bytes)
			}
		}
	}
}

// memory reads a figure of the server's process from the kernel, in bytes.
func (p *proc) memory(t *testing.T, figure string) int64 {
	t.Helper()
	child, _ := p.process()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, figure+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("%s has no %s", p.name, figure)
	return 0
}
