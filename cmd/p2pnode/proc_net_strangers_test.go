//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// TestTwoClustersShareALAN puts two clusters on one switch: neither may disturb the other, and a client has to be told which
// one it is that it talks to.
func TestTwoClustersShareALAN(t *testing.T) {
	on := newLAN(t, "a1", "a2", "b1", "b2", "client")
	home := on.host("client")
	a := staff(newLab(t), on, []string{"a1", "a2"})
	b := staff(newLab(t), on, []string{"b1", "b2"}, "--cluster", "other")
	first, _ := a.agree(10 * time.Second)
	other, _ := b.agree(10 * time.Second)

	pins := filepath.Join(a.dir, "pins")
	photo := a.photos()[0]
	ask := func(want int, words []string, flags ...string) told {
		t.Helper()
		r := a.hides(t.Context(), home, photo, "which?", append(flags, "--known-clusters", pins, "--timeout", "15s")...)
		wantExit(t, fmt.Sprintf("encrypt %q", flags), r.outcome, want, words...)
		return r
	}
	ask(2, []string{"lab", "other", "--cluster"})
	r := ask(0, nil, "--cluster", "other")
	if r.Cluster != "other" || r.Server[0] != 'b' {
		t.Errorf("--cluster other went to %s of %s", r.Server, r.Cluster)
	}
	for range times(10, 4) { // it knows one now: that one it is, whoever is faster
		if r := ask(0, nil); r.Cluster != "other" {
			t.Fatalf("a client that knows the other cluster went to %s", r.Cluster)
		}
	}
	if r := ask(0, nil, "--cluster", "lab", "--trust"); r.Cluster != "lab" {
		t.Errorf("--cluster lab --trust went to %s", r.Cluster)
	}
	ask(2, []string{"lab", "other"}) // it knows both

	for _, c := range []struct {
		*crew
		was view
	}{{a, first}, {b, other}} {
		if now, _ := c.agree(5 * time.Second); now.leader != c.was.leader || now.epoch != c.was.epoch {
			t.Errorf("leader %s of epoch %d was disturbed: %s of %d", c.was.leader, c.was.epoch, now.leader, now.epoch)
		}
	}
}

// TestClientIsNotLured lets a client that knows one cluster find only another: it waits, says why, and trusts it when told to.
func TestClientIsNotLured(t *testing.T) {
	on := newLAN(t, "a1", "b1", "client")
	home := on.host("client")
	a := staff(newLab(t), on, []string{"a1"})
	pins := []string{"--known-clusters", filepath.Join(a.dir, "pins")}
	photo := a.photos()[0]
	wantExit(t, "first use", a.hides(t.Context(), home, photo, "known", pins...).outcome, 0)

	b := staff(newLab(t), on, []string{"b1"}, "--cluster", "evil")
	a.procs[0].kill()
	r := a.hides(t.Context(), home, photo, "lure me", append(pins, "--timeout", "4s")...)
	wantExit(t, "only a stranger answers", r.outcome, 4, "NO_CLUSTER", "unknown", "evil", "--trust", "--cluster")
	a.procs[0].start()
	b.agree(5 * time.Second)
	for range times(10, 4) {
		if r := a.hides(t.Context(), home, photo, "again", append(pins, "--timeout", "20s")...); r.exit != 0 || r.Cluster != "lab" {
			t.Fatalf("exit %d, cluster %q\n%s", r.exit, r.Cluster, r.stderr)
		}
	}
	a.procs[0].kill()
	r = a.hides(t.Context(), home, photo, "told to", append(pins, "--trust", "--timeout", "20s")...)
	wantExit(t, "--trust", r.outcome, 0)
	if r.Cluster != "evil" {
		t.Errorf("--trust went to %s", r.Cluster)
	}
}
