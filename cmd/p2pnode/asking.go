package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

// client makes the client that the cluster flags describe.
func (p *program) client(c *cli.Context, progress func(node.Progress)) (*node.Client, error) {
	how, err := p.settings.choose("server", "discover")
	if err != nil {
		return nil, err
	}
	token, err := p.readToken(c)
	if err != nil {
		return nil, err
	}
	log, err := p.logger(c)
	if err != nil {
		return nil, err
	}
	config := node.ClientConfig{
		Token: token, Cluster: c.String("cluster"), Trust: c.Bool("trust"), Pins: pinsFile(c),
		Interfaces: c.StringSlice("interface"), Log: log, Progress: progress,
		Lanes: whole(c.Int64("connections")),
	}
	if config.Lanes < 0 {
		return nil, usagef("--connections %d: at least 1, or 0 for the usual number", config.Lanes)
	}
	if how == "server" {
		if config.Servers, err = withPorts(c.StringSlice("server"), defaultControlPort); err != nil {
			return nil, err
		}
	}
	return node.NewClient(config)
}

// pinsFile is the known-clusters file.
func pinsFile(c *cli.Context) string {
	if named := c.String("known-clusters"); named != "" {
		return named
	}
	return filepath.Join(dataHome(os.LookupEnv), "known_clusters")
}

// bounded ends ctx after --timeout, if there is one.
func bounded(ctx context.Context, c *cli.Context) (context.Context, context.CancelFunc) {
	if limit := c.Duration("timeout"); limit > 0 {
		return context.WithTimeout(ctx, limit)
	}
	return context.WithCancel(ctx)
}

// withTimeout replaces the default of --timeout in a command's flags.
func withTimeout(flags []cli.Flag, d time.Duration) []cli.Flag {
	flagNamed(flags, "timeout").(*cli.DurationFlag).Value = d
	return flags
}

// lookupToken is the token given in the environment.
func lookupToken() (string, bool) {
	token := os.Getenv("P2PNODE_TOKEN")
	return token, token != ""
}
