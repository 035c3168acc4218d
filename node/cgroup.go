package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cgroup reads the limits of the control groups (version 2) a process is in: its own and all above it, since the
// tightest counts. Without such groups it knows nothing.
type cgroup struct {
	levels []string // directories, from the process's own group up
}

// newCgroup looks for the groups of this process; root is the file system's root, another one in tests.
func newCgroup(root string) *cgroup {
	path, ok := cgroupPath(filepath.Join(root, "proc/self/cgroup"))
	mount := filepath.Join(root, "sys/fs/cgroup")
	if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err != nil || !ok {
		return &cgroup{}
	}
	g := &cgroup{}
	for {
		g.levels = append(g.levels, filepath.Join(mount, path))
		if path == "/" {
			return g
		}
		path = filepath.Dir(path)
	}
}

// cgroupPath reads the line of version 2 of /proc/self/cgroup: "0::" and the path.
func cgroupPath(file string) (path string, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Clean("/" + path), true // a group outside of the container's view begins with /..
		}
	}
	return "", false
}

// cores returns how many CPUs the tightest quota amounts to; zero: no quota.
func (g *cgroup) cores() (cores float64) {
	level := g.cpuLevel()
	if level == "" {
		return 0
	}
	cores, _ = quota(level)
	return cores
}

// cpuLevel returns the group with the tightest CPU quota; empty: none has one.
func (g *cgroup) cpuLevel() (tightest string) {
	var least float64
	for _, dir := range g.levels {
		if q, ok := quota(dir); ok && (tightest == "" || q < least) {
			tightest, least = dir, q
		}
	}
	return tightest
}

// quota reads cpu.max: microseconds of CPU time in a period of so many, or "max".
func quota(dir string) (cores float64, ok bool) {
	f := strings.Fields(readText(dir, "cpu.max"))
	if len(f) != 2 {
		return 0, false
	}
	limit, err := strconv.ParseFloat(f[0], 64)
	period, perr := strconv.ParseFloat(f[1], 64)
	if err != nil || perr != nil || limit <= 0 || period <= 0 {
		return 0, false
	}
	return limit / period, true
}

// cpuUsage returns the CPU time spent so far by the group whose quota is tightest.
func (g *cgroup) cpuUsage() (time.Duration, bool) {
	level := g.cpuLevel()
	if level == "" {
		return 0, false
	}
	micros, ok := statValue(readText(level, "cpu.stat"), "usage_usec")
	return time.Duration(micros) * time.Microsecond, ok
}

// memoryAvailable returns what the tightest memory limit leaves, in percent of it. File pages not used lately do not
// count as used: the kernel takes them back when it has to.
func (g *cgroup) memoryAvailable() (percent float64, ok bool) {
	for _, dir := range g.levels {
		limit, limited := number(readText(dir, "memory.max"))
		used, known := number(readText(dir, "memory.current"))
		if !limited || !known || limit <= 0 {
			continue
		}
		cache, _ := statValue(readText(dir, "memory.stat"), "inactive_file")
		available := percentage(100 * (1 - float64(max(used-cache, 0))/float64(limit)))
		if !ok || available < percent {
			percent, ok = available, true
		}
	}
	return percent, ok
}

// memoryLimit returns the tightest memory limit in bytes.
func (g *cgroup) memoryLimit() (limit int64, ok bool) {
	for _, dir := range g.levels {
		if n, limited := number(readText(dir, "memory.max")); limited && n > 0 && (!ok || n < limit) {
			limit, ok = n, true
		}
	}
	return limit, ok
}

// statValue finds "key value" among the lines of a stat file.
func statValue(text, key string) (int64, bool) {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, key+" "); ok {
			return number(v)
		}
	}
	return 0, false
}

func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// readText returns a file of a group; one that cannot be read is empty, which sets no limit.
func readText(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(text)
}
