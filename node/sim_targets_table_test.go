package node

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// report prints the tables, writes them where -targets.out says, and fails for every target that is not met.
func report(t *testing.T, chosen []*cell, results [][]*trial) {
	var b strings.Builder
	section := ""
	for i, c := range chosen {
		if kind, _, _ := strings.Cut(c.what, ","); kind != section {
			section = kind
			b.WriteString(heading(c))
		}
		row, missed := c.row(results[i])
		b.WriteString(row)
		if missed != "" {
			slowest := slices.MaxFunc(results[i], func(a, b *trial) int { return cmp.Compare(a.took, b.took) })
			t.Errorf("%s: %s; the slowest is seed %d, %s", c.name(), missed, slowest.seed, c.replay(slowest.seed))
		}
	}
	t.Log("\n" + b.String())
	if *targetOut == "" {
		return
	}
	if err := os.WriteFile(*targetOut, []byte(strings.TrimPrefix(b.String(), "\n")), 0o644); err != nil {
		t.Error(err)
	}
}

// heading begins the table of a kind of cell.
func heading(c *cell) string {
	switch {
	case c.hours:
		return "\n| without a fault | nodes | network | hours | changes of leader | peers held dead | may assign |\n|---|---|---|---|---|---|---|\n"
	case strings.HasPrefix(c.what, "heal"):
		return "\n| partition | nodes | network | runs | p50 | p99 | worst | target | met | ledgers equal, worst | jobs ended, worst |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
	}
	return "\n| " + c.what + " | nodes | network | runs | agreed, p99 | assigning, p50 | p99 | worst | target | met |\n|---|---|---|---|---|---|---|---|---|---|\n"
}

// row is the cell's line, and which target it has missed.
func (c *cell) row(rs []*trial) (line, missed string) {
	if c.hours {
		return c.quietRow(rs), ""
	}
	took := ofEach(rs, func(r *trial) time.Duration { return r.took })
	missed = c.target.missed(took)
	met := "–"
	switch {
	case missed != "":
		met = "**no**"
	case c.target != target{}:
		met = "yes"
	}
	figures := fmt.Sprintf("%s | %s | %s | %v | %s |", percent(took, 50), percent(took, 99), percent(took, 100), c.target, met)
	if kind, how, ok := strings.Cut(c.what, ", "); ok && kind == "heal" {
		ledgers := ofEach(rs, func(r *trial) time.Duration { return r.ledgers })
		jobs := ofEach(rs, func(r *trial) time.Duration { return r.jobs })
		return fmt.Sprintf("| %s, %v | %d | %v | %d | %s %s | %s |\n", how, c.mode, c.nodes, c.weather, len(rs), figures, percent(ledgers, 100), percent(jobs, 100)), missed
	}
	agreed := ofEach(rs, func(r *trial) time.Duration { return r.agreed })
	return fmt.Sprintf("| %v | %d | %v | %d | %s | %s\n", c.mode, c.nodes, c.weather, len(rs), percent(agreed, 99), figures), missed
}

func percent(ds []time.Duration, p int) string {
	return fmt.Sprintf("%.2f s", percentile(ds, p).Seconds())
}

func (c *cell) quietRow(rs []*trial) string {
	var sum calm
	for _, r := range rs {
		sum.for_ += r.calm.for_
		sum.changes += r.calm.changes
		sum.deaths += r.calm.deaths
		sum.samples += r.calm.samples
		sum.ready += r.calm.ready
	}
	return fmt.Sprintf("| %v | %d | %v | %.4g | %d | %d | %.3f %% |\n",
		c.mode, c.nodes, c.weather, sum.for_.Hours(), sum.changes, sum.deaths, 100*float64(sum.ready)/float64(max(1, sum.samples)))
}

func ofEach(rs []*trial, f func(*trial) time.Duration) (ds []time.Duration) {
	for _, r := range rs {
		ds = append(ds, f(r))
	}
	return ds
}

// missed says which bound the durations break; too few of them say nothing.
func (g target) missed(ds []time.Duration) string {
	if len(ds) < judged {
		return ""
	}
	for _, b := range []struct {
		percent int
		bound   time.Duration
	}{{50, g.p50}, {99, g.p99}, {100, g.worst}} {
		if d := percentile(ds, b.percent); b.bound > 0 && d > b.bound {
			return fmt.Sprintf("%d %% took up to %v, want at most %v", b.percent, d, b.bound)
		}
	}
	return ""
}

func (g target) String() string {
	var words []string
	for _, b := range []struct {
		name  string
		bound time.Duration
	}{{"p50", g.p50}, {"p99", g.p99}, {"worst", g.worst}} {
		if b.bound > 0 {
			words = append(words, fmt.Sprintf("%s ≤ %.4g s", b.name, b.bound.Seconds()))
		}
	}
	if len(words) == 0 {
		return "–"
	}
	return strings.Join(words, ", ")
}
