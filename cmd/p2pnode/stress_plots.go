package main

import (
	"fmt"
	"math"
)

// percentilePlot shows which share of requests took at most how long: the rarer, the more room, as both axes are logarithmic.
func (r *stressReport) percentilePlot() (plot, error) {
	p := plot{Title: "Latency by percentile", Across: "share of the requests done that were at least as fast", Up: "time"}
	total := r.Latency[timeTotal]
	if total.Count == 0 {
		return p, nil
	}
	depth := min(6, max(1, math.Log10(float64(total.Count))))
	x := axis{to: depth}
	for _, percent := range []float64{0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999} {
		if at := rarity(percent); at <= depth {
			p.XTicks = append(p.XTicks, tick{x.at(at), brief(percent) + " %"})
		}
	}
	y, ticks := decades(max(total.P50/100, r.fastest()), total.Max, briefMS)
	p.YTicks = ticks
	for _, what := range []string{timeTotal, timeAssignment, timeQueueing, timeWorking, timeTransfer, timeVerifying} {
		path, err := percentileCurve(r.Latency[what], x, y)
		if err != nil {
			return p, err
		}
		if path != "" {
			p.Lines = append(p.Lines, trace{"line " + what, what, path})
		}
	}
	return p, nil
}

// fastest is the least time of all stages drawn, in milliseconds.
func (r *stressReport) fastest() float64 {
	least := math.Inf(1)
	for _, what := range []string{timeTotal, timeAssignment, timeWorking, timeTransfer, timeVerifying} {
		if d := r.Latency[what]; d.Count > 0 {
			least = min(least, d.P50)
		}
	}
	return least / 2
}

// rarity is the place of a percentile: 0 for none, 1 for 90 %, 2 for 99 %.
func rarity(percent float64) float64 { return -math.Log10(1 - percent/100) }

// percentileSteps is how many points make a curve.
const percentileSteps = 120

func percentileCurve(d distribution, x, y axis) (string, error) {
	h, err := d.histogram()
	if err != nil || h.count() == 0 {
		return "", err
	}
	points := make([][2]float64, 0, percentileSteps+1)
	for i := range percentileSteps + 1 {
		rare := x.to * float64(i) / percentileSteps
		ms := h.at(100 * (1 - math.Pow(10, -rare)))
		if ms < y.from {
			ms = math.NaN()
		} else {
			ms = y.at(ms)
		}
		points = append(points, [2]float64{x.at(rare), ms})
	}
	return curve(points), nil
}

// timeAxis is the axis that the two plots over time share, with what happened meanwhile.
func (r *stressReport) timeAxis(p *plot) axis {
	length := max(float64(r.Seconds), float64(r.Series.Width)*float64(len(r.Series.Buckets)))
	x, ticks := linear(length, false, briefSeconds)
	p.XTicks, p.Across = ticks, "since the start"
	for i, e := range r.Events {
		at := x.at(float64(e.At))
		switch e.Kind {
		case eventFault:
			p.Spans = append(p.Spans, span{"fault", e.Node + " " + e.Detail, at, rounded(x.at(r.backAfter(i)) - at)})
		case eventLeader:
			p.Marks = append(p.Marks, mark{"leader", fmt.Sprintf("%s leads, epoch %d, at %.1f s", e.Node, e.Epoch, e.At), at})
		}
	}
	return x
}

// backAfter is when the server of a fault was back; the end of the run, if that is not known.
func (r *stressReport) backAfter(i int) float64 {
	for _, e := range r.Events[i+1:] {
		if e.Kind == eventBack && e.Node == r.Events[i].Node {
			return float64(e.At)
		}
	}
	return float64(r.Seconds)
}

// latencyPlot shows how long requests took over time.
func (r *stressReport) latencyPlot() plot {
	p := plot{Title: "Latency over time", Up: "total"}
	x, most := r.timeAxis(&p), 0.0
	for _, b := range r.Series.Buckets {
		most = max(most, b.Latency.Max)
	}
	y, ticks := linear(most, true, briefMS)
	p.YTicks = ticks
	for _, l := range []struct {
		class, name string
		of          func(distribution) float64
	}{
		{"line most", "max", func(d distribution) float64 { return d.Max }},
		{"line p95", "p95", func(d distribution) float64 { return d.P95 }},
		{"line p50", "p50", func(d distribution) float64 { return d.P50 }},
	} {
		p.Lines = append(p.Lines, trace{l.class, l.name, r.overTime(x, y, l.of)})
	}
	return p
}

// overTime is a curve with a point in the middle of each bucket in which something was done.
func (r *stressReport) overTime(x, y axis, of func(distribution) float64) string {
	var points [][2]float64
	for i, b := range r.Series.Buckets {
		at := [2]float64{x.at((float64(i) + 0.5) * float64(r.Series.Width)), math.NaN()}
		if b.Latency.Count > 0 {
			at[1] = y.at(of(b.Latency))
			if alone(r.Series.Buckets, i) { // a point without a neighbour would not be seen
				points = append(points, [2]float64{at[0] - 2, at[1]})
				at[0] += 2
			}
		}
		points = append(points, at)
	}
	return curve(points)
}

func alone(all []bucketReport, i int) bool {
	return (i == 0 || all[i-1].Latency.Count == 0) && (i+1 == len(all) || all[i+1].Latency.Count == 0)
}

// throughputPlot shows how many requests ended over time, and how.
func (r *stressReport) throughputPlot() plot {
	p := plot{Title: "Throughput over time", Up: "requests ended per second"}
	x, most := r.timeAxis(&p), 0.0
	for _, b := range r.Series.Buckets {
		most = max(most, float64(b.Done+b.Failed+b.Lost+b.Wrong)/float64(r.Series.Width))
	}
	y, ticks := linear(most, true, brief)
	p.YTicks = ticks
	for i, b := range r.Series.Buckets {
		from := float64(i) * float64(r.Series.Width)
		left, right := x.at(from), x.at(from+float64(r.Series.Width))
		below := 0.0
		for _, part := range []struct {
			class string
			n     int64
		}{{"done", b.Done}, {"failed", b.Failed}, {"lost", b.Lost}, {"wrong", b.Wrong}} {
			if part.n == 0 {
				continue
			}
			above := below + float64(part.n)/float64(r.Series.Width)
			hint := fmt.Sprintf("%d %s from %g s to %g s", part.n, part.class, from, from+float64(r.Series.Width))
			p.Bars = append(p.Bars, column{part.class, hint, left, y.at(above), rounded(max(0.6, right-left-0.6)), rounded(y.at(below) - y.at(above))})
			below = above
		}
	}
	return p
}
