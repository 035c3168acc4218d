package main

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// stressSchema names the form of a report.
const stressSchema = "p2pnode/stress/v1"

// stressReport is the final report, of one run or of several merged; its JSON form is documented in docs/STRESS.md.
type stressReport struct {
	Schema      string                  `json:"schema"`
	OK          bool                    `json:"ok"` // all came back right
	Interrupted bool                    `json:"interrupted"`
	Started     time.Time               `json:"started"`
	Seconds     inSeconds               `json:"seconds"`
	Rate        float64                 `json:"done_per_second"`
	Counts      counts                  `json:"counts"`
	Latency     map[string]distribution `json:"latency"` // by stage
	Servers     []partyReport           `json:"servers"` // who did the work
	Leaders     []partyReport           `json:"leaders"` // who assigned it; latency: of assignments
	Attempts    []attemptsReport        `json:"attempts"`
	Failures    []failureReport         `json:"failures"`
	Events      []stressEvent           `json:"events"`
	Unkept      int64                   `json:"events_not_kept"`
	Series      seriesReport            `json:"series"`
	Runs        []stressRun             `json:"runs"` // one, or those merged
}

// counts are how requests ended: planned = done + failed + lost + wrong + cancelled + those that never came to their turn.
type counts struct {
	Planned   int64 `json:"planned"`
	Started   int64 `json:"started"`
	Done      int64 `json:"done"`
	Failed    int64 `json:"failed"`    // refused, or an error of the client
	Lost      int64 `json:"lost"`      // no end within the timeout, or, open, no client free for so long
	Wrong     int64 `json:"wrong"`     // not what was hidden
	Cancelled int64 `json:"cancelled"` // under way or waited for when the run was interrupted
	Late      int64 `json:"late"`      // open: started more than 10 ms after they should have
	Attempts  int64 `json:"attempts"`  // of all requests
	Failovers int64 `json:"failovers"`
	Rejected  int64 `json:"rejected"` // wrong results that clients threw away, and asked for again
	BytesUp   int64 `json:"bytes_up"`
	BytesDown int64 `json:"bytes_down"`
}

func (c *counts) add(f fate) {
	switch f {
	case fateDone:
		c.Done++
	case fateFailed:
		c.Failed++
	case fateLost:
		c.Lost++
	case fateWrong:
		c.Wrong++
	case fateCancelled:
		c.Cancelled++
	}
}

// plus adds all of another's counts.
func (c *counts) plus(o counts) {
	c.Planned, c.Started, c.Done, c.Failed = c.Planned+o.Planned, c.Started+o.Started, c.Done+o.Done, c.Failed+o.Failed
	c.Lost, c.Wrong, c.Cancelled, c.Late = c.Lost+o.Lost, c.Wrong+o.Wrong, c.Cancelled+o.Cancelled, c.Late+o.Late
	c.Attempts, c.Failovers, c.Rejected = c.Attempts+o.Attempts, c.Failovers+o.Failovers, c.Rejected+o.Rejected
	c.BytesUp, c.BytesDown = c.BytesUp+o.BytesUp, c.BytesDown+o.BytesDown
}

// right reports whether everything planned was done.
func (c counts) right() bool { return c.Planned > 0 && c.Done == c.Planned && c.Wrong == 0 }

// partyReport is what one server did, or one leader assigned.
type partyReport struct {
	Name    string       `json:"name"`
	Jobs    int64        `json:"jobs"`
	Share   float64      `json:"share"` // of all jobs done
	Bytes   int64        `json:"bytes"` // of results
	Latency distribution `json:"latency"`
}

// attemptsReport says how many requests were done with so many attempts; the last one counts those with more as well.
type attemptsReport struct {
	Attempts int   `json:"attempts"`
	Requests int64 `json:"requests"`
}

// failureReport is one reason for failures.
type failureReport struct {
	Code    string `json:"code"`
	Count   int64  `json:"count"`
	Example string `json:"example"` // the first one's error
}

// Kinds of events.
const (
	eventLeader      = "leader"
	eventFault       = "fault"
	eventBack        = "back"
	eventFaultFailed = "fault-failed"
)

// stressEvent is something that happened to the cluster meanwhile.
type stressEvent struct {
	At     inSeconds `json:"at_seconds"` // since the start
	Kind   string    `json:"kind"`
	Node   string    `json:"node"`
	Epoch  uint64    `json:"epoch,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// stressRun is where numbers of a report come from.
type stressRun struct {
	ID          string        `json:"id"`
	Started     time.Time     `json:"started"`
	Seconds     inSeconds     `json:"seconds"`
	Interrupted bool          `json:"interrupted"`
	Config      stressPlan    `json:"config"`
	Images      imagesReport  `json:"images"`
	Environment stressMachine `json:"environment"`
}

type imagesReport struct {
	Count int   `json:"count"`
	Made  bool  `json:"made"` // by the run itself
	Least int64 `json:"min_bytes"`
	Mean  int64 `json:"mean_bytes"`
	Most  int64 `json:"max_bytes"`
}

// stressMachine is where the clients ran.
type stressMachine struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	CPUs    int    `json:"cpus"`
}

// report is what a run that has ended comes to.
func (t *tally) report(plan stressPlan, g gallery, cut bool) *stressReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := thisBuild()
	sum := &totals{
		started: t.began, took: t.took, interrupted: cut, counts: t.counts, times: t.times, servers: t.servers, leaders: t.leaders,
		tries: t.tries, reasons: t.reasons, events: t.events, unkept: t.unkept, series: t.series,
		runs: []stressRun{{
			ID: t.id, Started: t.began.UTC(), Seconds: secondsOf(t.took), Interrupted: cut, Config: plan, Images: g.report(),
			Environment: stressMachine{Version: b.Version, Go: b.Go, OS: b.OS, Arch: b.Arch, CPUs: runtime.NumCPU()},
		}},
	}
	return sum.report()
}

func (g gallery) report() imagesReport {
	r := imagesReport{Count: len(g.list), Made: g.made}
	for i, e := range g.list {
		if r.Mean += e.size; i == 0 || e.size < r.Least {
			r.Least = e.size
		}
		r.Most = max(r.Most, e.size)
	}
	r.Mean /= int64(max(1, len(g.list)))
	return r
}

// totals is a report with its histograms open, so that it can be added to.
type totals struct {
	started          time.Time
	took             time.Duration
	interrupted      bool
	counts           counts
	times            map[string]*histogram
	servers, leaders map[string]*party
	tries            map[int]int64
	reasons          map[string]*reason
	events           []stressEvent
	unkept           int64
	series           series
	runs             []stressRun
}

// report closes them.
func (s *totals) report() *stressReport {
	r := &stressReport{
		Schema: stressSchema, OK: s.counts.right() && !s.interrupted, Interrupted: s.interrupted, Started: s.started.UTC(),
		Seconds: secondsOf(s.took), Counts: s.counts, Latency: map[string]distribution{}, Attempts: []attemptsReport{},
		Failures: []failureReport{}, Events: append([]stressEvent{}, s.events...), Unkept: s.unkept, Series: s.series.report(), Runs: s.runs,
	}
	if s.took > 0 {
		r.Rate = float64(s.counts.Done) / s.took.Seconds()
	}
	for what, h := range s.times {
		r.Latency[what] = h.distribution()
	}
	r.Servers, r.Leaders = partiesOf(s.servers, s.counts.Done), partiesOf(s.leaders, s.counts.Done)
	for _, n := range slices.Sorted(maps.Keys(s.tries)) {
		r.Attempts = append(r.Attempts, attemptsReport{n, s.tries[n]})
	}
	for _, code := range slices.Sorted(maps.Keys(s.reasons)) {
		r.Failures = append(r.Failures, failureReport{code, s.reasons[code].count, s.reasons[code].example})
	}
	slices.SortStableFunc(r.Failures, func(a, b failureReport) int { return cmp.Compare(b.Count, a.Count) })
	return r
}

// partiesOf lists them by name, which is how people look for them.
func partiesOf(of map[string]*party, all int64) []partyReport {
	list := []partyReport{}
	for name, p := range of {
		list = append(list, partyReport{name, p.jobs, float64(p.jobs) / float64(max(1, all)), p.bytes, p.took.distribution()})
	}
	slices.SortFunc(list, func(a, b partyReport) int { return strings.Compare(a.Name, b.Name) })
	return list
}
