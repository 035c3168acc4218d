package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "run a server; alone it is a working cluster of one",
		Description: "Servers of one token find each other on the local networks; --peer helps where broadcast does\nnot reach. SIGTERM or SIGINT: finish the running jobs, hand the lead over, leave.",
		Flags:       common(serveFlags()...),
		Action:      p.action(p.serve),
	}
}

func serveFlags() []cli.Flag {
	timing := func(name, usage string) cli.Flag {
		return &cli.DurationFlag{Name: name, Usage: usage, Category: timingFlags}
	}
	count := func(name, usage string) cli.Flag {
		return &cli.Int64Flag{Name: name, Usage: usage, Category: timingFlags}
	}
	return []cli.Flag{
		text("dir", "keep everything in `DIR` (default: p2pnode/NAME in the user's data directory)"),
		text("name", "the server's `NAME`, unique in the cluster (default: the host's)"),
		text("cluster", "the cluster's `NAME`, a label"),
		text("listen", "`ADDRESS` for datagrams (default: the next free port of 47470-47479; port 0: any)"),
		text("data", "`ADDRESS` for QUIC (default: the next free port of 47480-47489; port 0: any)"),
		text("http", "`ADDRESS` for /livez /readyz /metrics /v1/…, or off (default: 127.0.0.1, the next free port of 47490-47499)"),
		toggle("pprof", "answer /debug/pprof on the HTTP address too"),
		texts("peer", "control `ADDRESS` of another server; may be repeated"),
		text("token-file", "`FILE` with the cluster's peer token (or P2PNODE_TOKEN: the token itself)"),
		withDefault("clients", "open: anybody may submit jobs; token: only holders of a token", "open"),
		withDefault("quorum", "available: whoever survives goes on; majority: only a majority of --voters", "available"),
		texts("voters", "`NAMES` of all voting servers, this one included (majority mode)"),
		texts("advertise", "tell others this `ADDRESS` too; may be repeated"),
		texts("interface", "discover on this network interface only; may be repeated"),
		toggle("no-broadcast", "find peers by --peer and --config only"),
		text("ready-file", "write addresses and process id to this JSON `FILE` when serving"),
		&cli.Int64Flag{Name: "max-pixels", Usage: "refuse images of more pixels; 0: 100,000,000", Category: timingFlags},
		count("max-bytes", "refuse images of more bytes; 0: 512 MiB"),
		count("max-results", "bytes of results kept; 0: 8 GiB"),
		count("max-jobs", "records in the ledger; 0: 100,000"),
		count("max-owned", "unfinished jobs of one client; 0: 256"),
		count("workers", "images worked on at once; 0: one less than the CPUs"),
		count("waiting", "jobs that may wait for a worker, if there are bytes for them; 0: 1024"),
		timing("keep-results", "age at which a result nobody fetched is deleted; 0: 7 days"),
		timing("heartbeat-interval", "time between heartbeats; 0: 250ms"),
		timing("suspect-timeout", "silence that makes a peer suspect; 0: 600ms"),
		timing("failure-timeout", "silence that makes a peer dead; 0: 1.2s"),
		timing("election-timeout", "the longest a phase of an election may last (1.5s, or six heartbeats)"),
		timing("rotation", "time after which an idle leader passes the lead to the next server; set it on all; 0: never"),
	}
}

func (p *program) serve(ctx context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("serve takes no arguments, %q is one", c.Args().First()).next("p2pnode help serve")
	}
	p.signals.graceful.Store(true)
	limitMemory()
	s, err := p.newServer(c)
	if err != nil {
		return err
	}
	defer s.home.release()
	web, err := s.listenHTTP(c.String("http"))
	if err != nil {
		return errors.Join(err, s.sockets.Close())
	}
	s.config.Reread = s.reload
	if s.node, err = node.New(s.config); err != nil {
		if web != nil {
			web.Close()
		}
		return errors.Join(startError(err), s.sockets.Close())
	}
	return s.run(ctx, c, web)
}

// memoryLimit is where garbage is collected early: what images may take at once, and room for all else.
const memoryLimit = 640 << 20

// limitMemory keeps the garbage of one large image from lying beside the next, unless GOMEMLIMIT says otherwise.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// startError says what keeps a server from starting: it is the configuration's fault.
func startError(err error) error {
	if errors.Is(err, node.ErrLocked) {
		return configf("%s", plain(err)).next("stop the other server, or give this one another --name or --dir")
	}
	return configf("%s", plain(err))
}

// run serves until a signal or a failure, and then ends everything it started.
func (s *server) run(ctx context.Context, c *cli.Context, web net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	ended := make(chan error, 1)
	go func() { ended <- s.node.Run(ctx) }()
	closeHTTP := s.serveHTTP(ctx, web)
	announced := s.announce(ctx, c, web)
	if announced != nil {
		stop()
	}
	attended := s.attend(ctx, hangups, announced)
	err := <-ended
	stop()
	attended()
	closeHTTP()
	s.forgetReady()
	if announced != nil {
		return announced
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("server stopped: %w", err)
	}
	return nil
}

// attend listens to the service manager and tells it how the server is, until ctx ends; the function it returns waits for
// that. A server that could not be announced is none to tell of.
func (s *server) attend(ctx context.Context, hangups <-chan os.Signal, announced error) (ended func()) {
	if announced != nil {
		return func() {}
	}
	var both sync.WaitGroup
	h := s.newHerald()
	both.Go(func() { h.run(ctx) })
	both.Go(func() { s.reloadOnHangup(ctx, hangups, h) })
	return both.Wait
}

// announce waits until the loop answers, writes the ready file and says how to use this server.
func (s *server) announce(ctx context.Context, c *cli.Context, web net.Listener) error {
	asked, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := s.node.Status(asked); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("server does not answer itself: %w", err)
	}
	if err := s.writeReady(web); err != nil {
		return err
	}
	if c.Bool("json") {
		return s.p.printJSON(s.ready(web))
	}
	s.greet(c, web)
	return nil
}
