package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
	"p2pnode/wire"
)

func (p *program) leaderCommand() *cli.Command {
	return &cli.Command{
		Name: "leader", Usage: "have the leader hand over to another server",
		Subcommands: []*cli.Command{{
			Name: "step-down", Usage: "have the leader hand over; needs the peer token",
			Description: "The leader gives up the lead at once and goes on as a server; the others elect one of them.",
			Flags:       withTimeout(asking(), 5*time.Second),
			Action:      p.action(p.stepDown),
		}},
	}
}

// steppedDown is the JSON form of a leader's handing over.
type steppedDown struct {
	Schema string `json:"schema"`
	OK     bool   `json:"ok"`
	Leader string `json:"leader"` // who led
}

func (p *program) stepDown(ctx context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("leader step-down takes no arguments").next("p2pnode leader step-down --token-file FILE")
	}
	return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
		name, err := client.StepDown(ctx)
		if err != nil {
			return ordered(err)
		}
		if c.Bool("json") {
			return p.printAnswer(steppedDown{Schema: p.schema(), OK: true, Leader: name})
		}
		if name, err = clean(name); err == nil {
			p.say(c, "%s has stepped down", name)
		}
		return err
	})
}

// ordered says which token an order needs, where a server refused it.
func ordered(err error) error {
	if err == nil || node.CodeOf(err) != wire.CodeUnauthorized {
		return err
	}
	return failf(wire.CodeUnauthorized, "%s", plain(err)).next("p2pnode token --peer > peer.token at a server, then --token-file peer.token here")
}
