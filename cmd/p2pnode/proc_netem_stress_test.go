//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The environment of TestNetemStress, which the Makefile sets.
const (
	stressEnv       = "P2PNODE_STRESS"        // what `p2pnode stress` gets
	stressReportEnv = "P2PNODE_STRESS_REPORT" // a path without its .json or .html, which the reports are written to
)

// TestNetemStress has many clients on one host submit jobs to three servers through a bad network, while one server after
// the other falls silent: nothing is lost, and nothing is wrong.
func TestNetemStress(t *testing.T) {
	args, words := strings.Fields(os.Getenv(stressEnv)), strings.Fields(os.Getenv(netemEnv))
	if len(args) == 0 || len(words) == 0 {
		t.Skipf("%s='--clients 30 --rate 8 --duration 10m --fault-ring interval=30s,down=10s' and %s='loss 5%%' say what happens", stressEnv, netemEnv)
	}
	n := netemCell{words: words}.begin(t)
	reports := filepath.Join(n.dir, "stress")
	if named := os.Getenv(stressReportEnv); named != "" {
		reports = named
	}
	args = append([]string{"stress", "--json", "--token-file", n.token, "--images", n.gallery(), "--force",
		"--report", reports + ".json", "--report", reports + ".html"}, args...)
	o := n.run(context.Background(), n.client.prefix(), args...)
	var r stressReport
	if err := json.Unmarshal(o.stdout, &r); err != nil {
		t.Fatalf("exit %d, %v: %s", o.exit, err, tail(o.stderr, 1500))
	}
	if c := r.Counts; o.exit != 0 || !r.OK || c.Done != c.Planned || c.Lost+c.Wrong+c.Failed > 0 {
		t.Errorf("exit %d: %+v, %+v", o.exit, c, r.Failures)
	}
	total := r.Latency[timeTotal]
	t.Logf("%s, by %s: %d of %d done in %v, p50 %.0f ms, p95 %.0f ms, p99 %.0f ms, at most %.0f ms; %d failovers",
		strings.Join(words, " "), n.by, r.Counts.Done, r.Counts.Planned, o.took.Round(time.Second), total.P50, total.P95, total.P99, total.Max, r.Counts.Failovers)
}

// gallery is a directory of pictures of about half a megabyte: photographs, where P2PNODE_PHOTOS names some, or made ones.
func (n *netemTrial) gallery() string {
	if dir := os.Getenv(photosEnv); dir != "" {
		return dir
	}
	dir := filepath.Join(n.dir, "images")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		n.t.Fatal(err)
	}
	for _, name := range []string{"images/a.png", "images/b.png", "images/c.png"} {
		n.paint(name, 480, 360)
	}
	return dir
}
