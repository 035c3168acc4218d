//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"
)

// stressed begins a `stress --json` of small pictures whose temporary files go to a directory of its own.
func (l *lab) stressed(all []*proc, args ...string) *visit {
	l.t.Helper()
	images, temporary := filepath.Join(l.dir, "images"), filepath.Join(l.dir, "temporary")
	for _, dir := range []string{images, temporary} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			l.t.Fatal(err)
		}
	}
	l.paint("images/small.png", 300, 200)
	l.paint("images/small.jpg", 300, 200)
	args = append(append([]string{"stress", "--json", "--images", images, "--token-file", l.token}, servers(all)...), args...)
	return l.begin([]string{"env", "TMPDIR=" + temporary}, args...)
}

// reported waits for the end of a stress, and reads its report.
func (l *lab) reported(v *visit, exit int) *stressReport {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	o, r := v.end(ctx), &stressReport{}
	if o.exit != exit {
		l.t.Fatalf("stress: exit %d, want %d: %s %s", o.exit, exit, tail(o.stdout, 500), tail(o.stderr, 1500))
	}
	if err := json.Unmarshal(o.stdout, r); err != nil {
		l.t.Fatalf("stress printed %q: %v", tail(o.stdout, 500), err)
	}
	if left, err := os.ReadDir(filepath.Join(l.dir, "temporary")); err != nil || len(left) > 0 {
		l.t.Errorf("stress left %v, error %v", left, err)
	}
	return r
}

func TestProcessStress(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	file, page := filepath.Join(l.dir, "report.json"), filepath.Join(l.dir, "report.html")
	r := l.reported(l.stressed(all, "--clients", "5", "--requests", "6", "--min-delay", "0s", "--max-delay", "50ms", "--report", file, "--report", page), 0)
	if !r.OK || r.Counts.Done != 30 || r.Counts.Planned != 30 || r.Counts.Started != 30 || len(r.Failures) > 0 {
		t.Errorf("%+v, %+v", r.Counts, r.Failures)
	}
	worked, ended := int64(0), int64(0)
	for _, s := range r.Servers {
		if worked += s.Jobs; among(all, s.Name) == nil {
			t.Errorf("work by %s, whom nobody knows", s.Name)
		}
	}
	for _, b := range r.Series.Buckets {
		ended += b.Done
	}
	if d := r.Latency[timeTotal]; worked != 30 || ended != 30 || d.Count != 30 || d.P50 <= 0 || d.P50 > d.P99 || d.P99 > d.Max || r.Latency[timeWorking].Max <= 0 {
		t.Errorf("%d jobs by servers, %d ended over time, total %+v", worked, ended, d)
	}
	if same := written(t, r); !reflect.DeepEqual(same, l.filed(file)) {
		t.Errorf("the file is not what was printed")
	}
	if html, err := os.ReadFile(page); err != nil || selfContained(string(html)) != nil || !bytes.Contains(html, []byte("all came back right")) {
		t.Errorf("page: %v, %v", err, selfContained(string(html)))
	}
	r = l.reported(l.stressed(all, "--clients", "20", "--rate", "40", "--duration", "1s"), 0)
	if !r.OK || r.Counts.Done != r.Counts.Planned || r.Latency[timeSchedule].Count != r.Counts.Done || r.Runs[0].Config.Arrivals != "poisson" {
		t.Errorf("open: %+v", r.Counts)
	}
	l.interrupts(all)
}

// filed reads a report's file.
func (l *lab) filed(path string) *stressReport {
	l.t.Helper()
	r, err := (&program{}).readReport(path)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// interrupts ends a stress early, which still reports.
func (l *lab) interrupts(all []*proc) {
	l.t.Helper()
	file, before := filepath.Join(l.dir, "cut.json"), l.doneBy(all)
	v := l.stressed(all, "--clients", "3", "--requests", "100000", "--min-delay", "0s", "--max-delay", "10ms", "--report", file)
	const enough = 10 // more than the clients have under way at a time, so that one of them has had a result
	for limit := time.Now().Add(30 * time.Second); l.doneBy(all) < before+enough && time.Now().Before(limit); {
		pollPause()
	}
	v.signal(syscall.SIGINT)
	if r := l.reported(v, 130); !r.Interrupted || r.OK || r.Counts.Done == 0 || r.Counts.Failed+r.Counts.Lost+r.Counts.Wrong > 0 || !l.filed(file).Interrupted {
		l.t.Errorf("interrupted: %+v, failures %+v", r.Counts, r.Failures)
	}
}

// doneBy is how many jobs servers have done.
func (l *lab) doneBy(all []*proc) (sum uint64) {
	for _, p := range all {
		s, err := p.status(context.Background())
		if err != nil {
			l.t.Fatal(err)
		}
		for _, n := range s.Nodes {
			if n.Name == s.Self {
				sum += n.Done
			}
		}
	}
	return sum
}
