//go:build linux

package main

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// clockSteps set the machine's clock, and set it right again when they end.
var clockSteps = []mischief{
	{name: "clock an hour ahead", often: 1, least: 2 * time.Second, most: 4 * time.Second, begin: step(time.Hour)},
	{name: "clock an hour behind", often: 1, least: 2 * time.Second, most: 4 * time.Second, begin: step(-time.Hour)},
	{name: "clock a second ahead", often: 1, least: time.Second, most: 3 * time.Second, begin: step(time.Second)},
	{name: "clock ten years ahead", often: 1, least: 2 * time.Second, most: 4 * time.Second, begin: step(10 * 365 * 24 * time.Hour)},
	{name: "clock ten years behind", often: 1, least: 2 * time.Second, most: 4 * time.Second, begin: step(-10 * 365 * 24 * time.Hour)},
}

// TestChaosClock sets the clock under a cluster at work. It does so only in a guest whose clock is its own, which
// ../shared/tools/run-with-netem.sh makes: nobody else's clock is touched.
func TestChaosClock(t *testing.T) {
	text, asked := os.LookupEnv(chaosEnv + "_CLOCK")
	if !asked {
		t.Skipf("%s_CLOCK='seed=1' sets the clock of a guest; make chaos-clock makes one", chaosEnv)
	}
	if !ownClock() {
		t.Skip("this machine's clock is not to be set: no guest of run-with-netem.sh")
	}
	o, err := orderOf(text)
	if err != nil {
		t.Fatal(err)
	}
	o.gentle, o.kills = true, 0
	t.Logf("make chaos-clock SEED=%d", o.seed)
	c := newChaos(t, o)
	c.warmUp()
	c.act(newScript(o.seed, nil, clockSteps), 0)
	c.close()
	c.clients.report()
	c.reportFaults()
}

// ownClock reports whether this is a guest that was made for a test.
func ownClock() bool {
	cpu, err := os.ReadFile("/proc/cpuinfo")
	switch os.Getenv("NETEM_BACKEND_USED") {
	case "uml":
		return err == nil && strings.Contains(string(cpu), "User Mode Linux")
	case "qemu":
		return err == nil && strings.Contains(string(cpu), "QEMU")
	}
	return false
}

// step sets the clock by so much; the monotonic clock tells how much to set it back by in the end.
func step(by time.Duration) func(*chaos, *rand.Rand, time.Duration) (string, func()) {
	return func(c *chaos, _ *rand.Rand, _ time.Duration) (string, func()) {
		began := time.Now()
		setClock(c.t, began.Round(0).Add(by))
		return by.String(), func() { setClock(c.t, began.Round(0).Add(time.Since(began))) }
	}
}

func setClock(t *testing.T, to time.Time) {
	t.Helper()
	if !ownClock() {
		t.Fatal("not in a guest of its own")
	}
	at := unix.NsecToTimespec(to.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &at); err != nil {
		t.Fatalf("set the guest's clock: %v", err)
	}
}
