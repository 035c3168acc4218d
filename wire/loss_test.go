package wire

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

// delivery is what a lossy link did to messages that were sent one by one.
type delivery struct {
	sent, arrived, twice int
	times                []time.Duration // sorted
}

func (d delivery) p(q float64) time.Duration {
	if len(d.times) == 0 {
		return 0
	}
	return d.times[min(len(d.times)-1, int(q*float64(len(d.times))))]
}

func (d delivery) String() string {
	return fmt.Sprintf("%d sent, %d undelivered, p50 %v, p99 %v, max %v", d.sent, d.sent-d.arrived,
		d.p(0.5).Round(ms), d.p(0.99).Round(ms), d.p(1).Round(ms))
}

// lossy sends messages every 20 ms over a link with heartbeats, and waits for them. Each has the patience of twelve
// transmissions: what arrives after that does not count.
func lossy(t *testing.T, seed uint64, f wiretest.Faults, messages int) delivery {
	w := newWorld(t, seed, f)
	a, b := w.serve(1, 1), w.serve(2, 1)
	w.meet(a, b)
	d := delivery{sent: messages}
	born, seen := map[uint64]time.Time{}, map[uint64]bool{}
	b.hear = func(v Event) {
		m, ok := v.Message.(Leave)
		if !ok {
			return
		}
		if seen[m.Epoch] {
			d.twice++
		}
		seen[m.Epoch] = true
		d.arrived++
		d.times = append(d.times, w.now.Sub(born[m.Epoch]))
	}
	for n := uint64(1); n <= uint64(messages); n++ {
		born[n] = w.now
		mustSend(t, a, b.id, Leave{Epoch: n})
		if n%12 == 0 {
			mustSend(t, a, b.id, Heartbeat{Sequence: n})
			mustSend(t, b, a.id, Heartbeat{Sequence: n})
		}
		w.run(20 * ms)
	}
	w.run(20 * time.Second)
	slices.Sort(d.times)
	if n := len(a.sessions[b.id].out.flight); n != 0 {
		t.Errorf("seed %d: %d messages never acknowledged", seed, n)
	}
	if acked := a.count(Acknowledged); acked != messages {
		t.Errorf("seed %d: %d acknowledged, want %d", seed, acked, messages)
	}
	return d
}

// TestDeliveryOverLossyLinks asserts the targets of PROTOCOL.md §4.4.
func TestDeliveryOverLossyLinks(t *testing.T) {
	for _, c := range []struct {
		loss float64
		p99  time.Duration
	}{{0, 10 * ms}, {0.1, 400 * ms}, {0.3, time.Second}, {0.5, 4500 * ms}} {
		var all delivery
		for seed := range uint64(4) {
			d := lossy(t, seed, wiretest.Faults{Loss: c.loss, Delay: ms / 2}, 2500)
			all.sent, all.arrived, all.twice = all.sent+d.sent, all.arrived+d.arrived, all.twice+d.twice
			all.times = append(all.times, d.times...)
		}
		slices.Sort(all.times)
		t.Logf("%2.0f %% loss, RTT 1 ms: %v", c.loss*100, all)
		if p := all.p(0.99); p > c.p99 {
			t.Errorf("%2.0f %% loss: p99 %v, want at most %v", c.loss*100, p, c.p99)
		}
		if all.arrived != all.sent || all.twice != 0 {
			t.Errorf("%2.0f %% loss: %d of %d delivered, %d twice", c.loss*100, all.arrived, all.sent, all.twice)
		}
	}
}

func TestExactlyOnceUnderEveryFault(t *testing.T) {
	faults := []wiretest.Faults{
		{Delay: ms, Jitter: 30 * ms, Duplicate: 0.3},
		{Delay: 20 * ms, Reorder: 0.25, ReorderBy: 100 * ms, Loss: 0.1},
		{Delay: ms, Corrupt: 0.2},
		{Delay: 5 * ms, BurstStart: 0.02, BurstEnd: 0.1},
		{Delay: 100 * ms, Jitter: 50 * ms, Loss: 0.2, Duplicate: 0.1, Corrupt: 0.01, Reorder: 0.1},
	}
	for i, f := range faults {
		d := lossy(t, uint64(i), f, 800)
		t.Logf("%+v: %v", f, d)
		if d.arrived != d.sent || d.twice != 0 {
			t.Errorf("%+v: %d of %d delivered, %d twice", f, d.arrived, d.sent, d.twice)
		}
	}
}

func TestSameSeedGivesTheSameBytes(t *testing.T) {
	trace := func(seed uint64) string {
		w := newWorld(t, seed, wiretest.Faults{Loss: 0.2, Delay: 3 * ms, Jitter: 5 * ms})
		w.tap = true
		a, b, c := w.serve(1, 1), w.serve(2, 1), w.serve(3, 1)
		w.meet(a, b, c)
		for range 50 {
			mustSend(t, a, b.id, Leave{})
			mustSend(t, b, c.id, Leave{})
		}
		w.run(3 * time.Second)
		return fmt.Sprintf("%x", w.wires)
	}
	if first, again := trace(1), trace(1); first != again {
		t.Error("the same seed gave another trace")
	}
	if trace(1) == trace(2) {
		t.Error("another seed gave the same trace")
	}
}

// TestLostMessageRidesAlong loses a message and lets a heartbeat leave before it is due again.
func TestLostMessageRidesAlong(t *testing.T) {
	w := newWorld(t, 1, wiretest.Faults{Delay: ms / 2})
	a, b := w.serve(1, 1), w.serve(2, 1)
	w.meet(a, b)
	w.run(time.Second)
	w.net.Partition(addrs(a), addrs(b))
	mustSend(t, a, b.id, Leave{})
	w.run(35 * ms)
	w.net.Heal()
	mustSend(t, a, b.id, Heartbeat{Sequence: 1})
	w.run(ms)
	if n := len(b.delivered()); n != 2 {
		t.Errorf("%d messages came with the heartbeat, want it and the lost one", n)
	}
	if n := a.tries(b.id, 1); n != 1 {
		t.Errorf("riding along counts as try %d", n)
	}
	w.run(time.Second)
	if n := b.count(Delivered); n != 2 {
		t.Errorf("%d messages delivered in the end, want 2", n)
	}
}
