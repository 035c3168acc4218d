package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"p2pnode/wire"
)

// papers are the files that a report goes to, begun before the run: where one cannot be written, that is said at once.
type papers []*output

// openPapers begins the files of --report, whose names end in one of some ways.
func (p *program) openPapers(c *cli.Context, kinds ...string) (papers papers, err error) {
	for _, path := range c.StringSlice("report") {
		if !slices.Contains(kinds, filepath.Ext(path)) {
			papers.discard()
			return nil, usagef("--report %s: a file named %s is wanted", path, strings.Join(kinds, " or "))
		}
		o, err := p.createOutput(path, c.Bool("force"))
		if err != nil {
			papers.discard()
			return nil, err
		}
		papers = append(papers, o)
	}
	return papers, nil
}

// discard removes those that were not written.
func (all papers) discard() {
	for _, o := range all {
		o.discard()
	}
}

// write writes a report to all of them.
func (all papers) write(r *stressReport) error {
	for _, o := range all {
		render := writeReportJSON
		if filepath.Ext(o.path) == ".html" {
			render = writeReportHTML
		}
		if err := render(o.file, r); err != nil {
			return fmt.Errorf("write %s: %w", o.path, err)
		}
		if err := o.commit(); err != nil {
			return err
		}
	}
	return nil
}

// writeReportJSON writes a report as a file that people open as well.
func writeReportJSON(w io.Writer, r *stressReport) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// codeOfReport is the code of what is wrong with a report's file: its own, where it has one.
func codeOfReport(err error) wire.Code {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.Code
	}
	return wire.CodeUsage
}

// printReport writes a report to stdout: JSON, or what a person wants to know first.
func (p *program) printReport(c *cli.Context, r *stressReport) error {
	if c.Bool("json") {
		return p.printJSON(r)
	}
	fmt.Fprintln(p.stdout, r.sentence())
	t := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nMILLISECONDS\tP50\tP90\tP95\tP99\tP99.9\tMAX\tMEAN\t\n")
	for _, what := range r.stages() {
		d := r.Latency[what]
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", what, d.P50, d.P90, d.P95, d.P99, d.P999, d.Max, d.Mean)
	}
	fmt.Fprint(t, "\nSERVER\tJOBS\tSHARE\tP50\tP95\t\n")
	for _, s := range r.Servers {
		fmt.Fprintf(t, "%s\t%d\t%.1f%%\t%.1f\t%.1f\t\n", s.Name, s.Jobs, 100*s.Share, s.Latency.P50, s.Latency.P95)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return p.printIncidents(r)
}

// printIncidents writes who led, and what went wrong.
func (p *program) printIncidents(r *stressReport) error {
	var led []string
	for _, l := range r.Leaders {
		led = append(led, fmt.Sprintf("%s %d", l.Name, l.Jobs))
	}
	fmt.Fprintf(p.stdout, "\nassigned by: %s; attempts %d, failovers %d\n", strings.Join(led, ", "), r.Counts.Attempts, r.Counts.Failovers)
	for _, f := range r.Failures {
		fmt.Fprintf(p.stdout, "%s %s, first: %s\n", f.Code, amount(f.Count, "time"), visible(f.Example))
	}
	return nil
}

// sentence is a report in one line.
func (r *stressReport) sentence() string {
	c, end := r.Counts, ""
	if r.Interrupted {
		end = "; interrupted"
	}
	if c.Late > 0 {
		end = fmt.Sprintf(", %d started late", c.Late) + end
	}
	return fmt.Sprintf("%d of %d done in %.1f s (%.1f/s): %d failed, %d lost, %d wrong%s", c.Done, c.Planned, r.Seconds, r.Rate, c.Failed, c.Lost, c.Wrong, end)
}

// stages are those whose times say something: all of them, but what only open runs have.
func (r *stressReport) stages() []string {
	list := []string{timeTotal}
	for _, what := range append(append([]string{}, stageSum...), stageDetail...) {
		d, ok := r.Latency[what]
		if ok && (r.scheduled() || what != timeSchedule && what != timeService) && d.Count > 0 {
			list = append(list, what)
		}
	}
	return list
}

// scheduled reports whether any of its runs started requests at times fixed beforehand.
func (r *stressReport) scheduled() bool {
	for _, run := range r.Runs {
		if run.Config.Mode == "open" {
			return true
		}
	}
	return false
}
