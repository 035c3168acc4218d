package main

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// distribution is how long something took, of many requests: an HDR histogram, so that several can be added up without a loss,
// and what people read of it. Times are milliseconds, right to three digits.
type distribution struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	Min   float64 `json:"min_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
	HDR   string  `json:"hdr"` // HdrHistogram V2, compressed, base64; microseconds
}

// histogram counts times; a zero one is empty. It is not safe for several goroutines.
type histogram struct{ of *hdrhistogram.PackedHistogram }

const histogramTop = int64(2 * stressTimeoutMax / time.Microsecond)

func (h *histogram) make() {
	if h.of == nil {
		h.of = hdrhistogram.NewPacked(1, histogramTop, 3)
	}
}

// add counts one time; what is longer than a histogram holds counts as the longest it holds.
func (h *histogram) add(d time.Duration) {
	h.make()
	if err := h.of.RecordValue(min(histogramTop, max(0, d.Microseconds()))); err != nil {
		panic("stress: " + err.Error()) // neither negative nor too large
	}
}

// merge adds what another one counts.
func (h *histogram) merge(o histogram) error {
	if o.of == nil {
		return nil
	}
	h.make()
	if dropped := h.of.Merge(o.of); dropped > 0 {
		return fmt.Errorf("%s beyond %v", amount(dropped, "time"), time.Duration(histogramTop)*time.Microsecond)
	}
	return nil
}

// count is how many times are in it.
func (h *histogram) count() int64 {
	if h.of == nil {
		return 0
	}
	return h.of.TotalCount()
}

// at is the time in milliseconds that a share of them, in percent, does not exceed.
func (h *histogram) at(percent float64) float64 {
	if h.of == nil {
		return 0
	}
	return float64(h.of.ValueAtPercentile(percent)) / 1000
}

// distribution is the histogram as a report carries it.
func (h *histogram) distribution() distribution {
	h.make()
	if h.count() == 0 {
		return distribution{}
	}
	encoded, err := h.of.Encode()
	if err != nil {
		panic("stress: " + err.Error()) // into memory
	}
	return distribution{
		Count: h.count(), Mean: h.of.Mean() / 1000, Min: float64(h.of.Min()) / 1000, P50: h.at(50), P90: h.at(90), P95: h.at(95),
		P99: h.at(99), P999: h.at(99.9), Max: float64(h.of.Max()) / 1000, HDR: string(encoded),
	}
}

// histogram reads a distribution back.
func (d distribution) histogram() (h histogram, err error) {
	if d.HDR == "" {
		return h, nil
	}
	read, err := hdrhistogram.DecodePacked([]byte(d.HDR))
	if err != nil {
		return h, fmt.Errorf("read histogram: %w", err)
	}
	return h, h.merge(histogram{read}) // its own range may be another
}
