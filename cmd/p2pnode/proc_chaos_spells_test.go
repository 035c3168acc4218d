//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"p2pnode/node"
)

// spells are what servers have to live through.
var spells = []mischief{
	{name: "freeze", often: 2, least: 200 * time.Millisecond, most: 10 * time.Second, begin: (*chaos).freeze},
	{name: "freeze the leader", often: 1, least: 200 * time.Millisecond, most: 5 * time.Second, begin: (*chaos).freezeLeader},
	{name: "full disk", lan: true, often: 1, least: 2 * time.Second, most: 6 * time.Second, begin: (*chaos).fullDisk},
	{name: "64 files", often: 1, least: 2 * time.Second, most: 6 * time.Second, begin: (*chaos).fewFiles},
	{name: "little memory", often: 1, least: 2 * time.Second, most: 6 * time.Second, begin: (*chaos).littleMemory},
	{name: "partition", lan: true, often: 1, least: time.Second, most: 8 * time.Second, begin: (*chaos).partition},
	{name: "one-way partition", lan: true, often: 1, least: time.Second, most: 8 * time.Second, begin: (*chaos).oneWay},
	{name: "20 % loss", lan: true, often: 1, least: 2 * time.Second, most: 8 * time.Second, begin: (*chaos).loss},
	{name: "flood", often: 1, least: 2 * time.Second, most: 5 * time.Second, begin: (*chaos).flood},
	{name: "500 slow clients", often: 1, least: 4 * time.Second, most: 8 * time.Second, begin: (*chaos).crowd},
}

// glance is what a server says of itself, if it says it soon.
func (c *chaos) glance(p *proc) (s node.Status, err error) {
	body, err := c.get(p, "/v1/status", 300*time.Millisecond)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

func (c *chaos) freeze(r *rand.Rand, _ time.Duration) (string, func()) {
	return c.stopped(c.anyone(r))
}

func (c *chaos) freezeLeader(r *rand.Rand, _ time.Duration) (string, func()) {
	return c.stopped(c.leading(r))
}

// stopped stops a server's process. What has taken its place by the end is not harmed by being told to go on.
func (c *chaos) stopped(k *keeper) (string, func()) {
	k.p.stop()
	return k.p.name, k.p.resume
}

func (c *chaos) fullDisk(r *rand.Rand, _ time.Duration) (string, func()) {
	i := r.IntN((len(c.disks)+1)/2) * 2
	if _, err := os.Stat(c.disks[i].filler()); err == nil {
		return "", nil // full already
	}
	c.disks[i].fill()
	return c.procs[i].name, c.disks[i].free
}

// fewFiles lets a server have 64 files, and takes all of those with idle connections to its status page.
func (c *chaos) fewFiles(r *rand.Rand, _ time.Duration) (string, func()) {
	k := c.anyone(r)
	lift, err := k.cap(unix.RLIMIT_NOFILE, 64)
	if err != nil {
		return "", nil
	}
	idle := c.idlers(k.p, 100)
	return fmt.Sprintf("%s, %d idle connections", k.p.name, len(idle)), func() {
		for _, conn := range idle {
			conn.Close()
		}
		lift()
	}
}

// memoryLeft is what a server may take, when memory gets scarce, beyond the most that any has had, as a control group would let it. The
// kernel refuses more, and Go ends a program that is refused: a server has to get along with it. (What it has itself is no measure:
// it may have begun just now.)
const memoryLeft = 48 << 20

func (c *chaos) littleMemory(r *rand.Rand, _ time.Duration) (string, func()) {
	k := c.anyone(r)
	if !k.serves() {
		return "", nil
	}
	for _, each := range c.keepers {
		if has, err := figure(each.pid(), "VmData"); err == nil {
			c.atWork = max(c.atWork, has)
		}
	}
	has := c.atWork
	lift, err := k.cap(unix.RLIMIT_DATA, uint64(has+memoryLeft))
	if err != nil {
		return "", nil
	}
	return fmt.Sprintf("%s, %d MB of data at most and no more than %d", k.p.name, has>>20, (has+memoryLeft)>>20), lift
}

// cap lowers a limit of the running process, until lift; another process of this server has its own.
func (k *keeper) cap(limit int, to uint64) (lift func(), err error) {
	pid, old := k.pid(), unix.Rlimit{}
	if pid == 0 {
		return nil, unix.ESRCH
	}
	if err := unix.Prlimit(pid, limit, nil, &old); err != nil {
		return nil, err
	}
	if err := unix.Prlimit(pid, limit, &unix.Rlimit{Cur: to, Max: old.Max}, nil); err != nil {
		return nil, err
	}
	return func() {
		if pid == k.pid() {
			unix.Prlimit(pid, limit, &old, nil)
		}
	}, nil
}

// figure reads what the kernel says of a process's memory, in bytes.
func figure(pid int, name string) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, name)
}
