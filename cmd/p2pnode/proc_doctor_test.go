//go:build linux

package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// consults runs `doctor --json` and reads the worst result of each check.
func (l *lab) consults(prefix []string, args ...string) (outcome, map[string]row) {
	l.t.Helper()
	o := l.run(l.t.Context(), prefix, append([]string{"doctor", "--json", "--config", "/dev/null"}, args...)...)
	var told diagnosis
	if err := json.Unmarshal(o.stdout, &told); err != nil || told.Schema != "p2pnode/doctor/v1" {
		l.t.Fatalf("doctor printed %q, %v; exit %d: %s", o.stdout, err, o.exit, o.stderr)
	}
	rank := map[string]int{resultOK: 0, resultWarn: 1, resultSkipped: 2, resultFail: 3}
	worst := map[string]row{}
	for _, r := range told.Checks {
		if w, seen := worst[r.Name]; !seen || rank[r.Result] > rank[w.Result] {
			worst[r.Name] = r
		}
	}
	if told.OK != (o.exit == 0) {
		l.t.Errorf("ok is %v, exit %d", told.OK, o.exit)
	}
	return o, worst
}

// wantResults compares results of checks; a text after a colon has to be in what is told.
func (l *lab) wantResults(what string, o outcome, got map[string]row, exit int, want ...string) {
	l.t.Helper()
	if o.exit != exit {
		l.t.Errorf("%s: exit %d, want %d\n%s", what, o.exit, exit, o.stdout)
	}
	for _, w := range want {
		name, result, _ := strings.Cut(w, "=")
		result, text, _ := strings.Cut(result, ": ")
		r := got[name]
		if r.Result != result || !strings.Contains(r.Seen+r.Cause+r.Fix, text) {
			l.t.Errorf("%s: %s is %s: %s | %s | %s, want %s with %q", what, name, r.Result, r.Seen, r.Cause, r.Fix, result, text)
		}
	}
	l.t.Logf("%s: %v", what, o.took.Round(10*time.Millisecond))
}

// TestProcessDoctorOfThreeServers examines a cluster on loopback, and what a wrong token makes of it.
func TestProcessDoctorOfThreeServers(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	o, got := l.consults(nil, append(servers(all), "--token-file", l.token)...)
	l.wantResults("three servers", o, got, 0, "token=ok: a peer token", "connection=ok: n3 at", "agreement=ok: n1, n2, n3 say", "clocks=ok", "job=ok: verified")
	o, got = l.consults(nil, append(servers(all), "--token-file", l.tokenFile("wrong", "--new"))...)
	l.wantResults("wrong token", o, got, 1, "discovery=fail: the token is of cluster", "connection=skipped", "job=skipped")
	o, got = l.consults(nil, append(servers(all), "--no-canary", "--dir", all[0].store())...)
	l.wantResults("a server's directory", o, got, 0, "directory=ok: in use by the server of process", "agreement=ok")
	if _, asked := got["job"]; asked {
		t.Error("--no-canary, and yet there was a job")
	}
}

// TestDoctorOnALAN examines a client whose firewall is shut, beside two clusters.
func TestDoctorOnALAN(t *testing.T) {
	on := newLAN(t, "n1", "n2", "alien", "client")
	c := staff(newLab(t), on, []string{"n1", "n2"})
	staff(newLab(t), on, []string{"alien"}, "--cluster", "other")
	c.agree(10 * time.Second)
	home := on.host("client")
	own := []string{"--token-file", c.token, "--known-clusters", filepath.Join(c.dir, "pins")}
	o, got := c.consults(home.prefix(), own...)
	c.wantResults("open LAN", o, got, 0, "broadcast=ok: on eth0", "discovery=ok: other clusters here: other", "agreement=ok: n1, n2 say", "job=ok")
	o, got = c.consults(home.prefix(), own[2:]...)
	c.wantResults("two clusters", o, got, 1, "discovery=fail: --cluster")

	shut := exec.Command("ip", "netns", "exec", home.ns, "nft", "-f", "-")
	shut.Stdin = strings.NewReader("table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n  ct state established,related accept\n  iifname lo accept\n }\n}\n")
	if out, err := shut.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	o, got = c.consults(home.prefix(), append(own, "--peer", on.host("n1").addr.String())...)
	c.wantResults("shut", o, got, 1, "broadcast=warn: does not come back", "firewall=fail: sudo nft insert rule inet filter input udp dport 47470-47489 accept",
		"discovery=warn: broadcast is blocked", "connection=ok: n1 at 10.77.0.1:47480", "job=ok")
}
