package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
	"p2pnode/wire"
)

func (p *program) jobsCommand() *cli.Command {
	return &cli.Command{
		Name: "jobs", Usage: "list the cluster's jobs, or show the whole life of one", ArgsUsage: "[show ID]",
		Description: "Without the peer token only jobs of this machine's address are shown.",
		Flags: withTimeout(asking(
			text("state", "only jobs in this state: assigned, running, done, acked, failed or cancelled"),
			&cli.Int64Flag{Name: "limit", Usage: "list at most so many, the newest", Value: 100},
		), 5*time.Second),
		Action: p.action(p.jobs),
	}
}

func (p *program) jobs(ctx context.Context, c *cli.Context) error {
	switch args := c.Args(); {
	case args.Len() == 0:
		return p.jobsList(ctx, c)
	case args.First() != "show" || args.Len() != 2:
		return usagef("jobs takes nothing, or: show ID").next("p2pnode jobs show ID")
	}
	id, err := parseJob(c.Args().Get(1))
	if err != nil {
		return err
	}
	return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
		life, err := client.Job(ctx, id)
		if err != nil || c.Bool("json") {
			return orPrint(err, func() error { return p.printAnswer(life) })
		}
		if life, err = clean(life); err != nil {
			return err
		}
		return p.printLife(life)
	})
}

func parseJob(text string) (id wire.JobID, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, usagef("%q is no job id: it has 32 hexadecimal digits", text).next("p2pnode jobs")
	}
	return wire.JobID(raw), nil
}

// jobsList asks for pages until there are as many jobs as wanted.
func (p *program) jobsList(ctx context.Context, c *cli.Context) error {
	limit := whole(c.Int64("limit"))
	q := node.JobsQuery{}
	if name := c.String("state"); name != "" {
		var ok bool
		if q.State, ok = node.ParseState(name); !ok {
			return usagef("--state %q: it is assigned, running, done, acked, failed or cancelled", name)
		}
	}
	if limit < 1 {
		return usagef("--limit %d: at least 1", limit)
	}
	return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
		all, err := listJobs(ctx, client, q, limit)
		if err != nil || c.Bool("json") {
			return orPrint(err, func() error { return p.printAnswer(all) })
		}
		if all, err = clean(all); err != nil {
			return err
		}
		return p.printJobs(all)
	})
}

// listJobs joins pages of one server. Should another answer in between, its page is not taken.
func listJobs(ctx context.Context, client *node.Client, q node.JobsQuery, limit int) (node.Jobs, error) {
	q.Max = limit
	all, err := client.Jobs(ctx, q)
	for err == nil && all.Next != 0 && len(all.Jobs) < limit {
		q.Page, q.Max = all.Next, limit-len(all.Jobs)
		more, err := client.Jobs(ctx, q)
		if err != nil || more.Node != all.Node {
			return all, err
		}
		all.Jobs, all.Next = append(all.Jobs, more.Jobs...), more.Next
	}
	return all, err
}

func (p *program) printJobs(s node.Jobs) error {
	whose := "all jobs"
	if s.Scope == node.ScopeOwn {
		whose = "jobs of this address (with the peer token: all)"
	}
	fmt.Fprintf(p.stdout, "%s, as %s knows them; %s in the ledger\n\n", whose, s.Node, amount(s.Records, "record"))
	t := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "JOB\tSTATE\tATTEMPT\tSERVER\tLEADER\tEPOCH\tCLIENT\tSIZE\tSINCE\tCODE")
	for _, j := range s.Jobs {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%d\t%s\t%d\t%s\t%s\n", j.Job, j.State, j.Attempt, j.Server, j.Leader, j.Epoch, j.Client, j.Size,
			j.Since.Local().Format(time.DateTime), j.Code)
	}
	return t.Flush()
}

func (p *program) printLife(l node.JobLife) error {
	fmt.Fprintf(p.stdout, "job %s of %s, %d bytes: %s\n", l.Job, l.Client, l.Size, l.State)
	if !l.Complete {
		fmt.Fprintf(p.stdout, "%s did not see all of it\n", l.Node)
	}
	fmt.Fprintln(p.stdout)
	t := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tWHAT\tATTEMPT\tSERVER\tLEADER\tEPOCH\tCODE")
	for _, s := range l.Life {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%d\t%s\n", s.Time.Local().Format(clock), s.Kind, s.Attempt, s.Server, s.Leader, s.Epoch, s.Code)
	}
	return t.Flush()
}

// clock is how a time is shown where milliseconds matter.
const clock = "2006-01-02 15:04:05.000"
