//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"p2pnode/node"
)

// eventsUntil reads a server's event stream until ok, and returns the kinds with whom they are about.
func (l *lab) eventsUntil(ctx context.Context, p *proc, ok func(seen []string) bool) (seen []string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http+"/v1/events", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		var e node.Event
		if !found || json.Unmarshal([]byte(data), &e) != nil {
			continue
		}
		if seen = append(seen, strings.TrimSpace(string(e.Kind)+" "+e.Peer)); ok(seen) {
			return seen
		}
	}
	l.t.Fatalf("the stream of %s ended after %v", p.name, seen)
	return seen
}

// A server told to be deaf and mute is gone for the others, who elect another leader if it led, and is back by itself;
// whoever watches sees all of it.
func TestProcessFaultIsSeenByTheOthers(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	leader, epoch, _ := l.agreed(30*time.Second, all...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	watcher := others(all, leader)[0]
	told := l.run(ctx, nil, "fault", "--node", leader.name, "--down", "4s", "--json", "--server", watcher.control, "--token-file", l.token)
	if told.exit != 0 {
		t.Fatalf("fault: exit %d: %s", told.exit, told.stderr)
	}
	began := time.Now()
	l.succeeded(others(all, leader), epoch)
	t.Logf("another leads after %v", time.Since(began).Round(time.Millisecond))
	want := []string{"peer-failed " + leader.name, "leader-elected", "peer-restarted " + leader.name}
	seen := l.eventsUntil(ctx, watcher, func(seen []string) bool { return slices.Contains(seen, want[2]) })
	for _, w := range want {
		if !slices.Contains(seen, w) {
			t.Errorf("%s saw no %q: %v", watcher.name, w, seen)
		}
	}
	l.agreed(30*time.Second, all...)
	t.Logf("all agree again after %v", time.Since(began).Round(time.Millisecond))
	o := l.run(ctx, nil, "fault", "ring", "--interval", "2500ms", "--down", "1s", "--json", "--server", watcher.control, "--server", leader.control, "--token-file", l.token)
	t.Logf("once around the ring after %v", time.Since(began).Round(time.Millisecond))
	counts := map[string]int{}
	for line := range bytes.Lines(o.stdout) {
		var f faultLine
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		counts[f.Event]++
	}
	if o.exit != 0 || counts["down"] != 3 || counts["up"] != 3 || counts["end"] != 1 {
		t.Errorf("fault ring: exit %d, %v: %s%s", o.exit, counts, o.stdout, o.stderr)
	}
}
