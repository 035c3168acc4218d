package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
	"p2pnode/wire"
)

func (p *program) stressCommand() *cli.Command {
	return &cli.Command{
		Name: "stress", Usage: "put a cluster under load, check every result, and report",
		Description: "Many clients hide texts in pictures, each client one after the other with a pause of chance, or, with\n--rate, at times fixed beforehand. Every text is read back. Outputs are temporary: nothing stays but reports.\nExit 0: all came back right. 3: some did not. 8: some came back wrong. Ctrl-C ends early, with a report.",
		Flags: append(withTimeout(asking(
			&cli.StringFlag{Name: "clients", Usage: "as many at a time", Value: "10", Category: deedFlags}, // in files it is what serve makes of it
			counted("requests", "of each client, without --rate", 20),
			lasting("min-delay", "shortest pause of a client before a request", 100*time.Millisecond),
			lasting("max-delay", "longest pause of a client before a request", 2*time.Second),
			&cli.Float64Flag{Name: "rate", Usage: "requests per second of all clients together, at times of chance (Poisson) fixed beforehand"},
			lasting("duration", "with --rate: for how long", time.Minute),
			text("images", "`DIR` with PNG and JPEG files (default: three photos of 0.5 MB, made here)"),
			text("fault-ring", "take one server after the other off the network meanwhile: `interval=30s,down=10s[,cycles=N]`; needs the peer token"),
			counted("seed", "for delays, times and the choice of images; 0: by chance", 0),
			limitFlag(),
		), 2*time.Minute), reportFlags()...),
		Action:      p.action(p.stress),
		Subcommands: []*cli.Command{p.stressMergeCommand()},
	}
}

// reportFlags say where reports go.
func reportFlags() []cli.Flag {
	return []cli.Flag{
		texts("report", "write a report to `FILE`.json or .html; may be repeated"),
		toggle("force", "replace existing outputs"),
	}
}

// counted is a number with a default.
func counted(name, usage string, value int64) *cli.Int64Flag {
	return &cli.Int64Flag{Name: name, Usage: usage, Value: value}
}

// lasting is a time with a default.
func lasting(name, usage string, value time.Duration) *cli.DurationFlag {
	return &cli.DurationFlag{Name: name, Usage: usage, Value: value}
}

func (p *program) stress(ctx context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("stress takes no argument %q", c.Args().First()).next("p2pnode stress --clients 10, or p2pnode stress merge A.json B.json --report F.html")
	}
	plan, err := p.stressPlan(c)
	if err != nil {
		return err
	}
	papers, err := p.openPapers(c, ".json", ".html")
	if err != nil {
		return err
	}
	defer papers.discard()
	p.signals.graceful.Store(true)
	dir, err := os.MkdirTemp("", "p2pnode-stress-*")
	if err != nil {
		return err
	}
	defer p.scratch.add(func() { os.RemoveAll(dir) })()
	s := &stress{p: p, c: c, plan: plan, dir: dir}
	defer s.close()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.run(ctx)
	return s.conclude(ctx, papers)
}

// stress is one run.
type stress struct {
	p       *program
	c       *cli.Context
	plan    stressPlan
	dir     string // temporary: outputs, made photos
	gallery gallery
	watcher *node.Client   // asks who leads, and takes servers off the network
	faults  faulter        // the watcher; nil without --fault-ring
	clients []*node.Client // plan.Clients of them
	roster  roster
	tally   *tally
}

// preflight bounds the first question to the cluster, whatever one request may take.
const preflight = 10 * time.Second

// prepare makes sure that there are pictures, a cluster and clients before the clock starts.
func (s *stress) prepare(ctx context.Context) (err error) {
	if s.gallery, err = s.openGallery(ctx); err != nil {
		return err
	}
	if s.watcher, err = s.p.client(s.c, nil); err != nil {
		return err
	}
	if err := s.armed(); err != nil {
		return err
	}
	first, cancel := context.WithTimeout(ctx, min(preflight, s.plan.Timeout))
	defer cancel()
	status, err := askStatus(first, s.watcher)
	if err != nil {
		return err
	}
	s.roster.update(status)
	for range s.plan.Clients {
		client, err := s.p.client(s.c, nil)
		if err != nil {
			return fmt.Errorf("client %d of %d: %w", len(s.clients)+1, s.plan.Clients, err)
		}
		s.clients = append(s.clients, client)
	}
	return nil
}

// armed makes sure that servers can be taken off the network, where that is wanted: they obey the peer token only.
func (s *stress) armed() error {
	if s.plan.Ring == nil {
		return nil
	}
	token, err := s.p.readToken(s.c)
	if err != nil {
		return err
	}
	if token == nil || token.Secret == nil {
		return failf(wire.CodeUnauthorized, "--fault-ring needs the peer token of the cluster").next("--token-file FILE, made by p2pnode token --peer at a server")
	}
	s.faults = s.watcher
	return nil
}

// close ends the clients and their sockets.
func (s *stress) close() {
	for _, client := range s.clients {
		client.Close()
	}
	if s.watcher != nil {
		s.watcher.Close()
	}
}

// conclude writes the reports, and ends the command as the run went.
func (s *stress) conclude(ctx context.Context, papers papers) error {
	report := s.tally.report(s.plan, s.gallery, context.Cause(ctx) != nil)
	if err := papers.write(report); err != nil {
		return err
	}
	if err := s.p.printReport(s.c, report); err != nil {
		return err
	}
	switch why, interrupted := context.Cause(ctx).(interrupted); {
	case report.Counts.Wrong > 0:
		return reported{exit: 8}
	case interrupted:
		return reported{exit: why.exit()}
	case !report.OK:
		return reported{exit: 3}
	}
	return nil
}
