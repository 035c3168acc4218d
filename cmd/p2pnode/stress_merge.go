package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"
)

const (
	reportMax = 64 << 20 // bytes of a report's file
	mergeMax  = 1000     // reports at once, and runs in one
)

func (p *program) stressMergeCommand() *cli.Command {
	return &cli.Command{
		Name: "merge", Usage: "add several JSON reports up to one, with true percentiles", ArgsUsage: "A.json B.json...",
		Flags: common(reportFlags()...), Action: p.action(p.stressMerge),
	}
}

func (p *program) stressMerge(_ context.Context, c *cli.Context) error {
	if c.NArg() == 0 || c.NArg() > mergeMax {
		return usagef("stress merge takes 1 to %d reports", mergeMax).next("p2pnode stress merge A.json B.json --report F.html")
	}
	papers, err := p.openPapers(c, ".json", ".html")
	if err != nil {
		return err
	}
	defer papers.discard()
	sum := &totals{}
	for _, path := range c.Args().Slice() {
		if err := p.addReport(sum, path); err != nil {
			return err
		}
	}
	report := sum.report()
	if err := papers.write(report); err != nil {
		return err
	}
	return p.printReport(c, report)
}

// addReport adds the report in a file.
func (p *program) addReport(sum *totals, path string) error {
	r, err := p.readReport(path)
	if err == nil {
		err = sum.add(r)
	}
	if err == nil || explainFile(err) != nil {
		return err
	}
	return failf(codeOfReport(err), "%s: %w", path, err)
}

// readReport reads a report, with every text in it fit to be shown.
func (p *program) readReport(path string) (*stressReport, error) {
	raw, err := p.readSmall(path, reportMax)
	if err != nil {
		return nil, err
	}
	r := &stressReport{}
	if err := readForTable(raw, r); err != nil {
		return nil, usagef("no report: %w", err)
	}
	if r.Schema != stressSchema {
		return nil, usagef("schema %q, want %s", r.Schema, stressSchema)
	}
	return r, nil
}

// add adds a report. Its times count from the earliest start of all.
func (s *totals) add(r *stressReport) error {
	for _, run := range r.Runs {
		if slices.ContainsFunc(s.runs, func(o stressRun) bool { return o.ID == run.ID }) {
			return usagef("run %s is in another of these reports as well", run.ID)
		}
	}
	if len(r.Runs) == 0 || len(s.runs)+len(r.Runs) > mergeMax {
		return usagef("%d runs; 1 to %d are possible in all", len(s.runs)+len(r.Runs), mergeMax)
	}
	if s.times == nil {
		s.times, s.servers, s.leaders = map[string]*histogram{}, map[string]*party{}, map[string]*party{}
		s.tries, s.reasons, s.started = map[int]int64{}, map[string]*reason{}, r.Started
	}
	if err := s.align(r); err != nil {
		return err
	}
	s.runs = append(s.runs, r.Runs...)
	s.interrupted = s.interrupted || r.Interrupted
	s.counts.plus(r.Counts)
	for _, a := range r.Attempts {
		s.tries[min(a.Attempts, triesMax)] += a.Requests
	}
	for _, f := range r.Failures {
		s.fail(f)
	}
	return s.distributions(r)
}

// align puts what happened on one axis of time: that of the earliest start.
func (s *totals) align(r *stressReport) error {
	theirs, err := r.Series.series()
	if err != nil {
		return err
	}
	end := r.Started.Add(r.Seconds.duration())
	if first := r.Started; first.Before(s.started) {
		shift := s.started.Sub(first)
		ours := s.series
		s.series, s.started, s.took = series{}, first, s.took+shift
		if err := s.series.merge(ours, shift); err != nil {
			return err
		}
		for i := range s.events {
			s.events[i].At += secondsOf(shift)
		}
	}
	shift := r.Started.Sub(s.started)
	s.took = max(s.took, end.Sub(s.started))
	for _, e := range r.Events {
		e.At += secondsOf(shift)
		s.events = append(s.events, e)
	}
	slices.SortStableFunc(s.events, func(a, b stressEvent) int { return cmp.Compare(a.At, b.At) })
	s.unkept += r.Unkept
	if beyond := len(s.events) - eventsMax; beyond > 0 {
		s.events, s.unkept = s.events[:eventsMax], s.unkept+int64(beyond)
	}
	return s.series.merge(theirs, shift)
}

// fail adds one reason; reasons are of a short closed list, but files may say anything.
func (s *totals) fail(f failureReport) {
	code := f.Code
	if s.reasons[code] == nil && len(s.reasons) >= partiesMax {
		code = partyOthers
	}
	if s.reasons[code] == nil {
		s.reasons[code] = &reason{example: f.Example}
	}
	s.reasons[code].count += f.Count
}

// distributions adds the histograms.
func (s *totals) distributions(r *stressReport) error {
	for _, what := range append([]string{timeTotal}, append(slices.Clone(stageSum), stageDetail...)...) {
		d, ok := r.Latency[what]
		if !ok {
			continue
		}
		if s.times[what] == nil {
			s.times[what] = &histogram{}
		}
		if err := d.addTo(s.times[what]); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := addParties(s.servers, r.Servers); err != nil {
		return err
	}
	return addParties(s.leaders, r.Leaders)
}

func (d distribution) addTo(h *histogram) error {
	o, err := d.histogram()
	if err != nil {
		return err
	}
	return h.merge(o)
}

func addParties(to map[string]*party, list []partyReport) error {
	for _, r := range list {
		p := partyNamed(to, r.Name)
		p.jobs, p.bytes = p.jobs+r.Jobs, p.bytes+r.Bytes
		if err := r.Latency.addTo(&p.took); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	return nil
}
