//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// halfway starts a job and freezes its client while a server works on it, until that server holds the result on disk:
// status shows a result a moment before, metrics a job once it has ended.
func (l *lab) halfway(all []*proc, out string) (*visit, *proc) {
	l.t.Helper()
	args := append(servers(all), "--text", "made once", "-o", out, l.paint("halfway.jpg", 2400, 1600))
	v := l.begin(nil, encryptArgs(args...)...)
	worker := l.working(all, 30*time.Second)
	v.signal(syscall.SIGSTOP)
	l.t.Cleanup(func() { v.signal(syscall.SIGKILL) })
	if worker == nil {
		l.t.Fatalf("no server works on the job: %s", l.describe(all))
	}
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); pollPause() {
		if strings.Contains(worker.metrics(), "\np2pnode_jobs_total{code=\"OK\"} 1\n") {
			return v, worker
		}
	}
	l.t.Fatalf("%s has no result: %s", worker.name, l.describe(all))
	return nil, nil
}

// metrics is what the server shows a monitoring system.
func (p *proc) metrics() string {
	answer, err := http.Get("http://" + p.http + "/metrics")
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestProcessResultsSurviveARestart(t *testing.T) {
	for _, count := range []int{1, 3} {
		l := newLab(t)
		all := l.running(count)
		out := filepath.Join(l.dir, "once.png")
		v, worker := l.halfway(all, out)
		for _, p := range all {
			p.kill()
		}
		for _, p := range all {
			p.start()
		}
		v.signal(syscall.SIGCONT)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		r := l.read(v.end(ctx))
		cancel()
		r.text = "made once"
		if err := l.check(r, out); err != nil {
			t.Fatalf("after a restart of all %d: %v\n%s", count, err, tail(r.stderr, 1500))
		}
		if r.Server != worker.name || r.Failovers != 0 {
			t.Errorf("%s made the result, %s gave it after %d failovers:\n%s", worker.name, r.Server, r.Failovers, tail(r.stderr, 1500))
		}
		l.idleSinceStart(all)
		t.Logf("%d servers killed and restarted: %s gave the result it had, %d attempts", count, r.Server, r.Attempts)
	}
}

// idleSinceStart fails the test if a server has worked on a job since it was started.
func (l *lab) idleSinceStart(all []*proc) {
	l.t.Helper()
	for _, p := range all {
		s, err := p.status(context.Background())
		if err != nil {
			l.t.Fatal(err)
		}
		for _, n := range s.Nodes {
			if n.Name == p.name && n.Done != 0 {
				l.t.Errorf("%s has done %d jobs since its restart, want none", n.Name, n.Done)
			}
		}
	}
}

func TestProcessTwoClientsWantOneOutput(t *testing.T) {
	l := newLab(t)
	all := l.running(1)
	photo, out := l.paint("both.png", 1600, 1200), filepath.Join(l.dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	var both []*visit
	for _, text := range []string{"first", "second"} {
		both = append(both, l.begin(nil, encryptArgs(append(servers(all), "--text", text, "-o", filepath.Join(out, "same.png"), photo)...)...))
	}
	a, b := l.read(both[0].end(t.Context())), l.read(both[1].end(t.Context()))
	want := "first"
	if b.OK {
		a, b, want = b, a, "second"
	}
	if a.exit != 0 || b.exit != 1 || b.Code != "EXISTS" {
		t.Fatalf("two clients ended with exit %d and %d (%s: %s), want 0 and 1 with EXISTS", a.exit, b.exit, b.Code, b.Error)
	}
	if found, err := readBack(filepath.Join(out, "same.png")); err != nil || found != want {
		t.Errorf("the output holds %q, error %v, want %q", found, err, want)
	}
	l.onlyIn(out, "same.png")
}

// onlyIn fails the test if a directory holds anything but these files.
func (l *lab) onlyIn(dir string, names ...string) {
	l.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if strings.Join(found, " ") != strings.Join(names, " ") {
		l.t.Errorf("%s holds %q, want %q", dir, found, names)
	}
}

func TestProcessInterruptedClientLeavesNothing(t *testing.T) {
	l := newLab(t)
	all := l.running(1)
	photo, out := l.paint("heavy.jpg", 3800, 2500), filepath.Join(l.dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	v := l.begin(nil, encryptArgs(append(servers(all), "--text", "never", "-o", out+"/", photo)...)...)
	if l.working(all, 30*time.Second) == nil {
		t.Fatal("no server works on the job")
	}
	v.signal(syscall.SIGINT)
	interrupted := time.Now()
	if o := v.end(t.Context()); o.exit != 130 {
		t.Errorf("exit %d, want 130: %s", o.exit, o.stderr)
	}
	t.Logf("the client ended %v after SIGINT", time.Since(interrupted).Round(time.Millisecond))
	l.onlyIn(out)
	idle := func() bool {
		s, err := all[0].status(context.Background())
		return err == nil && s.Jobs.Assigned+s.Jobs.Running+s.Jobs.Done == 0 && s.Nodes[0].Jobs == 0
	}
	for !idle() && time.Since(interrupted) < 20*time.Second {
		pollPause()
	}
	if !idle() {
		t.Errorf("the server still has the job: %s", l.describe(all))
	}
	t.Logf("the server had dropped the job %v after SIGINT", time.Since(interrupted).Round(time.Millisecond))
	if left, err := os.ReadDir(filepath.Join(all[0].store(), "spool")); err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
		t.Errorf("the server's spool holds %v, error %v", left, err)
	}
}

func TestProcessFullQueueIsWaitedFor(t *testing.T) {
	l := newLab(t)
	all := l.running(1, "--workers", "1", "--waiting", "1")
	photo := l.paint("queue.jpg", 2400, 1600)
	const clients = 6
	results := make(chan told, clients)
	for range clients {
		go func() { results <- l.hide(t.Context(), all, photo, "in the queue") }()
	}
	busy := 0
	for range clients {
		r := <-results
		if strings.Contains(string(r.stderr), "too many jobs are waiting here") {
			busy++
		}
	}
	if busy == 0 {
		t.Errorf("%d clients at a server for two, none was told that it is busy", clients)
	}
	t.Logf("%d clients at a server with one worker and one place to wait: %d were told Busy, all got their result", clients, busy)
}
