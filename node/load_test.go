package node

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"

	"p2pnode/wire"
)

func TestLoadScore(t *testing.T) {
	for _, c := range []struct {
		cpu, available float64
		tasks          int
		want           uint16
	}{
		{10, 90, 0, 700}, // the seeds' first example by their formula
		{40, 70, 3, 3500},
		{80, 30, 8, 7800},
		{0, 100, 0, 0},
		{100, 0, 10, 10000},
		{100, 0, 1000, 10000}, // ten tasks are full
		{0, 100, 10, 3000},
		{0, 100, 1, 300},
		{33.33, 50, 0, 2667},
		{150, -20, 0, 7000}, // out of range counts as its end
		{-5, 300, -1, 0},
		{math.NaN(), 100, 0, 0},
		{0, math.Inf(1), 0, 0},
	} {
		if got := Score(c.cpu, c.available, c.tasks); got != c.want {
			t.Errorf("Score(%v, %v, %d) = %d, want %d", c.cpu, c.available, c.tasks, got, c.want)
		}
	}
}

func TestLoadWeighEntersJobs(t *testing.T) {
	got := Weigh(wire.Load{CPU: 4000, Memory: 3000, Score: 1}, 3)
	if want := (wire.Load{CPU: 4000, Memory: 3000, Score: 3500, Active: 3}); got != want {
		t.Errorf("Weigh = %+v, want %+v", got, want)
	}
	if got := Weigh(wire.Load{}, 1<<20).Active; got != math.MaxUint16 {
		t.Errorf("Active = %d, want the most that fits", got)
	}
}

func TestLoadBusyPercent(t *testing.T) {
	a := cpu.TimesStat{User: 100, System: 50, Idle: 1000, Iowait: 10, Guest: 100}
	b := cpu.TimesStat{User: 102, System: 51, Idle: 1005, Iowait: 11, Steal: 1, Guest: 102}
	if got, ok := busyPercent(a, b); !ok || math.Abs(got-40) > 1e-9 { // 4 of 10 seconds
		t.Errorf("busyPercent = %v, %v, want 40", got, ok)
	}
	if _, ok := busyPercent(a, a); ok {
		t.Error("busyPercent of no time: known")
	}
}

func TestLoadSampleOfThisMachine(t *testing.T) {
	s := NewSampler()
	begun := time.Now()
	for range 2 {
		l := s.Sample()
		if l.CPU > 10000 || l.Memory == 0 || l.Memory >= 10000 || l.Active != 0 || l != Weigh(l, 0) {
			t.Errorf("Sample() = %+v", l)
		}
	}
	if took := time.Since(begun); took < sampleInterval*2-10*time.Millisecond || took > 5*time.Second {
		t.Errorf("two samples took %v", took)
	}
}

// fakeRoot makes a file system with a process in control group /a/b.
func fakeRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{"proc/self/cgroup": "1:name=systemd:/x\n0::/a/b\n", "sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLoadControlGroupTightestLevelCounts(t *testing.T) {
	const base = "sys/fs/cgroup/a/"
	g := newCgroup(fakeRoot(t, map[string]string{
		base + "cpu.max":          "50000 100000\n", // half a core, above ours
		base + "cpu.stat":         "usage_usec 7000000\nuser_usec 1\n",
		base + "memory.max":       "1000\n",
		base + "memory.current":   "900\n",
		base + "memory.stat":      "anon 1\ninactive_file 300\n",
		base + "b/cpu.max":        "400000 100000\n",
		base + "b/cpu.stat":       "usage_usec 1\n",
		base + "b/memory.max":     "100000\n",
		base + "b/memory.current": "500\n",
	}))
	if got := g.cores(); got != 0.5 {
		t.Errorf("cores() = %v, want 0.5", got)
	}
	if got, ok := g.cpuUsage(); !ok || got != 7*time.Second {
		t.Errorf("cpuUsage() = %v, %v, want 7s", got, ok)
	}
	if got, ok := g.memoryAvailable(); !ok || math.Abs(got-40) > 1e-9 { // 900 − 300 of 1000 are in use
		t.Errorf("memoryAvailable() = %v, %v, want 40", got, ok)
	}
}

func TestLoadControlGroupWithoutLimits(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no files":  {},
		"unlimited": {"sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "5\n"},
		"nonsense":  {"sys/fs/cgroup/a/b/cpu.max": "0 0\n", "sys/fs/cgroup/a/b/memory.max": "-1\n", "sys/fs/cgroup/a/b/memory.current": "x\n"},
		"version 1": {"proc/self/cgroup": "4:memory:/a/b\n"},
		"elsewhere": {"proc/self/cgroup": "0::/../../c\n"},
	} {
		g := newCgroup(fakeRoot(t, files))
		_, cpuKnown := g.cpuUsage()
		_, memoryKnown := g.memoryAvailable()
		if g.cores() != 0 || cpuKnown || memoryKnown {
			t.Errorf("%s: cores %v, CPU known %v, memory known %v, want no limits", name, g.cores(), cpuKnown, memoryKnown)
		}
	}
	if g := newCgroup(t.TempDir()); len(g.levels) != 0 {
		t.Errorf("no control groups at all: %v", g.levels)
	}
}

func TestLoadSampleInAContainer(t *testing.T) {
	root := fakeRoot(t, map[string]string{
		"sys/fs/cgroup/a/b/cpu.max":        "100000 100000\n",
		"sys/fs/cgroup/a/b/cpu.stat":       "usage_usec 1000000\n",
		"sys/fs/cgroup/a/b/memory.max":     "1000000\n",
		"sys/fs/cgroup/a/b/memory.current": "999000\n",
	})
	s := &Sampler{group: newCgroup(root), at: time.Now().Add(-time.Second)}
	if got := s.Sample(); got.Memory < 9990 || got.CPU < 9000 { // a second of CPU time in a second of one core
		t.Errorf("Sample() = %+v, want the container's limits reached", got)
	}
}
