//go:build unix

package main

import (
	"strings"
	"testing"
	"time"
)

func TestProcessLastServerTakesJobs(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	photo := l.photos()[0]
	for left := all; len(left) > 1; {
		leader, _, _ := l.agreed(30*time.Second, left...)
		left = others(left, leader)
		leader.kill()
		r := l.hide(t.Context(), all, photo, "for whoever is left")
		t.Logf("%d of 3 left: %s hid it for leader %s in %.2f s", len(left), r.Server, r.Leader, r.Seconds)
	}
}

func TestProcessMinorityRefusesAndRecovers(t *testing.T) {
	l := newLab(t)
	all := l.running(3, "--quorum", "majority", "--voters", "n1,n2,n3")
	photo := l.photos()[0]
	l.hide(t.Context(), all, photo, "while all are there")
	leader, _, _ := l.agreed(30*time.Second, all...)
	leader.kill()
	r := l.hide(t.Context(), all, photo, "two of three are a majority")
	t.Logf("two left: %s hid it for leader %s in %.2f s", r.Server, r.Leader, r.Seconds)

	left := others(all, leader)
	left[0].kill()
	began := time.Now()
	r = l.encrypt(t.Context(), append(servers(all), "--text", "alone", "--timeout", "5s", "-o", "alone.png", photo)...)
	if r.exit != 4 || r.Code != "NO_QUORUM" || !strings.Contains(r.Error, "majority of voters") {
		t.Errorf("a minority answered with exit %d, code %s, %q; want 4, NO_QUORUM and the reason", r.exit, r.Code, r.Error)
	}
	t.Logf("one left: after %.1f s: %s: %s; next: %s", time.Since(began).Seconds(), r.Code, r.Error, r.Hint)

	left[0].start()
	r = l.hide(t.Context(), all, photo, "two again")
	t.Logf("two again: %s hid it for leader %s, %v after its start", r.Server, r.Leader, r.took.Round(time.Millisecond))
}
