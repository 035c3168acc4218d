package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"p2pnode/node"
	"p2pnode/wire"
)

// metrics is what /metrics shows: what the node tells as it happens, and its status when asked.
type metrics struct {
	registry  *prometheus.Registry
	jobs      *prometheus.CounterVec
	queued    prometheus.Histogram
	worked    prometheus.Histogram
	first     prometheus.Histogram
	upload    prometheus.Histogram
	download  prometheus.Histogram
	bytes     prometheus.Counter
	elections prometheus.Histogram
	trips     prometheus.Histogram
}

func newMetrics() *metrics {
	times := prometheus.ExponentialBuckets(0.005, 2, 14) // 5 ms to 41 s
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: times})
	}
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		jobs:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "p2pnode_jobs_total", Help: "Jobs that a worker of this server ended, by outcome."}, []string{"code"}),
		queued:    histogram("p2pnode_job_queue_seconds", "Time a job waited for a worker."),
		worked:    histogram("p2pnode_job_work_seconds", "Time a worker spent on a job."),
		first:     histogram("p2pnode_job_first_byte_seconds", "Time from a job's admission, before its upload, to the first byte of its result."),
		upload:    histogram("p2pnode_job_upload_seconds", "Time from a job's admission until all of its image was here."),
		download:  histogram("p2pnode_job_download_seconds", "Time from the first byte of a result to its last, as it left; one that was being made meanwhile included."),
		bytes:     prometheus.NewCounter(prometheus.CounterOpts{Name: "p2pnode_job_image_bytes_total", Help: "Bytes of images worked on."}),
		elections: histogram("p2pnode_election_seconds", "Time from the last sign of the old leader to the new one."),
		trips: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "p2pnode_round_trip_seconds", Help: "Smoothed round trip to every live peer, once a second.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 15)}), // 0.1 ms to 1.6 s
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "p2pnode_build_info", Help: "Always 1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": thisBuild().Version}})
	build.Set(1)
	m.registry.MustRegister(m.jobs, m.queued, m.worked, m.first, m.upload, m.download, m.bytes, m.elections, m.trips, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// JobDone implements node.Metrics.
func (m *metrics) JobDone(code wire.Code, t node.Timing, bytes int64) {
	m.jobs.WithLabelValues(code.String()).Inc()
	m.queued.Observe(t.Queued.Seconds())
	m.worked.Observe(t.Worked.Seconds())
	if t.First > 0 {
		m.first.Observe(t.First.Seconds())
	}
	if t.Upload > 0 {
		m.upload.Observe(t.Upload.Seconds())
	}
	m.bytes.Add(float64(bytes))
}

// Delivered implements node.Metrics.
func (m *metrics) Delivered(took time.Duration, _ int64) { m.download.Observe(took.Seconds()) }

// Elected implements node.Metrics.
func (m *metrics) Elected(took time.Duration) { m.elections.Observe(took.Seconds()) }

// RoundTrip implements node.Metrics.
func (m *metrics) RoundTrip(took time.Duration) { m.trips.Observe(took.Seconds()) }

// handler answers /metrics.
func (m *metrics) handler(n *node.Node) http.Handler {
	m.registry.MustRegister(snapshot{n}, traffic{n}, sessions{n})
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// snapshot collects what a node's status says at the moment of a scrape.
type snapshot struct{ node *node.Node }

// gauge describes one number of the status.
func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("p2pnode_"+name, help, labels, nil)
}

var (
	descEpoch   = gauge("epoch", "Epoch of the leadership this server acknowledges.")
	descReady   = gauge("ready", "1 if a job asked for now would be assigned.")
	descLeads   = gauge("leader", "1 if this server leads.")
	descNodes   = gauge("nodes", "Servers this one knows, by state.", "state")
	descJobs    = gauge("ledger_jobs", "Jobs in the ledger that are not finished, by state.", "state")
	descRecords = gauge("ledger_records", "Records in the ledger, tombstones included.")
	descLoad    = gauge("load_ratio", "Load score of each server, 0 to 1.", "node")
	descRTT     = gauge("peer_rtt_seconds", "Round trip to each peer.", "node")
)

// Describe implements prometheus.Collector.
func (s snapshot) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descEpoch, descReady, descLeads, descNodes, descJobs, descRecords, descLoad, descRTT} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s snapshot) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	status, err := s.node.Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(descReady, err)
		return
	}
	put := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	put(descEpoch, float64(status.Epoch))
	put(descReady, truth(status.Ready))
	put(descLeads, truth(status.Leader != nil && *status.Leader == status.Self))
	put(descRecords, float64(status.Ledger.Records))
	put(descJobs, float64(status.Jobs.Assigned), "assigned")
	put(descJobs, float64(status.Jobs.Running), "running")
	put(descJobs, float64(status.Jobs.Done), "done")
	states := map[string]int{"alive": 0, "suspect": 0, "dead": 0}
	for _, n := range status.Nodes {
		states[n.State]++
		put(descLoad, n.Load/100, n.Name)
		if n.Name != status.Self {
			put(descRTT, n.RTT/1000, n.Name)
		}
	}
	for state, count := range states {
		put(descNodes, float64(count), state)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
