package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"
)

//go:embed stress.html
var stressPage string

var stressTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"ms": inMS, "bytes": inBytes, "percent": inPercent}).Parse(stressPage))

// stressSheet is a report as the page shows it.
type stressSheet struct {
	*stressReport
	Percentiles, Latencies, Throughput plot
	Parts                              []stagePart
	Rows                               []stageRow
}

// stagePart is a stage's share of the mean total: a piece of a bar of 100 units.
type stagePart struct {
	Class    string
	X, Width float64
	Mean     float64
}

// stageRow is a line of the table of stages.
type stageRow struct {
	Name, What string
	Beside     bool // those that add up to the total
	distribution
}

// stageMeanings say what is measured, for people.
var stageMeanings = map[string]string{
	timeTotal:      "from when it should have started to the verified result",
	timeSchedule:   "from when it should have started to its start: no client was free",
	timeAssignment: "asking who leads, and for a server",
	timeQueueing:   "waiting at the server, as it says",
	timeWorking:    "being worked on at the server, as it says",
	timeTransfer:   "under way, nothing else to be waited for",
	timeVerifying:  "the client checks and stores the result",
	timeOther:      "earlier attempts, pauses, reading, sealing, acknowledging",
	timeService:    "the total from the real start",
	timeUpload:     "sending the image; may overlap with work and download",
	timeFirstByte:  "from the server's consent to the first byte of the result",
	timeDownload:   "from that byte to the last",
}

// writeReportHTML writes a report as one page that needs nothing else.
func writeReportHTML(w io.Writer, r *stressReport) error {
	s := stressSheet{stressReport: r, Latencies: r.latencyPlot(), Throughput: r.throughputPlot(), Parts: r.parts()}
	var err error
	if s.Percentiles, err = r.percentilePlot(); err != nil {
		return err
	}
	for _, what := range r.stages() {
		s.Rows = append(s.Rows, stageRow{what, stageMeanings[what], slices.Contains(stageDetail, what), r.Latency[what]})
	}
	return stressTemplate.Execute(w, s)
}

// parts divides the mean total among the stages.
func (r *stressReport) parts() (parts []stagePart) {
	sum, x := 0.0, 0.0
	for _, what := range stageSum {
		sum += r.Latency[what].Mean
	}
	for _, what := range stageSum {
		if mean := r.Latency[what].Mean; mean > 0 {
			width := 100 * mean / sum
			parts = append(parts, stagePart{what, rounded(x*10) / 10, rounded(width*10) / 10, mean})
			x += width
		}
	}
	return parts
}

// Verdict is how a run went, in a few words.
func (s stressSheet) Verdict() string {
	switch c := s.Counts; {
	case c.Wrong > 0:
		return fmt.Sprintf("%d came back wrong", c.Wrong)
	case s.OK:
		return "all came back right"
	case s.Interrupted:
		return "interrupted"
	case c.Lost > 0:
		return fmt.Sprintf("%d lost", c.Lost)
	}
	return fmt.Sprintf("%d failed", s.Counts.Failed)
}

// When is the start, to the second.
func (s stressSheet) When() string { return s.Started.UTC().Format("2006-01-02 15:04:05 UTC") }

// Took is the length of the run.
func (s stressSheet) Took() string {
	return s.Seconds.duration().Round(100 * time.Millisecond).String()
}

// Load says in words what one run did.
func (r stressRun) Load() string {
	c := r.Config
	if c.Mode == "open" {
		return fmt.Sprintf("open: %g/s at times of chance (Poisson) for %v, at most %d at a time", c.Rate, c.Duration.duration(), c.Clients)
	}
	return fmt.Sprintf("closed: %s, %s each, pauses of %v to %v", amount(c.Clients, "client"), amount(c.Requests, "request"), c.MinDelay.duration(), c.MaxDelay.duration())
}

// Ring says in words which servers were taken off the network.
func (r stressRun) Ring() string {
	ring := r.Config.Ring
	if ring == nil {
		return "none"
	}
	times := "until the end"
	if ring.Cycles > 0 {
		times = fmt.Sprintf("%d× round", ring.Cycles)
	}
	return fmt.Sprintf("every %v one server for %v, %s", ring.Interval.duration(), ring.Down.duration(), times)
}

// Percent is the share, of a hundred.
func (r partyReport) Percent() float64 { return min(100, 100*r.Share) }

func inPercent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// inBytes says bytes as people do.
func inBytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.2f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return amount(n, "byte")
}
