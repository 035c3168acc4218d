package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The frame that plots are drawn in, in units of their viewBox.
const (
	plotWidth  = 560
	plotHeight = 280
	plotLeft   = 62
	plotRight  = 14
	plotTop    = 14
	plotBottom = 40
)

// plot is a diagram as the page draws it.
type plot struct {
	Title, Across, Up string // what it shows, and its axes
	XTicks, YTicks    []tick
	Spans             []span
	Bars              []column
	Lines             []trace
	Marks             []mark
}

type tick struct {
	At    float64
	Label string
}

// trace is one curve; Path is an SVG path.
type trace struct{ Class, Name, Path string }

type column struct {
	Class, Hint         string
	X, Y, Width, Height float64
}

// span is a time during which something held, mark a moment at which something happened.
type span struct {
	Class, Hint string
	X, Width    float64
}

type mark struct {
	Class, Hint string
	X           float64
}

// Width and the other lengths are for the page.
func (plot) Width() int  { return plotWidth }
func (plot) Height() int { return plotHeight }
func (plot) Left() int   { return plotLeft }
func (plot) Right() int  { return plotWidth - plotRight }
func (plot) Top() int    { return plotTop }
func (plot) Bottom() int { return plotHeight - plotBottom }
func (plot) Depth() int  { return plotHeight - plotBottom - plotTop }
func (plot) Middle() int { return (plotLeft + plotWidth - plotRight) / 2 }
func (plot) Label() int  { return plotHeight - plotBottom + 18 }
func (plot) Foot() int   { return plotHeight - 6 }

// axis maps values to places: across from plotLeft, up from the bottom.
type axis struct {
	from, to float64
	log      bool
	up       bool
}

func (a axis) at(v float64) float64 {
	share := (v - a.from) / (a.to - a.from)
	if a.log {
		share = math.Log10(max(v, a.from)/a.from) / math.Log10(a.to/a.from)
	}
	share = min(1, max(0, share))
	if a.up {
		return rounded(plotHeight - plotBottom - share*(plotHeight-plotTop-plotBottom))
	}
	return rounded(plotLeft + share*(plotWidth-plotLeft-plotRight))
}

// rounded keeps pages small: a tenth of a unit is not seen.
func rounded(v float64) float64 { return math.Round(v*10) / 10 }

// linear is an axis from zero to a round value above most, with its ticks.
func linear(most float64, up bool, label func(float64) string) (axis, []tick) {
	step := niceStep(most)
	a := axis{to: step * max(1, math.Ceil(most/step)), up: up}
	var ticks []tick
	for i := 0; float64(i)*step <= a.to+step/2; i++ {
		ticks = append(ticks, tick{a.at(float64(i) * step), label(float64(i) * step)})
	}
	return a, ticks
}

// niceStep divides a range in about five steps of 1, 2 or 5 times a power of ten.
func niceStep(most float64) float64 {
	if !(most > 0) || math.IsInf(most, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, times := range []float64{1, 2, 5} {
		if most/(power*times) <= 5 {
			return power * times
		}
	}
	return power * 10
}

// decades is a logarithmic axis of whole decades around values, with a tick at each.
func decades(least, most float64, label func(float64) string) (axis, []tick) {
	low := math.Floor(math.Log10(max(least, 0.001)))
	high := max(low+1, math.Ceil(math.Log10(max(most, 0.001))))
	a := axis{from: math.Pow(10, low), to: math.Pow(10, high), log: true, up: true}
	var ticks []tick
	for d := low; d <= high; d++ {
		ticks = append(ticks, tick{a.at(math.Pow(10, d)), label(math.Pow(10, d))})
	}
	return a, ticks
}

// curve joins points; NaN breaks it.
func curve(points [][2]float64) string {
	var path strings.Builder
	pen := "M"
	for _, p := range points {
		if math.IsNaN(p[1]) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%g %g", pen, p[0], p[1])
		pen = "L"
	}
	return path.String()
}

// inMS says milliseconds as people do.
func inMS(ms float64) string {
	switch {
	case ms >= 10_000:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
	case ms >= 100:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case ms >= 1:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(ms*1000, 'f', 0, 64) + " µs"
}

// briefMS is inMS without decimals that an axis does not need.
func briefMS(ms float64) string {
	switch {
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'g', 6, 64) + " s"
	case ms >= 1 || ms == 0:
		return strconv.FormatFloat(ms, 'g', 6, 64) + " ms"
	}
	return strconv.FormatFloat(ms*1000, 'g', 6, 64) + " µs"
}

func brief(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func briefSeconds(v float64) string { return brief(v) + " s" }
