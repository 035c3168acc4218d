//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestProcessClusterUpgradesOneByOne replaces the binary by one of a version that says one message more, and restarts the
// servers one after the other, while clients have jobs done. The new ones say it only among themselves: the old ones
// never have a message to skip. What needs all servers begins when the last one is new.
func TestProcessClusterUpgradesOneByOne(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	stop := l.trickle(all)
	l.upgrade("p2pnode_next")
	for i, p := range all {
		if exit := p.terminate(30 * time.Second); exit != 0 {
			t.Fatalf("%s ended with exit %d: %s", p.name, exit, p.lastWords(500))
		}
		p.start()
		l.agreed(30*time.Second, all...)
		p.says(fmt.Sprintf(`msg="roll call" called=%d live=2`, i), 20*time.Second)
		for _, x := range all {
			if skipped := x.metric("p2pnode_frames_skipped_total"); skipped != "0" {
				t.Errorf("with %d of 3 upgraded %s has skipped %s messages, want 0", i+1, x.name, skipped)
			}
			if i < len(all)-1 && (x.logged("whole=true") || x.logged(wholeCluster)) {
				t.Errorf("with %d of 3 upgraded %s takes it for the whole cluster: %s", i+1, x.name, x.lastWords(800))
			}
		}
	}
	leader, _, _ := l.agreed(30*time.Second, all...)
	leader.says("whole=true", 20*time.Second)
	for _, x := range others(all, leader) {
		x.says(wholeCluster, 20*time.Second)
	}
	if jobs := stop(); jobs == 0 {
		t.Error("no job was done meanwhile")
	} else {
		t.Logf("%d jobs done meanwhile, none lost", jobs)
	}
}

const wholeCluster = `msg="roll call of the whole cluster"`

// trickle has one small job after the other done until stop is called, which returns how many were.
func (l *lab) trickle(all []*proc) (stop func() int) {
	photo := l.paint("small.png", 320, 200)
	end, jobs := make(chan struct{}), make(chan int, 1)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-end:
				jobs <- n
				return
			default:
				l.hide(context.Background(), all, photo, fmt.Sprintf("job %d", n))
			}
		}
	}()
	return func() int {
		close(end)
		return <-jobs
	}
}

// upgrade puts a build with a tag in the place of the binary; who runs is not touched.
func (l *lab) upgrade(tag string) {
	l.t.Helper()
	next := filepath.Join(l.dir, "next")
	args := []string{"build", "-tags", tag, "-o", next}
	if raceDetector {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		l.t.Fatalf("build %s: %v: %s", tag, err, out)
	}
	if err := os.Rename(next, l.bin); err != nil {
		l.t.Fatal(err)
	}
}

// logged reports whether a server's log has a text.
func (p *proc) logged(text string) bool {
	content, err := os.ReadFile(p.logFile())
	return err == nil && strings.Contains(string(content), text)
}

// says waits until it has.
func (p *proc) says(text string, within time.Duration) {
	p.l.t.Helper()
	for limit := time.Now().Add(within); !p.logged(text); pollPause() {
		if time.Now().After(limit) {
			p.l.t.Fatalf("%s does not say %q: %s", p.name, text, p.lastWords(1000))
		}
	}
}

// metric is one figure of a server without labels.
func (p *proc) metric(name string) string {
	p.l.t.Helper()
	answer, err := http.Get("http://" + p.http + "/metrics")
	if err != nil {
		p.l.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.l.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
	if m == nil {
		p.l.t.Fatalf("%s has no metric %s", p.name, name)
	}
	return string(m[1])
}
