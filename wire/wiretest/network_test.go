package wiretest

import (
	"bytes"
	"fmt"
	"math/bits"
	"net/netip"
	"testing"
	"time"
)

var (
	start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	a     = netip.MustParseAddrPort("10.0.0.1:47470")
	b     = netip.MustParseAddrPort("10.0.0.2:47470")
	c     = netip.MustParseAddrPort("10.0.0.3:47470")
	other = netip.MustParseAddrPort("10.0.0.3:47471")
)

func open(seed uint64, f Faults) *Network {
	n := New(seed)
	n.SetFaults(f)
	for _, x := range []netip.AddrPort{a, b, c, other} {
		n.Attach(x)
	}
	return n
}

// pour sends numbered datagrams from a to b, one each millisecond, and returns what arrives, in order.
func pour(n *Network, count int) (got []Packet) {
	for i := range count {
		n.Send(start.Add(time.Duration(i)*time.Millisecond), a, b, []byte{byte(i >> 8), byte(i), 0, 0, 0, 0, 0, 0})
	}
	return n.Deliver(start.Add(time.Hour))
}

func number(p Packet) int { return int(p.Data[0])<<8 | int(p.Data[1]) }

func TestPerfectLinkKeepsOrderAndBytes(t *testing.T) {
	got := pour(open(1, Faults{Delay: 5 * time.Millisecond}), 1000)
	if len(got) != 1000 {
		t.Fatalf("%d of 1000 arrived", len(got))
	}
	for i, p := range got {
		if number(p) != i || p.At != start.Add(time.Duration(i+5)*time.Millisecond) || p.From != a || p.To != b {
			t.Fatalf("packet %d is %+v", i, p)
		}
	}
}

func TestFaultsHaveTheirRates(t *testing.T) {
	within := func(what string, got, want, slack int) {
		if got < want-slack || got > want+slack {
			t.Errorf("%s: %d of 20000, want %d ± %d", what, got, want, slack)
		}
	}
	within("lost", 20000-len(pour(open(1, Faults{Loss: 0.3}), 20000)), 6000, 250)
	within("duplicated", len(pour(open(1, Faults{Duplicate: 0.1}), 20000))-20000, 2000, 150)
	corrupt := 0
	for i, p := range pour(open(1, Faults{Corrupt: 0.2}), 20000) {
		flipped := 0
		for k, x := range []byte{byte(i >> 8), byte(i), 0, 0, 0, 0, 0, 0} {
			flipped += bits.OnesCount8(x ^ p.Data[k])
		}
		if flipped > 1 {
			t.Fatalf("%d bits flipped", flipped)
		}
		corrupt += flipped
	}
	within("corrupted", corrupt, 4000, 200)
	late := 0
	got := pour(open(1, Faults{Reorder: 0.1, ReorderBy: 10 * time.Millisecond}), 20000)
	for i := 1; i < len(got); i++ {
		if number(got[i]) < number(got[i-1]) {
			late++
		}
	}
	within("reordered", late, 1800, 300)
}

func TestBurstsLoseRuns(t *testing.T) {
	got := pour(open(1, Faults{BurstStart: 0.01, BurstEnd: 0.1}), 20000)
	runs, lost, next := 0, 0, 0
	for _, p := range got {
		if n := number(p); n > next {
			runs++
			lost += n - next
		}
		next = number(p) + 1
	}
	if mean := float64(lost) / float64(runs); mean < 8 || mean > 12.5 {
		t.Errorf("a burst loses %.1f datagrams, want about 10", mean)
	}
}

func TestSameSeedSameNetwork(t *testing.T) {
	f := Faults{Loss: 0.3, Duplicate: 0.1, Corrupt: 0.1, Reorder: 0.2, Delay: time.Millisecond, Jitter: 5 * time.Millisecond, BurstStart: 0.01, BurstEnd: 0.3}
	trace := func(seed uint64) string { return fmt.Sprintf("%v", pour(open(seed, f), 2000)) }
	if first, again := trace(3), trace(3); first != again {
		t.Error("the same seed gave another trace")
	}
	if trace(3) == trace(4) {
		t.Error("another seed gave the same trace")
	}
}

func TestCutIsOneWayAndHeals(t *testing.T) {
	n := open(1, Faults{})
	n.Cut(Link{a.Addr(), b.Addr()})
	try := func(from, to netip.AddrPort) int {
		n.Send(start, from, to, []byte("x"))
		return len(n.Deliver(start))
	}
	if try(a, b) != 0 || try(b, a) != 1 || try(a, c) != 1 {
		t.Error("a cut from a to b stopped the wrong link")
	}
	n.Partition([]netip.Addr{b.Addr()}, []netip.Addr{a.Addr(), c.Addr()})
	if try(b, a)+try(b, c)+try(c, b) != 0 || try(a, c) != 1 {
		t.Error("the partition is not one")
	}
	n.Heal()
	if try(a, b)+try(b, a)+try(c, b) != 3 {
		t.Error("not healed")
	}
	n.SetLink(Link{a.Addr(), b.Addr()}, Faults{Loss: 1})
	if try(a, b) != 0 || try(b, a) != 1 {
		t.Error("a link's own faults fell on another")
	}
}

func TestBroadcastReachesEveryPortOfThatNumber(t *testing.T) {
	for _, to := range []string{"10.0.0.255:47470", "255.255.255.255:47470", "[ff02::1]:47470"} {
		n := open(1, Faults{})
		n.Send(start, a, netip.MustParseAddrPort(to), []byte("hello"))
		var reached []netip.AddrPort
		for _, p := range n.Deliver(start) {
			reached = append(reached, p.To)
		}
		if fmt.Sprint(reached) != fmt.Sprint([]netip.AddrPort{a, b, c}) {
			t.Errorf("%s reached %v", to, reached)
		}
	}
}

func TestDetachedAndTooLongGetNothing(t *testing.T) {
	n := open(1, Faults{})
	n.Send(start, a, b, []byte("x"))
	n.Detach(b)
	n.Send(start, a, c, bytes.Repeat([]byte("x"), MTU+1))
	if got := n.Deliver(start); len(got) != 0 {
		t.Errorf("%d arrived", len(got))
	}
	if sent, lost := n.Carried(); sent != 2 || lost != 1 {
		t.Errorf("carried %d, lost %d, want 2 and 1", sent, lost)
	}
	if !n.Next().IsZero() {
		t.Error("something still flies")
	}
}

func TestSenderMayReuseItsBuffer(t *testing.T) {
	n := open(1, Faults{Duplicate: 1})
	p := []byte("before")
	n.Send(start, a, b, p)
	copy(p, "after!")
	for _, q := range n.Deliver(start) {
		if string(q.Data) != "before" {
			t.Errorf("got %q", q.Data)
		}
	}
}
