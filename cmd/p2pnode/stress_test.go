package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

func TestArrivalsAreFixedBeforehand(t *testing.T) {
	plan := stressPlan{Rate: 200, Duration: 50, Seed: 7}
	one, two := plan.arrivals(), plan.arrivals()
	var last time.Duration
	var n int64
	for {
		at, more := one.next()
		again, moreAgain := two.next()
		if at != again || more != moreAgain {
			t.Fatalf("arrival %d is at %v, then at %v: the seed does not decide", n, at, again)
		}
		if !more {
			break
		}
		if at < last || at >= 50*time.Second {
			t.Fatalf("arrival at %v after %v", at, last)
		}
		last = at
		n++
	}
	if got := plan.arrivals().count(); got != n {
		t.Errorf("count() = %d, there are %d", got, n)
	}
	if math.Abs(float64(n)-10_000) > 5*100 { // five standard deviations of a Poisson count
		t.Errorf("%d arrivals, 10000 were to be expected", n)
	}
	first, _ := plan.arrivals().next()
	plan.Seed++
	if other, _ := plan.arrivals().next(); other == first {
		t.Error("another seed has the same first arrival")
	}
}

func TestPausesAreUniform(t *testing.T) {
	plan := stressPlan{MinDelay: 0.1, MaxDelay: 2, Seed: 3}
	random, sum := plan.random(1), time.Duration(0)
	for range 10_000 {
		d := plan.pause(random)
		if d < 100*time.Millisecond || d > 2*time.Second {
			t.Fatalf("a pause of %v", d)
		}
		sum += d
	}
	if mean := sum / 10_000; mean < 1030*time.Millisecond || mean > 1070*time.Millisecond {
		t.Errorf("pauses of %v on average, want 1.05 s", mean)
	}
	plan.MaxDelay = plan.MinDelay
	if d := plan.pause(random); d != 100*time.Millisecond {
		t.Errorf("a pause of %v where only 100ms is possible", d)
	}
}

func TestFaultRingIsParsed(t *testing.T) {
	for text, want := range map[string]ringPlan{
		"interval=30s,down=10s":            {Interval: 30, Down: 10},
		"down=1500ms, interval=2s":         {Interval: 2, Down: 1.5},
		"interval=30s,down=10s,cycles=3":   {Interval: 30, Down: 10, Cycles: 3},
		"interval=10s,cycles=12,down=10s ": {Interval: 10, Down: 10, Cycles: 12},
	} {
		if got, err := parseRing(strings.TrimSpace(text)); err != nil || *got != want {
			t.Errorf("parseRing(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"x", "interval=30s", "down=10s", "interval=5s,down=10s", "interval=30s,down=10s,cycles=0",
		"interval=30s,down=10s,cycles=x", "interval=-1s,down=-2s", "interval=30s,down=10s,down=10s", "interval=30s,down=10s,up=1s",
		"interval=30,down=10", "interval=30s,down=10s,", "interval=30s,down=10s,cycles=1,cycles=2", "interval=99999h,down=1s"} {
		if got, err := parseRing(text); err == nil {
			t.Errorf("parseRing(%q) = %+v, want an error", text, got)
		} else if f := (&program{}).explain(err); f.exit() != 2 {
			t.Errorf("parseRing(%q): exit %d, want 2", text, f.exit())
		}
	}
	if r, err := parseRing(""); r != nil || err != nil {
		t.Errorf("parseRing of nothing = %v, %v", r, err)
	}
}

// fakeFaults notes who was taken off the network when.
type fakeFaults struct {
	began time.Time
	log   []string
	deny  string // a server that cannot be asked
}

func (f *fakeFaults) Fault(_ context.Context, name string, down time.Duration) error {
	if name == f.deny {
		return errors.New("node: nobody there")
	}
	f.log = append(f.log, fmt.Sprintf("%v %s %v", time.Since(f.began), name, down))
	return nil
}

func TestRingTakesOneServerAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeFaults{began: time.Now(), deny: "b"}
		var told []string
		tell := func(e stressEvent) { told = append(told, fmt.Sprintf("%v %s %s", time.Since(f.began), e.Kind, e.Node)) }
		ringPlan{Interval: 30, Down: 10, Cycles: 2}.walk(t.Context(), f, func() []string { return []string{"a", "b", "c"} }, tell)
		want := []string{"20s a 10s", "1m20s c 10s", "1m50s a 10s", "2m50s c 10s"}
		if !slices.Equal(f.log, want) {
			t.Errorf("faults %q, want %q", f.log, want)
		}
		want = []string{"20s fault a", "30s back a", "50s fault-failed b", "1m20s fault c", "1m30s back c",
			"1m50s fault a", "2m0s back a", "2m20s fault-failed b", "2m50s fault c", "3m0s back c"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

func TestRingEndsWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 95*time.Second)
		defer cancel()
		f := &fakeFaults{began: time.Now()}
		calls := 0
		names := func() []string { // nobody is known at first
			if calls++; calls == 1 {
				return nil
			}
			return []string{"a"}
		}
		ringPlan{Interval: 30, Down: 10}.walk(ctx, f, names, func(stressEvent) {})
		if want := []string{"50s a 10s", "1m20s a 10s"}; !slices.Equal(f.log, want) || time.Since(f.began) != 95*time.Second {
			t.Errorf("faults %q until %v, want %q until the end at 1m35s", f.log, time.Since(f.began), want)
		}
	})
}

// doneAt is a request that was done at a time since the start, by a server.
func doneAt(began time.Time, at, took time.Duration, server string) sample {
	s := node.Stages{Reached: took / 10, First: took / 2, Downloaded: took / 10, Queued: took / 10, Worked: took / 5, Checked: took / 20}
	return sample{
		fate: fateDone, intended: began.Add(at - took), begun: began.Add(at - took), ended: began.Add(at), size: 500_000,
		receipt: node.Receipt{Leader: "n1", Epoch: 1, Server: server, Attempts: 1, Size: 3_000_000, Searched: took / 20, Stages: s, Verified: true},
	}
}

// filled is a tally of so many requests, of 1 ms, 2 ms and so on, one each 10 ms.
func filled(began time.Time, n int, servers ...string) *tally {
	t := newTally(began)
	t.planned(int64(n))
	for i := range n {
		t.started(false)
		t.record(doneAt(began, time.Duration(i)*10*time.Millisecond, time.Duration(i+1)*time.Millisecond, servers[i%len(servers)]))
	}
	t.end(began.Add(time.Duration(n) * 10 * time.Millisecond))
	return t
}

// somePlan is the plan of reports in tests.
var somePlan = stressPlan{Mode: "closed", Clients: 10, Requests: 100, MinDelay: 0.1, MaxDelay: 2, Limit: 120, Seed: 5}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestReportSaysWhatHappened(t *testing.T) {
	r := filled(start, 1000, "n1", "n2", "n2", "n3").report(somePlan, gallery{list: []exhibit{{size: 400}, {size: 600}}}, false)
	total := r.Latency[timeTotal]
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"p50", total.P50, 500}, {"p90", total.P90, 900}, {"p95", total.P95, 950}, {"p99", total.P99, 990}, {"p99.9", total.P999, 999},
		{"max", total.Max, 1000}, {"mean", total.Mean, 500.5}, {"min", total.Min, 1}, {"rate", r.Rate, 100},
		{"queueing", r.Latency[timeQueueing].P50, 50}, {"working", r.Latency[timeWorking].P50, 100},
		{"assignment", r.Latency[timeAssignment].P50, 25}, {"verifying", r.Latency[timeVerifying].P50, 25},
		{"transfer", r.Latency[timeTransfer].P50, 200}, {"other", r.Latency[timeOther].P50, 100},
		{"share of n2", 1000 * r.Servers[1].Share, 500}, {"image", float64(r.Runs[0].Images.Mean), 500},
	} {
		if math.Abs(c.got-c.want) > c.want/500 {
			t.Errorf("%s = %v, want %v", c.what, c.got, c.want)
		}
	}
	if !r.OK || r.Counts.Done != 1000 || len(r.Servers) != 3 || r.Servers[1].Name != "n2" || r.Servers[1].Jobs != 500 || len(r.Leaders) != 1 {
		t.Errorf("report %+v", r)
	}
	sum := 0.0
	for _, what := range stageSum {
		sum += r.Latency[what].Mean
	}
	if math.Abs(sum-total.Mean) > total.Mean/200 {
		t.Errorf("the stages add up to %v ms on average, the total is %v ms", sum, total.Mean)
	}
}

// How a request ended decides what it counts as, and no other count changes.
func TestFatesAreCountedApart(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	ours := t.Context()
	busy := &node.RemoteError{From: "n1", Code: wire.CodeQuota}
	for name, c := range map[string]struct {
		ctx, limited context.Context
		err          error
		want         fate
		ok           bool
	}{
		"done":        {ours, ours, nil, fateDone, true},
		"refused":     {ours, ours, busy, fateFailed, false},
		"lost":        {ours, late, &node.SearchError{Reason: node.ErrNoLeader, Cause: context.DeadlineExceeded}, fateLost, false},
		"wrong":       {ours, ours, fmt.Errorf("%w: from n2", node.ErrVerify), fateWrong, false},
		"unreadable":  {ours, ours, failf(wire.CodeVerify, "nothing there"), fateWrong, false},
		"interrupted": {over, over, context.Canceled, fateCancelled, false},
	} {
		got, err := judge(c.ctx, c.limited, c.err)
		if got != c.want || err != c.err {
			t.Errorf("%s: judge = %v, %v, want %v", name, got, err, c.want)
		}
		f := newTally(start)
		f.planned(1)
		m := doneAt(start, time.Second, time.Second, "n1")
		m.fate, m.err = got, err
		f.record(m)
		r := f.report(somePlan, gallery{}, false)
		counts := []int64{r.Counts.Done, r.Counts.Failed, r.Counts.Lost, r.Counts.Wrong, r.Counts.Cancelled}
		want := make([]int64, 5)
		want[c.want] = 1
		if !slices.Equal(counts, want) || r.OK != c.ok {
			t.Errorf("%s: counts %v, ok %v, want %v, %v", name, counts, r.OK, want, c.ok)
		}
		if told := c.want == fateFailed || c.want == fateLost || c.want == fateWrong; told != (len(r.Failures) == 1) {
			t.Errorf("%s: failures %+v", name, r.Failures)
		}
	}
}

func TestSeriesDoublesItsWidth(t *testing.T) {
	var s series
	for i := range 1000 {
		b := s.at(time.Duration(i) * time.Second)
		b.done++
		b.took.add(time.Duration(i) * time.Millisecond)
	}
	if s.width != 8*time.Second || len(s.buckets) != 125 {
		t.Fatalf("%d buckets of %v, want 125 of 8s", len(s.buckets), s.width)
	}
	for i := range s.buckets {
		if b := &s.buckets[i]; b.done != 8 || b.took.count() != 8 {
			t.Errorf("bucket %d has %d requests and %d times, want 8", i, b.done, b.took.count())
		}
	}
	if p := s.buckets[10].took.at(100); p < 87 || p > 87.1 {
		t.Errorf("the longest in the bucket of 80 s is %v ms, want 87", p)
	}
}

// written is a report as it comes back from its file.
func written(t *testing.T, r *stressReport) *stressReport {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := writeReportJSON(f, r); err != nil {
		t.Fatal(err)
	}
	back, err := (&program{}).readReport(path)
	if err != nil {
		t.Fatalf("readReport: %v", err)
	}
	return back
}

// Percentiles of reports that are merged are those of all requests together, whatever the order.
func TestMergedPercentilesAreTrue(t *testing.T) {
	fast := filled(start.Add(5*time.Second), 100, "n1")
	slow := newTally(start)
	slow.planned(100)
	for range 100 {
		slow.started(false)
		slow.record(doneAt(start, 20*time.Second, 10*time.Second, "n2"))
	}
	slow.note(stressEvent{Kind: eventFault, Node: "n1"})
	slow.events[0].At = 3
	fast.events = []stressEvent{{At: 1, Kind: eventLeader, Node: "n2", Epoch: 2}}
	slow.end(start.Add(20 * time.Second))
	a, b := written(t, fast.report(somePlan, gallery{}, false)), written(t, slow.report(somePlan, gallery{}, true))
	for name, order := range map[string][]*stressReport{"earlier last": {a, b}, "earlier first": {b, a}} {
		sum := &totals{}
		for _, r := range order {
			if err := sum.add(r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		m := written(t, sum.report())
		d := m.Latency[timeTotal]
		if d.Count != 200 || math.Abs(d.P50-100) > 1 || math.Abs(d.P90-10_000) > 20 || math.Abs(d.Mean-5025) > 10 {
			t.Errorf("%s: %+v, want a median of 100 ms and 90 %% within 10 s", name, d)
		}
		if m.OK || !m.Interrupted || m.Counts.Done != 200 || !m.Started.Equal(start) || m.Seconds != 20 || len(m.Runs) != 2 {
			t.Errorf("%s: %+v", name, m)
		}
		if len(m.Servers) != 2 || m.Servers[0].Share != 0.5 || m.Servers[1].Jobs != 100 {
			t.Errorf("%s: servers %+v", name, m.Servers)
		}
		if len(m.Events) != 2 || m.Events[0].Kind != eventFault || m.Events[1].At != 6 {
			t.Errorf("%s: events %+v, want the fault at 3 s and the leader at 6 s", name, m.Events)
		}
		if at := m.Series.Buckets; len(at) != 21 || at[5].Done != 100 || at[20].Done != 100 {
			t.Errorf("%s: %d buckets, %+v", name, len(at), at)
		}
	}
	if err := (&totals{runs: a.Runs}).add(a); err == nil {
		t.Error("a report was added twice")
	}
}

// Events are in order however far apart they are.
func TestMergedEventsOfLongRunsAreInOrder(t *testing.T) {
	sum := &totals{}
	for _, at := range []inSeconds{9000, 0, 3000, 6000} {
		r := filled(start, 1, "n1").report(somePlan, gallery{}, false)
		r.Events = []stressEvent{{At: at}}
		if err := sum.add(r); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.IsSortedFunc(sum.events, func(a, b stressEvent) int { return cmp.Compare(a.At, b.At) }) {
		t.Errorf("events are %v", sum.events)
	}
}

// What is no report is refused, and nothing of it makes the program fall over.
func TestMergeRefusesOddFiles(t *testing.T) {
	good := new(bytes.Buffer)
	if err := writeReportJSON(good, filled(start, 10, "n1").report(somePlan, gallery{}, false)); err != nil {
		t.Fatal(err)
	}
	hdr := regexp.MustCompile(`"hdr": "[^"]+"`)
	for name, text := range map[string]string{
		"nothing":         "",
		"no JSON":         "<html>",
		"another schema":  strings.Replace(good.String(), stressSchema, "p2pnode/stress/v9", 1),
		"no runs":         `{"schema":"` + stressSchema + `","series":{"bucket_seconds":1}}`,
		"no width":        strings.Replace(good.String(), `"bucket_seconds": 1`, `"bucket_seconds": 0`, 1),
		"a huge width":    strings.Replace(good.String(), `"bucket_seconds": 1`, `"bucket_seconds": 1e300`, 1),
		"no histogram":    hdr.ReplaceAllString(good.String(), `"hdr": "AAAA"`),
		"a cut one":       hdr.ReplaceAllStringFunc(good.String(), func(h string) string { return h[:len(h)/2] + `"` }),
		"a text as count": strings.Replace(good.String(), `"done": 10`, `"done": "ten"`, 1),
	} {
		path := filepath.Join(t.TempDir(), "odd.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &program{}
		if err := p.addReport(&totals{}, path); err == nil {
			t.Errorf("%s: taken", name)
		} else if p.explain(err).exit() != 2 {
			t.Errorf("%s: %v, exit %d, want 2", name, err, p.explain(err).exit())
		}
	}
}

// eventful is a report with everything a page can show, and names that would act on it.
func eventful() *stressReport {
	f := filled(start, 300, "n1", `<script>alert("n2")</script>`)
	f.fail("QUOTA", `<img src="https://example.org/x.png">`)
	f.counts.Failed++
	f.series.at(time.Second).failed++
	f.events = []stressEvent{
		{At: 0.5, Kind: eventFault, Node: "n1", Detail: "off the network for 1s"}, {At: 0.8, Kind: eventLeader, Node: "n2", Epoch: 2, Detail: "after n1"},
		{At: 1.5, Kind: eventBack, Node: "n1"}, {At: 2, Kind: eventFault, Node: "n3"},
	}
	plan := somePlan
	plan.Ring = &ringPlan{Interval: 2, Down: 1, Cycles: 1}
	return f.report(plan, gallery{made: true, list: []exhibit{{size: 500_000}}}, true)
}

// A page needs nothing but itself, is well formed, and no name in it becomes markup.
func TestPageIsSelfContainedAndWellFormed(t *testing.T) {
	empty := newTally(start).report(stressPlan{Mode: "open", Rate: 3, Duration: 4}, gallery{}, false)
	for name, r := range map[string]*stressReport{"eventful": eventful(), "empty": empty} {
		var page bytes.Buffer
		if err := writeReportHTML(&page, r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := selfContained(page.String()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if bad := regexp.MustCompile(`NaN|Inf\b|ZgotmplZ|%!|url\(|@import`).FindString(page.String()); bad != "" {
			t.Errorf("%s: the page has %q", name, bad)
		}
	}
	if selfContained(`<p><a href="x">y</a></p>`) == nil || selfContained(`<p><svg></p>`) == nil || selfContained(`<p onload="x"/>`) == nil {
		t.Error("a page that is neither passes")
	}
}

// selfContained reads a page as XML, and finds what would load or run something.
func selfContained(page string) error {
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "link", "iframe", "object", "embed", "img", "image", "use", "base", "form"}, e.Name.Local) {
			return fmt.Errorf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if slices.Contains([]string{"src", "href", "action", "data", "srcset"}, a.Name.Local) || strings.HasPrefix(a.Name.Local, "on") {
				return fmt.Errorf("attribute %s of %s", a.Name.Local, e.Name.Local)
			}
		}
	}
}

func TestPageShowsTheNumbers(t *testing.T) {
	var page bytes.Buffer
	if err := writeReportHTML(&page, eventful()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<b>150 ms</b><span>median latency", "<b>300</b><span>done of 300", `class="span fault"`, `class="mark leader"`, `class="line total"`,
		"&lt;script&gt;alert(&#34;n2&#34;)&lt;/script&gt;", "QUOTA", "10 clients, 100 requests each, pauses of 100ms to 2s", "every 2s one server for 1s, 1× round", "interrupted", `class="bar failed"`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not have %s", want)
		}
	}
}

// The JSON of a report has the keys that docs/STRESS.md promises.
func TestReportHasItsKeys(t *testing.T) {
	raw, err := json.Marshal(eventful())
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/STRESS.md")
	if err != nil {
		t.Fatal(err)
	}
	for key := range r {
		if !strings.Contains(string(doc), "`"+key+"`") {
			t.Errorf("docs/STRESS.md does not explain %s", key)
		}
	}
	for _, key := range []string{"p50_ms", "p90_ms", "p95_ms", "p99_ms", "p99_9_ms", "max_ms", "mean_ms", "hdr"} {
		if d := r["latency"].(map[string]any)["total"].(map[string]any); d[key] == nil {
			t.Errorf("latency.total has no %s", key)
		}
	}
}
