package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"p2pnode/node"
)

// herald tells a service manager how the server is, in the words of sd_notify(3). Without one it says nothing.
type herald struct {
	s     *server
	watch time.Duration // silence after which the manager restarts the server; zero: never
}

// heraldEach is the time between two words where the manager wants none sooner.
const heraldEach = 10 * time.Second

func (s *server) newHerald() herald {
	watch, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.config.Log.Warn("service manager's watchdog not understood", "error", err)
	}
	return herald{s: s, watch: watch}
}

// say sends one state; a manager that cannot be reached is no reason to stop serving.
func (h herald) say(state string) bool {
	sent, err := daemon.SdNotify(false, state)
	if err != nil {
		h.s.config.Log.Warn("service manager not told", "error", err)
	}
	return sent
}

// run says that the server serves, and again and again that it still does: only as long as its loop answers. It returns when
// ctx ends.
func (h herald) run(ctx context.Context) {
	if !h.say(daemon.SdNotifyReady) {
		return
	}
	defer h.say(daemon.SdNotifyStopping)
	each := heraldEach
	if h.watch > 0 {
		each = min(each, h.watch/2)
	}
	tick := time.NewTicker(each)
	defer tick.Stop()
	for {
		h.beat(ctx, each)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// beat asks the loop how it is, and passes that on.
func (h herald) beat(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	status, err := h.s.node.Status(ctx)
	if err != nil {
		return // the watchdog bites if that goes on
	}
	h.say(daemon.SdNotifyWatchdog + "\nSTATUS=" + inOneLine(status))
}

// inOneLine is what `systemctl status` shows.
func inOneLine(s node.Status) string {
	live := 0
	for _, n := range s.Nodes {
		if n.State != "dead" {
			live++
		}
	}
	leader := "no leader"
	if s.Leader != nil {
		leader = fmt.Sprintf("leader %s, epoch %d", *s.Leader, s.Epoch)
	}
	return fmt.Sprintf("%s of cluster %s: %s, %d of %s alive, %s running",
		s.Self, s.Cluster, leader, live, amount(len(s.Nodes), "server"), amount(s.Jobs.Running, "job"))
}
