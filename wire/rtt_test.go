package wire

import (
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

func TestTimeoutFollowsTheRoundTrip(t *testing.T) {
	const ack = 20 * ms
	var r rtt
	if got := r.timeout(ack); got != 200*ms {
		t.Errorf("before any sample: %v, want 200ms", got)
	}
	r.sample(ms)
	if got := r.timeout(ack); got != 50*ms {
		t.Errorf("after 1 ms: %v, want the floor of 50ms", got)
	}
	r = rtt{}
	r.sample(100 * ms)
	if got := r.timeout(ack); got != 320*ms { // 100 + 4·50 + 20
		t.Errorf("after 100 ms: %v, want 320ms", got)
	}
	for range 100 {
		r.sample(100 * ms)
	}
	if got := r.timeout(ack); got != 130*ms { // the variance has gone: 100 + 10 + 20
		t.Errorf("after many of 100 ms: %v, want 130ms", got)
	}
	r.sample(-ms)
	if r.smooth != 100*ms {
		t.Errorf("a negative sample made it %v", r.smooth)
	}
	r.sample(time.Hour)
	if got := r.timeout(ack); got != 2*time.Second {
		t.Errorf("after an hour: %v, want the ceiling of 2s", got)
	}
}

func TestRetransmissionsBackOff(t *testing.T) {
	w, a, b := pair(t, 1, wiretest.Faults{Delay: ms})
	w.net.Cut(wiretest.Link{From: a.addr.Addr(), To: b.addr.Addr()})
	w.run(100 * ms)
	w.tap, w.wires = true, nil
	mustSend(t, a, b.id, Leave{})
	w.run(12 * time.Second)
	want := 50 * ms
	for i := 1; i < len(w.wires); i++ {
		gap := w.wires[i].At.Sub(w.wires[i-1].At)
		if gap < want*9/10 || gap > want*11/10 {
			t.Errorf("gap %d is %v, want %v ± 10 %%", i, gap, want)
		}
		want = min(want*3/2, 2*time.Second)
	}
	if n := len(w.wires); n < 11 || n > 15 {
		t.Errorf("%d transmissions in 12 s", n)
	}
}
