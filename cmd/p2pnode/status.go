package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show a cluster's servers, who leads, and its jobs",
		Flags:  withTimeout(asking(toggle("watch", "again every second, until interrupted")), 5*time.Second),
		Action: p.action(p.status),
	}
}

// watchEach is the time between two looks of `status --watch`.
const watchEach = time.Second

func (p *program) status(ctx context.Context, c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("status takes no arguments").next("p2pnode status --server HOST:PORT")
	}
	client, err := p.client(c, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	p.signals.graceful.Store(true)
	for {
		err := p.look(ctx, c, client)
		if !c.Bool("watch") {
			return err
		}
		if ctx.Err() != nil { // whatever the last look has brought
			return ctx.Err()
		}
		if err != nil {
			p.report(err) // it may come back
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchEach):
		}
	}
}

// look asks once and prints the answer.
func (p *program) look(ctx context.Context, c *cli.Context, client *node.Client) error {
	ctx, cancel := bounded(ctx, c)
	defer cancel()
	raw, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if raw, err = harmless(raw); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	if c.Bool("json") {
		_, err := fmt.Fprintf(p.stdout, "%s\n", raw)
		return err
	}
	var s node.Status
	if err := readForTable(raw, &s); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	if c.Bool("watch") && isTerminal(p.stdout) {
		fmt.Fprint(p.stdout, "\x1b[H\x1b[2J")
	}
	return p.printStatus(s)
}

// printStatus writes a cluster as a table.
func (p *program) printStatus(s node.Status) error {
	leader := "none"
	if s.Leader != nil {
		leader = *s.Leader
	}
	state := "ready"
	if !s.Ready {
		state = "not ready: " + s.Reason
	}
	fmt.Fprintf(p.stdout, "cluster %s, leader %s, epoch %d, quorum %s, clients %s, %s\n", s.Cluster, leader, s.Epoch, s.Quorum, s.Clients, state)
	fmt.Fprintf(p.stdout, "jobs: %d assigned, %d running, %d done and not yet collected\n\n", s.Jobs.Assigned, s.Jobs.Running, s.Jobs.Done)
	t := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tROLE\tCONTROL\tDATA\tLOAD\tCPU%\tMEM%\tJOBS\tDONE\tRTT\tSEEN\tPID")
	for _, n := range s.Nodes {
		name := n.Name
		if name == s.Self {
			name += " *"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.1f\t%.0f\t%.0f\t%d\t%d\t%.1fms\t%.0fms\t%d\n", name, n.State, n.Role,
			n.Control, n.Data, n.Load, n.CPU, n.Memory, n.Jobs, n.Done, n.RTT, n.Seen, n.PID)
	}
	return t.Flush()
}
