package main

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) reloadCommand() *cli.Command {
	return &cli.Command{
		Name: "reload", Usage: "have a running server read its settings again; needs the peer token",
		Description: "Does what SIGHUP does, from anywhere: the server reads its command line, environment and configuration file as they are now, and\n" +
			"says what has changed and what waits for its next start. A mistake in them changes nothing.",
		Flags:  withTimeout(asking(text("node", "the `NAME` of the server")), 10*time.Second),
		Action: p.action(p.reread),
	}
}

// reread is the JSON form of what came of a reload.
type reread struct {
	Schema string `json:"schema"`
	OK     bool   `json:"ok"`
	Node   string `json:"node"`
	node.Reread
}

func (p *program) reread(ctx context.Context, c *cli.Context) error {
	name := c.String("node")
	if c.NArg() > 0 || name == "" {
		return usagef("reload needs --node NAME, and no argument").next("p2pnode reload --node NAME --token-file FILE")
	}
	return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
		r, err := client.Reload(ctx, name)
		if err != nil {
			return ordered(err)
		}
		if c.Bool("json") {
			return p.printAnswer(reread{Schema: p.schema(), OK: true, Node: name, Reread: r})
		}
		said, err := clean(name + " has read its settings again: " + or(strings.Join(r.Changed, ", "), "nothing") + " changed")
		if err == nil && len(r.Later) > 0 {
			said, err = clean(said + "; at its next start: " + strings.Join(r.Later, ", "))
		}
		if err == nil {
			p.say(c, "%s", said)
		}
		return err
	})
}
