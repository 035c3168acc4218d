package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) peersCommand() *cli.Command {
	return &cli.Command{
		Name: "peers", Usage: "show how one server knows the others, and its sessions with them",
		Flags:  withTimeout(asking(), 5*time.Second),
		Action: p.action(p.peers),
	}
}

func (p *program) peers(ctx context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("peers takes no arguments").next("p2pnode peers --server HOST:PORT")
	}
	return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
		answer, err := client.Peers(ctx)
		if err != nil || c.Bool("json") {
			return orPrint(err, func() error { return p.printAnswer(answer) })
		}
		if answer, err = clean(answer); err != nil {
			return err
		}
		return p.printPeers(answer)
	})
}

// orPrint prints unless something went wrong before.
func orPrint(err error, print func() error) error {
	if err != nil {
		return err
	}
	return print()
}

func (p *program) printPeers(s node.Peers) error {
	fmt.Fprintf(p.stdout, "as %s knows them\n\n", s.Node)
	t := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tROLE\tADDRESS\tBOOT\tSINCE\tRTT\tRESENT\tLOSS\tIN\tOUT\tFEATURES\tSEEN")
	for _, n := range s.Peers {
		v := n.Session
		if v == nil {
			fmt.Fprintf(t, "%s\t%s\t%s\tno session\t\t\t\t\t\t\t\t\t%.0fms\n", n.Name, n.State, n.Role, n.Seen)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.8s\t%s\t%.1fms\t%d\t%.1f%%\t%d\t%d\t%#x\t%.0fms\n", n.Name, n.State, n.Role, v.Address, v.Boot,
			v.Since.Local().Format(time.DateTime), v.RTT, v.Retransmissions, 100*v.Loss, v.DatagramsIn, v.DatagramsOut, v.Features, n.Seen)
	}
	return t.Flush()
}
