//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chaosEnv asks for TestChaos and says how much of it, as "seed=1 kills=100 minutes=5 nodes=3", each of which may be missing.
const chaosEnv = "P2PNODE_CHAOS"

// order is how much chaos is wanted, at least.
type order struct {
	seed                  uint64
	kills, minutes, nodes int
	gentle                bool // on loopback and with little work, for a machine that is emulated
}

func orderOf(text string) (o order, err error) {
	o = order{seed: rand.Uint64(), kills: 60, nodes: 3}
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		var into any
		switch name {
		case "seed":
			into = &o.seed
		case "kills":
			into = &o.kills
		case "minutes":
			into = &o.minutes
		case "nodes":
			into = &o.nodes
		default:
			return o, fmt.Errorf("%s: unknown word %q", chaosEnv, word)
		}
		if value == "" { // make's variable is not set
			continue
		}
		if _, err := fmt.Sscan(value, into); err != nil {
			return o, fmt.Errorf("%s: %q: %w", chaosEnv, word, err)
		}
	}
	if o.nodes < 2 || o.nodes > 5 {
		return o, fmt.Errorf("%s: %d servers, want 2 to 5", chaosEnv, o.nodes)
	}
	return o, nil
}

// chaos is a cluster of real servers, clients that keep it busy, and what happens to them.
type chaos struct {
	*crew // whose lan is nil where it is all on loopback
	order
	t       *testing.T
	ctx     context.Context // ended by the signals that end a program
	began   time.Time
	keepers []*keeper
	clients *clientele
	disks   []*smallDisk // nil elements: the server's store is on the machine's disk
	idle    []vitals     // of each server, before it all
	heard   []captured   // datagrams between servers, to be repeated
	raw     *forger      // nil on loopback
	atWork  int64        // the most data memory that a server was seen to have
	killed  int
	done    map[string]int // faults so far, by name
}

// actKills is how many deaths there are between two looks at whether all is well again.
const actKills = 100

// TestChaos lets every kind of fault happen to a cluster at work: first only those that servers have to live through, all of
// them in one life, then deaths as well. After each act all jobs have to end, servers agree, and be as idle as before.
func TestChaos(t *testing.T) {
	text, asked := os.LookupEnv(chaosEnv)
	if !asked {
		t.Skipf("%s='kills=60' runs the chaos; make chaos sets it", chaosEnv)
	}
	o, err := orderOf(text)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("make chaos SEED=%d KILLS=%d MINUTES=%d NODES=%d", o.seed, o.kills, o.minutes, o.nodes)
	c := newChaos(t, o)
	c.warmUp()
	c.act(newScript(o.seed, nil, c.possible(spells)), 0)
	for n := uint64(1); c.killed < o.kills || time.Since(c.began) < time.Duration(o.minutes)*time.Minute; n++ {
		c.act(newScript(o.seed+n, c.possible(deaths), c.possible(spells)), min(o.kills-c.killed, actKills))
	}
	c.close()
	c.clients.report()
	c.reportFaults()
}

// newChaos starts the servers, in namespaces where that can be, and waits until they agree.
func newChaos(t *testing.T, o order) *chaos {
	c := &chaos{order: o, t: t, began: time.Now(), done: map[string]int{}}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	c.ctx = ctx
	if why := noLAN(o); why != "" {
		t.Logf("on loopback (%s): without partitions, loss, full disks and replayed datagrams", why)
		l := newLab(t)
		c.crew = &crew{lab: l, homes: map[*proc]*host{}, procs: l.cluster(o.nodes)}
	} else {
		c.crew = chaosLAN(t, o.nodes)
		c.raw = c.lan.host("crowd").forger(t)
	}
	c.disks = make([]*smallDisk, len(c.procs))
	for i, p := range c.procs {
		if c.lan != nil && i%2 == 0 {
			c.disks[i] = newSmallDisk(t, p.store(), 64)
		}
		k := c.keep(p)
		t.Cleanup(k.dismiss)
		c.keepers = append(c.keepers, k)
	}
	c.clients = newClientele(c)
	c.settled()
	return c
}

// noLAN says why there can be no namespaces here; empty: there can.
func noLAN(o order) string {
	switch {
	case o.gentle:
		return "not asked for"
	case os.Getuid() != 0:
		return "not root"
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "no " + tool
		}
	}
	return ""
}

// chaosLAN prepares servers on hosts of their own, with ports that stay, and hosts for clients and for strangers.
func chaosLAN(t *testing.T, nodes int) *crew {
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	on := newLAN(t, append(slices.Clone(names), "client1", "client2", "crowd")...)
	for i := range crowdDoors {
		ipIn(t, on.host("crowd").ns, "addr add "+crowdAddress(i).String()+"/24 dev eth0")
	}
	c := &crew{lab: newLab(t), lan: on, homes: map[*proc]*host{}}
	for _, name := range names {
		p := c.hire(name, "--listen", ":47470", "--data", ":47480", "--http", "127.0.0.1:47490")
		p.http, p.control = "127.0.0.1:47490", on.host(name).addr.String()+":47470"
	}
	return c
}

// possible leaves out what needs hosts of their own where there are none.
func (c *chaos) possible(all []mischief) (some []mischief) {
	for _, m := range all {
		if c.lan != nil || !m.lan {
			some = append(some, m)
		}
	}
	return some
}

// interrupted ends the test if somebody wants the program to end.
func (c *chaos) interrupted() {
	c.t.Helper()
	if c.ctx.Err() != nil {
		c.t.Fatal("interrupted; everything is taken down")
	}
}

// act plays a script until so many servers were killed and every kind of fault was there; then all has to be well again.
func (c *chaos) act(s *script, kills int) {
	c.t.Helper()
	stage, want := newStage(c, s), c.killed+kills
	c.clients.open()
	stage.play(func() bool { return c.killed >= want && stage.complete() || c.t.Failed() })
	c.interrupted()
	c.clients.finish(jobsEndWithin)
	c.settled()
	c.quiet()
	if c.t.Failed() {
		c.t.Fatalf("replay: make chaos SEED=%d KILLS=%d NODES=%d", c.seed, c.kills, c.nodes)
	}
}

// settled waits until all servers name one leader and hold one ledger, with no more open jobs than were abandoned.
func (c *chaos) settled() {
	c.t.Helper()
	var v view
	ok := false
	took := until(settleWithin, func() bool {
		v, ok = c.view(c.procs)
		ok = ok && v.open <= c.clients.deserted()
		return ok || c.ctx.Err() != nil
	})
	c.interrupted()
	if !ok {
		c.t.Fatalf("no agreement within %v, %d jobs were abandoned:%s", settleWithin, c.clients.deserted(), c.story())
	}
	c.say("leader %s of epoch %d, equal ledgers of %d records (%v)", v.leader, v.epoch, v.ledger.Records, took.Round(time.Millisecond))
}

// How soon things must be well again after the last fault, on a machine that has other work.
const (
	jobsEndWithin = time.Minute
	settleWithin  = 30 * time.Second
	idleWithin    = 90 * time.Second
)

// close ends all servers as users do, and looks at what they leave.
func (c *chaos) close() {
	for _, k := range c.keepers {
		k.retire()
	}
	c.compareLedgers()
	for _, p := range c.procs {
		c.noLeftovers(p)
		c.noLastWords(p)
	}
}

// noLeftovers fails the test if a server left a temporary file in its store.
func (c *chaos) noLeftovers(p *proc) {
	for _, pattern := range []string{"spool/*", "*.part", "*/*.part", "*.tmp", "*/*.tmp"} {
		if left, err := filepath.Glob(filepath.Join(p.store(), pattern)); err != nil || len(left) > 0 {
			c.t.Errorf("%s left %q, %v", p.name, left, err)
		}
	}
}

// noLastWords fails the test if a server's log shows that Go ended it, or should have.
func (c *chaos) noLastWords(p *proc) {
	log, err := os.ReadFile(p.logFile())
	if err != nil {
		c.t.Error(err)
	}
	for _, words := range []string{"panic", "fatal error", "DATA RACE", "goroutine 1 ["} {
		if at := strings.Index(string(log), words); at >= 0 {
			c.t.Errorf("%s says %q: %.2000s", p.name, words, log[at:])
		}
	}
}

// say tells what happens, and when.
func (c *chaos) say(format string, args ...any) {
	c.t.Logf("%8.2f s  %s", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

func (c *chaos) reportFaults() {
	var lines []string
	for name, n := range c.done {
		lines = append(lines, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(lines)
	c.t.Logf("seed %d, %.0f s: %d kills; faults: %s", c.seed, time.Since(c.began).Seconds(), c.killed, strings.Join(lines, ", "))
}
