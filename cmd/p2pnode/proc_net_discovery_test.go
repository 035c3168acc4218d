//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLANFindsItself is the mission in one test: servers that share a token and know no address, a client that has nothing,
// and no machine with a default route.
func TestLANFindsItself(t *testing.T) {
	on := newLAN(t, "n1", "n2", "n3", "client")
	c := staff(newLab(t), on, []string{"n1", "n2", "n3"})
	v, took := c.agree(10 * time.Second)
	t.Logf("leader %s of epoch %d agreed %v after the last server was ready", v.leader, v.epoch, took.Round(time.Millisecond))
	home := on.host("client").prefix()

	photo := c.photos()[0]
	copied := filepath.Join(c.dir, "photo.png")
	content, err := os.ReadFile(photo)
	if err == nil {
		err = os.WriteFile(copied, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := c.run(t.Context(), home, "encrypt", "--discover", copied, "--text", "hello")
	wantExit(t, "encrypt --discover", o, 0, "photo.stego.png")
	t.Logf("encrypt --discover photo.png: %v", o.took.Round(time.Millisecond))
	o = c.run(t.Context(), home, "decrypt", filepath.Join(c.dir, "photo.stego.png"))
	wantExit(t, "decrypt", o, 0)
	if got := strings.TrimSuffix(string(o.stdout), "\n"); got != "hello" {
		t.Errorf("decrypt printed %q, want hello", got)
	}
	wantExit(t, "discover", c.run(t.Context(), home, "discover"), 0, "10.77.0.1:", "10.77.0.2:", "10.77.0.3:", "leader")
	wantExit(t, "status", c.run(t.Context(), home, "status"), 0, "leader "+v.leader, "n1", "n2", "n3")
}

// TestServerBoundToOneAddressHearsBroadcasts checks the socket that is there for it: a specifically bound one hears none.
func TestServerBoundToOneAddressHearsBroadcasts(t *testing.T) {
	on := newLAN(t, "n1", "n2", "client")
	c := &crew{lab: newLab(t), lan: on, homes: map[*proc]*host{}}
	for _, name := range []string{"n1", "n2"} {
		a := on.host(name).addr.String()
		c.hire(name, "--listen", a, "--data", a).start()
	}
	_, took := c.agree(10 * time.Second)
	r := c.hides(t.Context(), on.host("client"), c.photos()[0], "bound", "--discover", "--timeout", "20s")
	wantExit(t, "encrypt to bound servers", r.outcome, 0)
	t.Logf("two servers bound to one address each agreed in %v; a job through them took %v", took, r.took)
}

// TestServerServesTwoNetworks puts a client on a cable to the leader: it must be given addresses that it can reach. (A client
// that reaches followers only is told who leads, and waits: docs/PROTOCOL.md §8.3.)
func TestServerServesTwoNetworks(t *testing.T) {
	on := newLAN(t, "n1", "n2", "remote")
	n1, remote := on.host("n1"), on.host("remote")
	ipIn(t, remote.ns, "link del eth0")
	on.wire(n1, remote)
	c := staff(newLab(t), on, []string{"n1"})
	c.agree(10 * time.Second)
	c.hire("n2").start() // who joins while a leader lives follows it
	c.agree(10 * time.Second)
	for i := range 4 { // n2 may be chosen, which this client cannot reach: avoid has to bring it to n1
		r := c.hides(t.Context(), remote, c.photos()[0], "over the cable", "--discover", "--timeout", "30s")
		wantExit(t, "encrypt over the cable", r.outcome, 0)
		t.Logf("job %d over the cable: server %s, %d attempts, %v", i, r.Server, r.Attempts, r.took.Round(time.Millisecond))
	}
}

// TestTokenModeIsSilentToStrangers compares a client without, with the wrong and with the right token.
func TestTokenModeIsSilentToStrangers(t *testing.T) {
	on := newLAN(t, "n1", "n2", "client")
	l := newLab(t)
	c := staff(l, on, []string{"n1", "n2"}, "--clients", "token")
	c.agree(10 * time.Second)
	home, photo := on.host("client"), l.photos()[0]

	r := c.hides(t.Context(), home, photo, "x", "--timeout", "3s")
	wantExit(t, "encrypt of a stranger", r.outcome, 4, "NO_CLUSTER")
	if o := l.run(t.Context(), home.prefix(), "discover", "--timeout", "1s"); strings.Contains(string(o.stdout), "10.77.0.") {
		t.Errorf("a stranger is answered:\n%s", o.stdout)
	}
	r = c.hides(t.Context(), home, photo, "x", "--timeout", "3s", "--token-file", l.tokenFile("wrong", "--new"))
	wantExit(t, "encrypt with another cluster's token", r.outcome, 4, "NO_CLUSTER")
	own := l.tokenFile("right", "--client", "--token-file", l.token)
	r = c.hides(t.Context(), home, photo, "with token", "--timeout", "20s", "--token-file", own)
	wantExit(t, "encrypt with a client token", r.outcome, 0)
	wantExit(t, "status with a client token", l.run(t.Context(), home.prefix(), "status", "--token-file", own), 0, "n1", "n2")
}

// tokenFile writes what `token` prints to a file.
func (l *lab) tokenFile(name string, args ...string) string {
	l.t.Helper()
	o := l.run(l.t.Context(), nil, append([]string{"token"}, args...)...)
	path := filepath.Join(l.dir, name+".token")
	if err := os.WriteFile(path, o.stdout, 0o600); err != nil || o.exit != 0 {
		l.t.Fatalf("token %q: exit %d, %v: %s", args, o.exit, err, o.stderr)
	}
	return path
}
