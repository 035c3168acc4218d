package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"p2pnode/node"
)

// sessions collects what a node's sessions with its peers have counted.
type sessions struct{ node *node.Node }

var (
	descPeerResent = total("peer_retransmissions", "Reliable messages sent again, by peer, since its session began.", "node")
	descPeerBytes  = total("peer_datagram_bytes", "Bytes of control datagrams, by peer and direction, since its session began.", "node", "direction")
	descPeerQueue  = gauge("peer_queue", "Reliable messages to a peer not yet acknowledged.", "node")
)

// Describe implements prometheus.Collector.
func (s sessions) Describe(out chan<- *prometheus.Desc) {
	out <- descPeerResent
	out <- descPeerBytes
	out <- descPeerQueue
}

// Collect implements prometheus.Collector.
func (s sessions) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	peers, err := s.node.Peers(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(descPeerQueue, err)
		return
	}
	for _, p := range peers.Peers {
		v := p.Session
		if v == nil {
			continue
		}
		out <- prometheus.MustNewConstMetric(descPeerResent, prometheus.CounterValue, float64(v.Retransmissions), p.Name)
		out <- prometheus.MustNewConstMetric(descPeerBytes, prometheus.CounterValue, float64(v.BytesIn), p.Name, "in")
		out <- prometheus.MustNewConstMetric(descPeerBytes, prometheus.CounterValue, float64(v.BytesOut), p.Name, "out")
		out <- prometheus.MustNewConstMetric(descPeerQueue, prometheus.GaugeValue, float64(v.Queued), p.Name)
	}
}
