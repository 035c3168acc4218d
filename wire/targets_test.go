package wire

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"p2pnode/wire/wiretest"
)

var (
	targetMessages = flag.Int("targets.messages", 40000, "messages of each rare cell of TestDeliveryTargets; the others take a tenth")
	targetOut      = flag.String("targets.out", "", "file that gets its table as Markdown")
)

// promise is what PROTOCOL.md §4.3 promises of a reliable message where datagrams are lost independently, both ways.
type promise struct {
	loss        float64
	busy        bool // other messages go the same way, from which a loss is learnt sooner
	p99         time.Duration
	undelivered float64 // of messages, by the twelfth transmission
}

func (c promise) String() string {
	if c.busy {
		return fmt.Sprintf("loss %.0f %%, among others", 100*c.loss)
	}
	return fmt.Sprintf("loss %.0f %%, alone", 100*c.loss)
}

// tally counts deliveries by how long they took and by which transmission they needed.
type tally struct {
	messages, arrived int
	after             [1 << 16]int // by how many ms it took; the last for all that took longer
	tries             [40]int      // likewise
}

// TestDeliveryTargets measures the promises with many messages. make targets writes the table.
func TestDeliveryTargets(t *testing.T) {
	var b strings.Builder
	b.WriteString("| reliable message, RTT 1 ms | sent | p50 | p99 | worst | not delivered by the 12th transmission | loss¹² | at most, at 95 % | target | met |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range []promise{
		{0.3, false, time.Second, 1e-6}, {0.3, true, time.Second, 1e-6},
		{0.5, false, 4500 * ms, 5e-4}, {0.5, true, 4500 * ms, 5e-4},
	} {
		messages := *targetMessages
		if c.loss == 0.5 {
			messages /= 10
		}
		sum := c.measure(t, messages)
		b.WriteString(c.judge(t, sum))
	}
	t.Log("\n" + b.String())
	if *targetOut != "" {
		if err := os.WriteFile(*targetOut, []byte(b.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// measure sends the messages through as many worlds as it takes, each with a seed of its own.
func (c promise) measure(t *testing.T, messages int) *tally {
	const each = 4000
	var sum tally
	var lock sync.Mutex
	var group sync.WaitGroup
	worlds := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			var part tally
			for seed := range worlds {
				c.world(t, seed, each, &part)
			}
			lock.Lock()
			defer lock.Unlock()
			sum.add(&part)
		})
	}
	for n := range uint64((messages + each - 1) / each) {
		worlds <- n + 1
	}
	close(worlds)
	group.Wait()
	return &sum
}

func (s *tally) add(p *tally) {
	s.messages += p.messages
	s.arrived += p.arrived
	for i, n := range p.after {
		s.after[i] += n
	}
	for i, n := range p.tries {
		s.tries[i] += n
	}
}

// world sends messages between two endpoints and counts how they arrive.
func (c promise) world(t *testing.T, seed uint64, messages int, s *tally) {
	w := newWorld(t, seed, wiretest.Faults{Loss: c.loss, Delay: ms / 2})
	a, b := w.serve(1, 1), w.serve(2, 1)
	w.meet(a, b)
	born := map[uint64]time.Time{}
	b.hear = func(v Event) {
		if m, ok := v.Message.(Leave); ok {
			s.arrived++
			s.after[min(int(w.now.Sub(born[m.Epoch])/ms), len(s.after)-1)]++
			s.tries[min(a.tries(b.id, m.Epoch), len(s.tries)-1)]++
		}
	}
	s.messages += messages
	for n := range uint64(messages) {
		born[n+1] = w.now
		mustSend(t, a, b.id, Leave{Epoch: n + 1})
		a.events, b.events = nil, nil
		if c.busy {
			w.run(20 * ms)
			continue
		}
		for q, _ := a.Session(b.id); q.Queued > 0; q, _ = a.Session(b.id) {
			w.run(20 * ms)
		}
	}
	w.run(time.Minute)
}

// tries returns how often the n-th reliable message to a peer has been sent for want of an answer.
func (h *host) tries(peer NodeID, n uint64) int {
	for _, l := range h.sessions[peer].out.flight {
		if l.frame.ID == n {
			return l.tries
		}
	}
	return 0
}

// judge compares with the promise and returns a line of the table.
func (c promise) judge(t *testing.T, s *tally) string {
	late := s.late(12)
	met := "yes"
	miss := func(format string, args ...any) {
		met = "**no**"
		t.Errorf("%v: %s", c, fmt.Sprintf(format, args...))
	}
	if p := s.percentile(0.99); p > c.p99 {
		miss("p99 %v, want at most %v", p, c.p99)
	}
	if s.arrived != s.messages {
		miss("%d of %d arrived", s.arrived, s.messages)
	}
	if most := c.undelivered * float64(s.messages); float64(late) > most+3*math.Sqrt(most)+1 {
		miss("%d of %d were not delivered by the twelfth transmission, want at most %.1f", late, s.messages, most)
	}
	formula := "less"
	if !c.busy {
		c.formula(s, miss)
		formula = fmt.Sprintf("%.2g", math.Pow(c.loss, 12))
	}
	sent := float64(s.messages)
	return fmt.Sprintf("| %v | %.3g million | %v | %v | %v | %d, so %.2g | %s | %.2g | p99 ≤ %v, undelivered ≤ %.0e | %s |\n",
		c, sent/1e6, s.percentile(0.5), s.percentile(0.99), s.percentile(1), late, float64(late)/sent, formula, upper95(late)/sent, c.p99, c.undelivered, met)
}

// formula checks that a lone message needs more than k transmissions as often as k independent losses in a row happen.
// That is what extends the measurement to the rare ends.
func (c promise) formula(s *tally, miss func(string, ...any)) {
	for k := 1; k <= 12; k++ {
		want := float64(s.messages) * math.Pow(c.loss, float64(k))
		if got := float64(s.late(k)); math.Abs(got-want) > 4*math.Sqrt(want)+1 {
			miss("%.0f messages needed more than %d transmissions, want about %.1f", got, k, want)
		}
	}
}

// late counts the messages that needed more than k transmissions.
func (s *tally) late(k int) (n int) {
	for _, m := range s.tries[k+1:] {
		n += m
	}
	return n
}

func (s *tally) percentile(q float64) time.Duration {
	n := int(math.Ceil(q * float64(s.arrived)))
	for i, m := range s.after {
		if n -= m; n <= 0 {
			return time.Duration(i+1) * ms
		}
	}
	return time.Duration(len(s.after)) * ms
}

// upper95 is the upper end, at 95 %, of the mean of what has been counted k times (Poisson).
func upper95(k int) float64 {
	low, high := float64(k), float64(k)+10*math.Sqrt(float64(k)+1)
	for range 60 {
		mean := (low + high) / 2
		term := math.Exp(-mean)
		sum := term
		for i := 1; i <= k; i++ {
			term *= mean / float64(i)
			sum += term
		}
		if sum > 0.05 {
			low = mean
		} else {
			high = mean
		}
	}
	return high
}
