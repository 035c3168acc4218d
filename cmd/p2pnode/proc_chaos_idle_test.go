//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// vitals is what a server that has nothing to do needs.
type vitals struct {
	memory            int64 // resident bytes
	goroutines, files int
	cpu               float64 // cores
}

// What a server may need more than before it all. Go keeps some of the memory that it once needed, and the ledger has grown.
const (
	moreMemory     = 64 << 20
	moreGoroutines = 6
	moreFiles      = 4
	moreCPU        = 0.10
	cpuWindow      = 3 * time.Second
)

func (v vitals) String() string {
	return fmt.Sprintf("%d MB, %d goroutines, %d files, %.3f cores", v.memory>>20, v.goroutines, v.files, v.cpu)
}

// exceeds names the figures that are further from what they were than allowed.
func (v vitals) exceeds(was vitals) (what []string) {
	if v.memory > was.memory+moreMemory {
		what = append(what, "memory")
	}
	if v.goroutines > was.goroutines+moreGoroutines {
		what = append(what, "goroutines")
	}
	if v.files > was.files+moreFiles {
		what = append(what, "files")
	}
	if v.cpu > was.cpu+moreCPU {
		what = append(what, "cpu")
	}
	return what
}

// warmUp has every kind of job done once, listens to what servers tell each other, and notes what they need when idle.
func (c *chaos) warmUp() {
	c.t.Helper()
	if c.lan != nil {
		defer c.overhear()()
	}
	for i, p := range c.procs {
		for _, photo := range []string{c.clients.small, c.clients.large} {
			out, text := c.output(), fmt.Sprintf("warm %d", i)
			r := c.encryptIn(c.ctx, c.clients.home(i).prefix(), append(servers(c.procs), "--text", text, "-o", out, photo)...)
			r.text = text
			if err := c.check(r, out); err != nil {
				c.t.Fatalf("without any fault, near %s: %v\n%s", p.name, err, tail(r.stderr, 1500))
			}
			c.clients.mu.Lock()
			c.clients.done[r.Job] = taken{r.Server, r.Attempts, r.Failovers, true, r.Seconds}
			c.clients.mu.Unlock()
		}
	}
	c.settled()
	c.idle = c.measure()
	for i, v := range c.idle {
		c.say("%s when idle: %v", c.procs[i].name, v)
	}
}

// overhear keeps what passes at every server's cable, until the function it returns is called.
func (c *chaos) overhear() (enough func()) {
	var taps []*tap
	for _, p := range c.procs {
		taps = append(taps, c.lan.listen(c.homes[p], 1000))
	}
	return func() {
		for _, p := range taps {
			p.close()
			c.heard = append(c.heard, p.whole()...)
		}
	}
}

// quiet waits until no server needs more than before the chaos, and has no temporary file.
func (c *chaos) quiet() {
	c.t.Helper()
	var now []vitals
	busy := ""
	took := until(idleWithin, func() bool {
		now, busy = c.measure(), ""
		for i, p := range c.procs {
			if what := now[i].exceeds(c.idle[i]); len(what) > 0 {
				busy += fmt.Sprintf("\n  %s: %s: %v, before %v", p.name, strings.Join(what, ", "), now[i], c.idle[i])
			}
			if left, _ := filepath.Glob(filepath.Join(p.store(), "spool", "*")); len(left) > 0 {
				busy += fmt.Sprintf("\n  %s: %d files in the spool", p.name, len(left))
			}
		}
		return busy == "" || c.ctx.Err() != nil
	})
	c.interrupted()
	if busy != "" {
		c.t.Errorf("not idle again after %v:%s", idleWithin, busy)
	}
	for i, v := range now {
		c.say("%s idle again (%v): %v", c.procs[i].name, took.Round(time.Second), v)
	}
}

// measure looks at all servers for some seconds.
func (c *chaos) measure() (all []vitals) {
	before := make([]float64, len(c.keepers))
	for i, k := range c.keepers {
		before[i] = cpuSeconds(k.pid())
	}
	select {
	case <-c.ctx.Done():
	case <-time.After(cpuWindow):
	}
	for i, k := range c.keepers {
		v := vitals{cpu: (cpuSeconds(k.pid()) - before[i]) / cpuWindow.Seconds(), goroutines: c.goroutines(k.p)}
		v.memory, _ = figure(k.pid(), "VmRSS")
		files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", k.pid()))
		v.files = len(files)
		all = append(all, v)
	}
	return all
}

// goroutines is what a server's metrics say.
func (c *chaos) goroutines(p *proc) int {
	body, err := c.get(p, "/metrics", 2*time.Second)
	_, rest, found := strings.Cut(string(body), "\ngo_goroutines ")
	text, _, _ := strings.Cut(rest, "\n")
	n, err2 := strconv.Atoi(text)
	if err != nil || !found || err2 != nil {
		c.t.Errorf("metrics of %s: %v, %v: %.300s", p.name, err, err2, body)
	}
	return n
}

// cpuSeconds is the time that a process has spent on a CPU; the kernel counts it in hundredths.
func cpuSeconds(pid int) float64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	if err != nil || len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}
