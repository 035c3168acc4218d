package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"p2pnode/node"
)

// traffic collects what the datagram layer and the loop count.
type traffic struct{ node *node.Node }

// total describes one count since the start.
func total(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("p2pnode_"+name+"_total", help, labels, nil)
}

var (
	descDatagrams  = total("datagrams", "Control datagrams, by direction.", "direction")
	descBytes      = total("datagram_bytes", "Bytes of control datagrams, by direction.", "direction")
	descResent     = total("retransmissions", "Reliable messages sent again.")
	descRefused    = total("datagrams_refused", "Datagrams not acted on, by reason.", "reason")
	descSkipped    = total("frames_skipped", "Messages of a kind that this version does not know, acknowledged and skipped.")
	descHandshakes = total("handshakes", "Sessions begun with peers.")
	descChanges    = total("leader_changes", "Changes of leadership that this server saw.")
	descCanvass    = total("election_messages", "Messages Election and Coordinator said to peers, retransmissions not counted.")
	descLate       = gauge("loop_late_seconds", "The longest the loop has been late since the start.")
	descBacklog    = gauge("store_backlog", "Store batches not yet on disk.")
	descHeld       = gauge("results_held", "Results kept on this server.")
	descHere       = gauge("jobs_here", "Jobs admitted by this server and not ended, their uploads included.")
	descWaiting    = gauge("jobs_waiting", "Jobs here that wait for a worker, or for memory.")
)

// Describe implements prometheus.Collector.
func (t traffic) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descDatagrams, descBytes, descResent, descRefused, descSkipped, descHandshakes, descChanges, descCanvass, descLate, descBacklog, descHeld, descHere, descWaiting} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (t traffic) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c, err := t.node.Counters(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(descHandshakes, err)
		return
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	w := c.Wire
	count(descDatagrams, w.DatagramsIn, "in")
	count(descDatagrams, w.DatagramsOut, "out")
	count(descBytes, w.BytesIn, "in")
	count(descBytes, w.BytesOut, "out")
	count(descResent, w.Retransmissions)
	count(descSkipped, w.Unknown)
	count(descHandshakes, w.Handshakes)
	count(descChanges, c.Changes)
	count(descCanvass, c.Canvass)
	for reason, v := range map[string]uint64{
		"replayed": w.Replays, "malformed": w.Malformed, "unauthenticated": w.Unauthenticated, "misdirected": w.Misdirected,
		"forbidden": w.Forbidden, "over_budget": w.Starved, "queue_full": c.Dropped,
	} {
		count(descRefused, v, reason)
	}
	for d, v := range map[*prometheus.Desc]float64{
		descLate: c.Late.Seconds(), descBacklog: float64(c.Backlog), descHeld: float64(c.Held),
		descHere: float64(c.Here), descWaiting: float64(c.Waiting),
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
}
