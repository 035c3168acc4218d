package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) doctorCommand() *cli.Command {
	flags := everyFlag([]*cli.Command{{Flags: asking(toggle("no-canary", "submit no job to the cluster"))}, {Flags: serveFlags()}})
	return &cli.Command{
		Name: "doctor", Usage: "find out why servers or clients on this machine do not work",
		Description: "One line for each check, then the cause of what is wrong and the command that mends it. The flags of\nserve and of clients say what is to be checked, as they would say what is to be done. Nothing is\nchanged, and exit is 1 where something is broken (FAIL), 0 otherwise.",
		Flags:       withTimeout(flags, 20*time.Second),
		Action:      p.diagnose,
	}
}

// doctor is one examination of this machine and its cluster. The functions in it are what it does to the system: tests put others there.
type doctor struct {
	p     *program
	c     *cli.Context
	wrong error  // with the settings
	dir   string // temporary: a copy of the known clusters, and the canary's files

	proc       string // where the kernel tells of processes
	user       int
	room       func(dir string) (uint64, error) // bytes free
	run        func(ctx context.Context, name string, args ...string) (string, error)
	interfaces func(only []string) ([]node.Interface, error)
	echo       func(ctx context.Context, only []string) ([]node.Echo, error)

	token  *node.Token // as whom clusters are asked; nil: nobody in particular
	place  dirState
	around census
	tested []examined // servers of the cluster, connected to
}

func (p *program) newDoctor(c *cli.Context, wrong error) *doctor {
	return &doctor{
		p: p, c: c, wrong: wrong, proc: "/proc", user: os.Geteuid(), room: freeBytes, run: runReading,
		interfaces: node.Interfaces, echo: node.EchoBroadcasts,
	}
}

// diagnose is the command. A mistake in the settings is its first finding, and no reason to stop.
func (p *program) diagnose(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("doctor takes no arguments").next("p2pnode doctor")
	}
	s, wrong := loadSettings(everyFlag(p.app.Commands), c, p.given, os.LookupEnv)
	if s.file == nil {
		s.file = &configFile{}
	}
	p.settings, p.given.json = s, p.given.json || c.Bool("json")
	p.signals.graceful.Store(true)
	ctx, cancel := bounded(c.Context, c)
	defer cancel()
	d := p.newDoctor(c, wrong)
	if err := d.settleIn(); err != nil {
		return err
	}
	all := consult(ctx, d.checks(), c.Duration("timeout"), p.tell(c))
	if c.Context.Err() != nil {
		return c.Context.Err()
	}
	return p.conclude(c, all)
}

// settleIn makes the temporary directory.
func (d *doctor) settleIn() (err error) {
	if d.dir, err = os.MkdirTemp("", "p2pnode-doctor-*"); err != nil {
		return err
	}
	d.p.scratch.add(func() { os.RemoveAll(d.dir) })
	known, err := os.ReadFile(pinsFile(d.c))
	if err != nil {
		return nil // there are none, or the clients will say what is wrong
	}
	return os.WriteFile(filepath.Join(d.dir, "known_clusters"), known, 0o600)
}

// checks are the questions, in the order of the layers: each rests on those before it.
func (d *doctor) checks() []check {
	all := []check{
		{name: "configuration", do: d.configuration},
		{name: "token", do: d.tokens},
		{name: "directory", do: d.directory},
		{name: "ports", do: d.ports},
		{name: "interfaces", do: d.networks},
		{name: "broadcast", needs: []string{"interfaces"}, do: d.broadcast},
		{name: "firewall", do: d.firewall},
		{name: "buffers", do: d.buffers},
		{name: "discovery", needs: []string{"interfaces", "token"}, do: d.discovery},
		{name: "connection", needs: []string{"discovery"}, do: d.connections},
		{name: "agreement", needs: []string{"connection"}, do: d.agreement},
		{name: "clocks", needs: []string{"connection"}, do: d.clocks},
		{name: "job", needs: []string{"connection", "agreement"}, do: d.canary},
	}
	if d.c.Bool("no-canary") {
		all = slices.DeleteFunc(all, func(c check) bool { return c.name == "job" })
	}
	return all
}

// configuration checks what `config validate` checks.
func (d *doctor) configuration(context.Context) []finding {
	wrong := d.wrong
	if wrong == nil {
		wrong = (&server{p: d.p}).configure(d.c)
	}
	if wrong != nil {
		f := d.p.explain(wrong)
		return one(bad(f.What, "serve and every other command stop at this", or(f.Next, "p2pnode config show --origin")))
	}
	file := d.p.settings.file
	if file.path == "" {
		return one(good("no configuration file; the defaults hold"))
	}
	return one(good("%s: %s, %s", file.path, amount(len(file.values), "setting"), amount(len(file.peers), "peer")))
}

// buffers asks for sockets as a server does.
func (d *doctor) buffers(context.Context) []finding {
	s, err := node.Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return one(bad(plain(err), "no socket can be opened", "ulimit -n; ip addr show lo"))
	}
	defer s.Close()
	return one(judgeBuffers(s.Buffers))
}

func judgeBuffers(b node.Buffers) finding {
	seen := fmt.Sprintf("sockets hold %d KiB received and %d KiB sent", b.Receive>>10, b.Send>>10)
	if b.Advice() == "" {
		return good("%s", seen)
	}
	return doubt(seen, fmt.Sprintf("the kernel allows less than the %d KiB asked for: bursts of a fast network are lost", node.SocketBuffer>>10), "sudo "+b.Advice())
}

func or(word, otherwise string) string {
	if word == "" {
		return otherwise
	}
	return word
}
