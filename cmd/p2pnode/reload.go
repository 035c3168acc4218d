package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"p2pnode/node"
)

// reloadable are the settings of `serve` that SIGHUP changes; all others hold until the next start.
var reloadable = []string{
	"peer", "peers", "interface", "no-broadcast", "max-pixels", "max-bytes", "max-jobs", "max-owned", "keep-results", "log-level", "quiet",
}

// reloadOnHangup reads the settings again at every SIGHUP, until ctx ends.
func (s *server) reloadOnHangup(ctx context.Context, hangups <-chan os.Signal, h herald) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			h.say(daemon.SdNotifyReloading + fmt.Sprintf("\nMONOTONIC_USEC=%d", monotonic()))
			if _, err := s.reload(ctx); err != nil {
				s.config.Log.Error("configuration not reloaded, the former one holds", "error", err)
			}
			h.say(daemon.SdNotifyReady)
		}
	}
}

// monotonic is the time that sd_notify(3) wants with RELOADING, in microseconds.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano() / int64(time.Microsecond)
}

// reload reads the command line, the environment and the configuration file as they are now, and has the server use what may
// change while it runs. A mistake in them changes nothing. Several goroutines may call it.
func (s *server) reload(ctx context.Context) (r node.Reread, err error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	next, settings, err := s.p.again(ctx)
	if err != nil {
		return r, err
	}
	now, later := changedSettings(s.settings, settings)
	if err := s.node.Reload(ctx, next.config); err != nil {
		return r, err
	}
	if s.gateway != nil {
		s.gateway.reload(&next.config)
	}
	s.p.level.Set(next.p.level.Level())
	s.settings = merged(s.settings, settings)
	s.config.Log.Info("configuration reloaded", "changed", now)
	if len(later) > 0 {
		s.config.Log.Warn("these settings change at the next start only", "settings", later)
	}
	return node.Reread{Changed: append([]string{}, now...), Later: append([]string{}, later...)}, nil
}

// again reads the settings of this command line once more.
func (p *program) again(ctx context.Context) (s *server, all []setting, err error) {
	fresh := newProgram(p.stdin, p.stdout, p.stderr)
	fresh.given, fresh.signals = p.given, p.signals
	commandNamed(fresh.app.Commands, "serve").Action = fresh.action(func(_ context.Context, c *cli.Context) error {
		s = &server{p: fresh}
		all = fresh.serving(c)
		return s.configure(c)
	})
	return s, all, fresh.app.RunContext(ctx, p.given.args)
}

// serving lists the settings that hold, the peers of the configuration file among them.
func (p *program) serving(c *cli.Context) []setting {
	return append(p.effective(c), setting{Key: "peers", Value: p.settings.file.peers})
}

// changedSettings names the settings that differ: those that a running server takes, and those it does not.
func changedSettings(old, latest []setting) (now, later []string) {
	for i, s := range latest {
		switch {
		case reflect.DeepEqual(s.Value, old[i].Value):
		case slices.Contains(reloadable, s.Key):
			now = append(now, s.Key)
		default:
			later = append(later, s.Key)
		}
	}
	return now, later
}

// merged are the settings that hold after a reload: what waits for the next start is still as it was.
func merged(old, latest []setting) []setting {
	all := slices.Clone(old)
	for i, s := range latest {
		if slices.Contains(reloadable, s.Key) {
			all[i] = s
		}
	}
	return all
}
