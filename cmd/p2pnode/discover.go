package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
	"p2pnode/wire"
)

func (p *program) discoverCommand() *cli.Command {
	return &cli.Command{
		Name: "discover", Usage: "list the servers that answer, and who leads",
		Flags:  withTimeout(asking(), 2*time.Second),
		Action: p.action(p.discover),
	}
}

// discovered is the JSON form of discover.
type discovered struct {
	Schema string      `json:"schema"`
	OK     bool        `json:"ok"`
	Nodes  []foundNode `json:"nodes"`
}

// foundNode is one server that answered.
type foundNode struct {
	Name      string  `json:"name"`
	ID        string  `json:"id"`
	Cluster   string  `json:"cluster"`
	ClusterID string  `json:"cluster_id"`
	Control   string  `json:"control"`
	Interface string  `json:"interface"`
	RTT       float64 `json:"rtt_ms"`
	Leader    bool    `json:"leader"`
	Epoch     uint64  `json:"epoch"`
	Token     bool    `json:"token"` // jobs need one
	Known     bool    `json:"known"`
}

func (p *program) discover(ctx context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("discover takes no arguments").next("p2pnode discover --server HOST:PORT")
	}
	client, err := p.client(c, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	p.signals.graceful.Store(true)
	limited, cancel := bounded(ctx, c)
	defer cancel()
	rows := map[wire.NodeID]node.Found{}
	err = client.Discover(limited, func(f node.Found) { rows[f.Node] = f })
	if ctx.Err() != nil || (err != nil && len(rows) == 0 && !errors.Is(err, context.DeadlineExceeded)) {
		return cmp.Or(err, ctx.Err())
	}
	if len(rows) == 0 {
		return failf(wire.CodeNoCluster, "no server answered within %v", c.Duration("timeout")).
			tried(node.Tried(err)...).next(nextFor(wire.CodeNoCluster))
	}
	return p.printFound(c, sortedFound(rows))
}

// sortedFound lists what answered by cluster and name.
func sortedFound(rows map[wire.NodeID]node.Found) []foundNode {
	var all []foundNode
	for _, f := range rows {
		all = append(all, foundNode{
			Name: f.Name, ID: f.Node.String(), Cluster: f.Cluster, ClusterID: f.ClusterID.String(), Control: f.Control,
			Interface: f.Interface, RTT: float64(f.RTT.Microseconds()) / 1000, Leader: f.Leader, Epoch: f.Epoch, Token: f.Token, Known: f.Known,
		})
	}
	slices.SortFunc(all, func(a, b foundNode) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.ClusterID, b.ClusterID), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func (p *program) printFound(c *cli.Context, all []foundNode) error {
	if c.Bool("json") {
		return p.printJSON(discovered{Schema: p.schema(), OK: true, Nodes: all})
	}
	t := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tCLUSTER\tCONTROL\tINTERFACE\tRTT\tLEADER\tEPOCH\tCLIENTS")
	for _, n := range all {
		leads, clients := "", "open"
		if n.Leader {
			leads = "leader"
		}
		if n.Token {
			clients = "token"
		}
		fmt.Fprintf(t, "%s\t%s (%.8s)\t%s\t%s\t%.1fms\t%s\t%d\t%s\n", n.Name, n.Cluster, n.ClusterID, n.Control, n.Interface, n.RTT, leads, n.Epoch, clients)
	}
	return t.Flush()
}
