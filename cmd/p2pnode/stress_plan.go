package main

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	stressClientsMax  = 1000      // two sockets each
	stressRequestsMax = 1_000_000 // of one client
	arrivalsMax       = 10_000_000
	stressTimeoutMax  = time.Hour // what a histogram holds
	lateAfter         = 10 * time.Millisecond
)

// stressPlan is what a run does; its JSON form is the report's config.
type stressPlan struct {
	Mode     string    `json:"mode"` // closed: each client waits for its result; open: at times fixed beforehand
	Clients  int       `json:"clients"`
	Requests int       `json:"requests,omitempty"`          // of each client, closed
	MinDelay inSeconds `json:"min_delay_seconds,omitempty"` // closed
	MaxDelay inSeconds `json:"max_delay_seconds,omitempty"` // closed
	Rate     float64   `json:"rate_per_second,omitempty"`   // open, of all clients
	Arrivals string    `json:"arrivals,omitempty"`          // open: poisson
	Duration inSeconds `json:"duration_seconds,omitempty"`  // open

	Timeout time.Duration `json:"-"` // of one request
	Limit   inSeconds     `json:"timeout_seconds"`
	Seed    uint64        `json:"seed"`
	Ring    *ringPlan     `json:"fault_ring,omitempty"`
}

// seconds is a time as JSON carries it.
type inSeconds float64

func secondsOf(d time.Duration) inSeconds { return inSeconds(d.Seconds()) }

func (s inSeconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// stressPlan reads the flags of a run.
func (p *program) stressPlan(c *cli.Context) (stressPlan, error) {
	plan := stressPlan{Mode: "closed", Timeout: c.Duration("timeout"), Seed: uint64(c.Int64("seed"))}
	var err error
	if plan.Clients, err = strconv.Atoi(c.String("clients")); err != nil || plan.Clients < 1 || plan.Clients > stressClientsMax {
		return plan, usagef("--clients %q: 1 to %d are possible", c.String("clients"), stressClientsMax)
	}
	if plan.Timeout <= 0 || plan.Timeout > stressTimeoutMax {
		return plan, usagef("--timeout %v: a request must end, within %v at most", plan.Timeout, stressTimeoutMax)
	}
	if plan.Limit = secondsOf(plan.Timeout); plan.Seed == 0 {
		plan.Seed = rand.Uint64N(1<<53) + 1 // as JSON numbers are read
	}
	if plan.Ring, err = parseRing(c.String("fault-ring")); err != nil {
		return plan, err
	}
	if rate := c.Float64("rate"); rate != 0 {
		return plan, plan.open(rate, c.Duration("duration"), p.settings.from("requests") == fromFlag)
	}
	return plan, plan.closed(c)
}

// closed reads what belongs to clients that wait for their results.
func (plan *stressPlan) closed(c *cli.Context) error {
	least, most, n := c.Duration("min-delay"), c.Duration("max-delay"), c.Int64("requests")
	switch {
	case n < 1 || n > stressRequestsMax:
		return usagef("--requests %d: 1 to %d are possible", n, stressRequestsMax)
	case least < 0 || most < least:
		return usagef("--min-delay %v and --max-delay %v: they must grow in this order", least, most)
	}
	plan.Requests, plan.MinDelay, plan.MaxDelay = int(n), secondsOf(least), secondsOf(most)
	return nil
}

// open reads what belongs to requests at times fixed beforehand.
func (plan *stressPlan) open(rate float64, duration time.Duration, counted bool) error {
	switch {
	case counted:
		return usagef("--rate and --requests exclude one another: with --rate, --duration says how many there are")
	case !(rate > 0) || !(rate*duration.Seconds() <= arrivalsMax): // NaN is neither
		return usagef("--rate %v for %v: more than 0 and at most %d requests are possible", rate, duration, arrivalsMax)
	case duration <= 0:
		return usagef("--duration %v: more than 0 is wanted", duration)
	}
	plan.Mode, plan.Arrivals, plan.Rate, plan.Duration = "open", "poisson", rate, secondsOf(duration)
	return nil
}

// random is a source of chance of its own for each client (from 1) and for the arrivals (0).
func (plan *stressPlan) random(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(plan.Seed, stream))
}

// pause is how long a client waits before a request: anything from the shortest to the longest is as likely.
func (plan *stressPlan) pause(random *rand.Rand) time.Duration {
	least, most := plan.MinDelay.duration(), plan.MaxDelay.duration()
	return least + time.Duration(random.Int64N(int64(most-least)+1))
}

// arrivals are the times at which requests are meant to start, in their order. They depend on the seed alone, not on how
// requests before them went.
type arrivals struct {
	rate  float64 // per second
	until time.Duration

	mu     sync.Mutex
	random *rand.Rand    // guarded by mu
	last   time.Duration // guarded by mu
	drawn  int64         // guarded by mu
}

// arrivals are those of a plan, from the first on.
func (plan *stressPlan) arrivals() *arrivals {
	return &arrivals{rate: plan.Rate, until: plan.Duration.duration(), random: plan.random(0)}
}

// count draws all that are left.
func (a *arrivals) count() (n int64) {
	for {
		if _, more := a.next(); !more {
			return n
		}
		n++
	}
}

// next draws the next one: the gaps of a Poisson process. false: there are no more.
func (a *arrivals) next() (time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last >= a.until || a.drawn >= 2*arrivalsMax {
		return 0, false
	}
	gap := a.random.ExpFloat64() / a.rate * float64(time.Second)
	a.last += time.Duration(min(gap, float64(a.until)))
	if a.last >= a.until {
		return 0, false
	}
	a.drawn++
	return a.last, true
}

// ringPlan says how servers are taken off the network one after the other; its JSON form is in the report.
type ringPlan struct {
	Interval inSeconds `json:"interval_seconds"` // from the moment one server goes to the next one's
	Down     inSeconds `json:"down_seconds"`
	Cycles   int       `json:"cycles,omitempty"` // times round; zero: as long as the run takes
}

// ringUsage is what --fault-ring takes.
const ringUsage = "interval=30s,down=10s[,cycles=N] is wanted"

// parseRing reads --fault-ring; nil: there is none.
func parseRing(text string) (*ringPlan, error) {
	if text == "" {
		return nil, nil
	}
	r := &ringPlan{}
	for _, part := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !r.set(key, value) {
			return nil, usagef("--fault-ring %q: %s", part, ringUsage)
		}
	}
	switch {
	case r.Interval == 0 || r.Down == 0:
		return nil, usagef("--fault-ring %q: %s", text, ringUsage)
	case r.Down > r.Interval:
		return nil, usagef("--fault-ring %q: a server must be back before the next one goes", text)
	}
	return r, nil
}

// set takes one key; false: it is none, has no such value, or was there before.
func (r *ringPlan) set(key, value string) bool {
	if key == "cycles" {
		n, err := strconv.Atoi(value)
		fresh := r.Cycles == 0
		r.Cycles = n
		return err == nil && n > 0 && fresh
	}
	at := map[string]*inSeconds{"interval": &r.Interval, "down": &r.Down}[key]
	d, err := time.ParseDuration(value)
	if at == nil || *at != 0 || err != nil || d < time.Millisecond || d > 24*time.Hour {
		return false
	}
	*at = secondsOf(d)
	return true
}
