package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/wire"
)

func (p *program) demoCommand() *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "run a whole cluster here, kill its servers in the middle of jobs, and see every text come back",
		Description: "Servers are child processes on loopback in a temporary directory; nothing else on this machine\nor network is touched, and nothing stays.",
		Flags: common(
			&cli.Int64Flag{Name: "nodes", Usage: "servers", Value: 3},
			deed("no-kill", "kill nobody"),
			deed("keep", "keep the directory with logs, stores and pictures"),
		),
		Action: p.action(p.demo),
	}
}

// demoLimit bounds the whole story: on a machine that slow something else is wrong.
const demoLimit = 5 * time.Minute

// demoReport is the JSON form of a demo.
type demoReport struct {
	Schema    string     `json:"schema"`
	OK        bool       `json:"ok"`
	Nodes     int        `json:"nodes"`
	Election  float64    `json:"first_election_seconds"`
	Jobs      []demoJob  `json:"jobs"`
	Kills     []demoKill `json:"kills"`
	Failovers int        `json:"failovers"`
	Directory string     `json:"directory,omitempty"`
	Seconds   float64    `json:"seconds"`
	Error     string     `json:"error,omitempty"`
}

// demoKill is one kill -9.
type demoKill struct {
	Node    string  `json:"node"`
	Role    string  `json:"role"`
	Stage   string  `json:"stage"` // of the job in the middle of which it died
	Recover float64 `json:"new_leader_seconds,omitempty"`
}

func (p *program) demo(ctx context.Context, c *cli.Context) error {
	nodes := whole(c.Int64("nodes"))
	switch {
	case c.NArg() > 0:
		return usagef("demo takes no arguments").next("p2pnode demo")
	case nodes < 1 || nodes > 16:
		return usagef("--nodes %d: 1 to 16 are possible", nodes)
	case nodes == 1 && !c.Bool("no-kill"):
		return usagef("one server cannot survive a kill").next("p2pnode demo --nodes 1 --no-kill")
	}
	p.signals.graceful.Store(true)
	dir, err := os.MkdirTemp("", "p2pnode-demo-*")
	if err != nil {
		return err
	}
	if !c.Bool("keep") {
		defer p.scratch.add(func() { os.RemoveAll(dir) })()
	}
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	s := &story{p: p, c: c, began: time.Now(), dir: dir, report: demoReport{Schema: p.schema(), Nodes: nodes, Jobs: []demoJob{}, Kills: []demoKill{}}}
	defer s.close()
	err = s.tell(ctx)
	return s.verdict(err)
}

// verdict says how the story ended.
func (s *story) verdict(err error) error {
	r := &s.report
	r.Seconds = time.Since(s.began).Seconds()
	r.OK = err == nil && len(r.Jobs) > 0
	for _, j := range r.Jobs {
		r.OK = r.OK && j.Verified
		r.Failovers += j.Failovers
	}
	if s.c.Bool("keep") {
		r.Directory = s.dir
		s.say("kept: %s", s.dir)
	}
	if !r.OK && err == nil {
		err = failf(wire.CodeVerify, "not every text came back")
	}
	if err != nil && s.p.context().Err() != nil {
		return s.p.context().Err()
	}
	if s.c.Bool("json") {
		if err != nil {
			r.Error = err.Error()
		}
		if printed := s.p.printJSON(r); printed != nil || err == nil {
			return printed
		}
		return reported{exit: s.p.explain(err).exit()}
	}
	if err == nil {
		s.say("verdict: %d of %s came back, %s killed, %s, nothing lost",
			len(r.Jobs), amount(len(r.Jobs), "text"), amount(len(r.Kills), "server"), amount(r.Failovers, "failover"))
	}
	return err
}

// say tells the next thing that happened, with the time.
func (s *story) say(format string, args ...any) {
	out := s.p.stdout
	if s.c.Bool("json") {
		out = s.p.stderr
	}
	if s.c.Bool("quiet") {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(out, "%6.2fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

func (s *story) path(name string) string { return filepath.Join(s.dir, name) }
