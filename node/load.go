package node

import (
	"math"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/mem"

	"p2pnode/wire"
)

// sampleInterval is the shortest time over which CPU use is measured.
const sampleInterval = 100 * time.Millisecond

// Sampler measures how busy the machine is, or the container if that has tighter limits. One goroutine uses it.
type Sampler struct {
	group  *cgroup
	host   cpu.TimesStat // at the last sample
	usage  time.Duration // CPU time of the cgroup at the last sample
	at     time.Time     // of the last sample
	used   float64       // CPU percent, newest known
	memory float64       // available percent, newest known
}

// NewSampler returns a sampler that measures from now on.
func NewSampler() *Sampler {
	s := &Sampler{group: newCgroup("/"), memory: 100, at: time.Now()}
	s.host, _ = hostTimes()
	s.usage, _ = s.group.cpuUsage()
	return s
}

// Sample returns CPU use since the last sample and memory now; the score is that of a node without jobs. It blocks until
// 100 ms have passed since the last sample. What cannot be read keeps its last value.
func (s *Sampler) Sample() wire.Load {
	time.Sleep(sampleInterval - time.Since(s.at))
	now := time.Now()
	s.sampleCPU(now.Sub(s.at))
	s.at = now
	s.sampleMemory()
	return Weigh(wire.Load{CPU: centi(s.used), Memory: centi(100 - s.memory)}, 0)
}

// sampleCPU takes the busier of host and container: either one can be what a job would wait for.
func (s *Sampler) sampleCPU(elapsed time.Duration) {
	used, known := 0.0, false
	if t, ok := hostTimes(); ok {
		used, known = busyPercent(s.host, t)
		s.host = t
	}
	if usage, ok := s.group.cpuUsage(); ok {
		cores := s.group.cores()
		if cores > 0 && elapsed > 0 {
			percent := 100 * float64(usage-s.usage) / (float64(elapsed) * cores)
			used, known = max(used, percent), true
		}
		s.usage = usage
	}
	if known {
		s.used = percentage(used)
	}
}

// sampleMemory takes the scarcer of host and container.
func (s *Sampler) sampleMemory() {
	available, known := 100.0, false
	if m, err := mem.VirtualMemory(); err == nil && m.Total > 0 {
		available, known = 100*float64(m.Available)/float64(m.Total), true
	}
	if percent, ok := s.group.memoryAvailable(); ok {
		available, known = min(available, percent), true
	}
	if known {
		s.memory = percentage(available)
	}
}

// Total returns the bytes of memory that host and container let this process have; zero: unknown.
func (s *Sampler) Total() int64 {
	total, known := s.group.memoryLimit()
	if m, err := mem.VirtualMemory(); err == nil && m.Total > 0 && (!known || int64(m.Total) < total) {
		total = int64(m.Total)
	}
	return total
}

func hostTimes() (cpu.TimesStat, bool) {
	t, err := cpu.Times(false)
	if err != nil || len(t) == 0 {
		return cpu.TimesStat{}, false
	}
	return t[0], true
}

// busyPercent is the share of time between two readings that was neither idle nor waiting for a disk. Time that the
// hypervisor stole counts as busy: a job could not have had it. Guest time is part of user time already.
func busyPercent(a, b cpu.TimesStat) (percent float64, ok bool) {
	busy := func(t cpu.TimesStat) float64 { return t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal }
	idle := func(t cpu.TimesStat) float64 { return t.Idle + t.Iowait }
	total := busy(b) + idle(b) - busy(a) - idle(a)
	if total <= 0 {
		return 0, false
	}
	return 100 * (busy(b) - busy(a)) / total, true
}

// Score is a node's priority and load in hundredths of a percent; lower is better. CPU used and memory available are percentages.
func Score(cpu, availableMemory float64, tasks int) uint16 {
	share := min(float64(tasks)/10, 1) * 100
	return centi(0.5*percentage(cpu) + 0.3*max(share, 0) + 0.2*(100-percentage(availableMemory)))
}

// Weigh returns a sample with the number of jobs running entered into it.
func Weigh(l wire.Load, active int) wire.Load {
	l.Active = uint16(min(max(active, 0), math.MaxUint16))
	l.Score = Score(float64(l.CPU)/100, 100-float64(l.Memory)/100, active)
	return l
}

func centi(percent float64) uint16 { return uint16(math.Round(percent * 100)) }

// percentage keeps a value from 0 to 100; what is no number is 0.
func percentage(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, 0), 100)
}
