package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// metricNames are all that servers tell.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	m := newMetrics()
	m.handler(nil)
	out := make(chan *prometheus.Desc, 256)
	m.registry.Describe(out)
	close(out)
	names := map[string]bool{}
	for d := range out {
		if name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String()); name != nil {
			names[name[1]] = true
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d metrics: %v", len(names), names)
	}
	return names
}

// The example alerts and dashboard speak of metrics that there are.
func TestExamplesNameMetricsThatThereAre(t *testing.T) {
	names := metricNames(t)
	for _, file := range []string{"alerts.yml", "grafana.json"} {
		text, err := os.ReadFile("../../docs/examples/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		used := regexp.MustCompile(`p2pnode_[a-z_]+`).FindAllString(string(text), -1)
		if len(used) < 10 {
			t.Errorf("%s speaks of %d metrics only", file, len(used))
		}
		for _, name := range used {
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, suffix)
			}
			if !names[base] && !names[name] {
				t.Errorf("%s speaks of %s, which no server tells", file, name)
			}
		}
	}
}
