package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) eventsCommand() *cli.Command {
	return &cli.Command{
		Name: "events", Usage: "show what happened in a cluster, as one server saw it",
		Description: "Elections, joins, suspicions, failures, jobs. With --follow it goes on as things happen; if that server fails, another\ntells the rest. Without the peer token only jobs of this machine's address are in it.",
		Flags: withTimeout(asking(
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on as things happen; --timeout then ends it, if given", DisableDefaultText: true},
			text("job", "only what happened to the job with this `ID`"),
		), 5*time.Second),
		Action: p.action(p.events),
	}
}

// eventLine is the JSON form of one event, and of what events -f has to say itself.
type eventLine struct {
	Schema string `json:"schema"`
	node.Event
	Error string `json:"error,omitempty"` // of source-changed: what was the matter with the server before
	Lost  uint64 `json:"lost,omitempty"`  // of events-lost: how many are kept no more
}

// What events says itself, beside what servers tell.
const (
	sourceChanged node.EventKind = "source-changed" // another server tells from here on
	eventsLost    node.EventKind = "events-lost"    // the server kept them no more
)

func (p *program) events(ctx context.Context, c *cli.Context) (err error) {
	var q node.EventsQuery
	if c.NArg() > 0 {
		return usagef("events takes no arguments").next("p2pnode events --follow")
	}
	if id := c.String("job"); id != "" {
		if q.Job, err = parseJob(id); err != nil {
			return err
		}
	}
	if c.Bool("follow") {
		return p.follow(ctx, c, q)
	}
	return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
		for {
			page, err := client.Events(ctx, q)
			if err != nil {
				return err
			}
			if err := p.printEvents(c, page, nil); err != nil {
				return err
			}
			if page.Last >= page.Newest || q.Run != "" && q.Run != page.Run {
				return nil
			}
			q.After, q.Run = page.Last, page.Run
		}
	})
}

// follow prints events as they happen. That --timeout ends it is no failure, if there was a server at all.
func (p *program) follow(ctx context.Context, c *cli.Context, q node.EventsQuery) error {
	client, err := p.client(c, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	p.signals.graceful.Store(true)
	if c.IsSet("timeout") {
		var cancel context.CancelFunc
		ctx, cancel = bounded(ctx, c)
		defer cancel()
	}
	heard := false
	err = client.Follow(ctx, q, func(page node.Events, lost error) error {
		heard = true
		return p.printEvents(c, page, lost)
	})
	if heard && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// printEvents writes a page; lost says why another server tells than before.
func (p *program) printEvents(c *cli.Context, page node.Events, lost error) error {
	var lines []eventLine
	say := func(kind node.EventKind, l eventLine) {
		l.Event = node.Event{Time: time.Now().UTC(), Node: page.Node, Kind: kind}
		lines = append(lines, l)
	}
	if lost != nil {
		say(sourceChanged, eventLine{Error: plain(lost)})
	}
	if page.Lost > 0 {
		say(eventsLost, eventLine{Lost: page.Lost})
	}
	for _, e := range page.Events {
		lines = append(lines, eventLine{Event: e})
	}
	for _, l := range lines {
		if err := p.printEvent(c, l); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) printEvent(c *cli.Context, l eventLine) error {
	if c.Bool("json") {
		l.Schema = node.EventsSchema
		return p.printAnswer(l)
	}
	l, err := clean(l)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, l.text())
	return err
}

// text is an event on one line.
func (l eventLine) text() string {
	words := []string{l.Time.Local().Format(clock), fmt.Sprintf("%-8s", l.Node), fmt.Sprintf("%-19s", l.Kind)}
	add := func(name, value string) {
		if value != "" && value != "0" {
			words = append(words, name+"="+value)
		}
	}
	add("peer", l.Peer)
	add("job", l.Job)
	add("attempt", fmt.Sprint(l.Attempt))
	add("server", l.Server)
	add("from", l.From)
	add("leader", l.Leader)
	add("epoch", fmt.Sprint(l.Epoch))
	add("code", l.Code)
	add("lost", fmt.Sprint(l.Lost))
	if l.Seconds > 0 {
		add("took", time.Duration(l.Seconds*float64(time.Second)).Round(time.Millisecond).String())
	}
	add("error", l.Error)
	return strings.TrimRight(strings.Join(words, "  "), " ")
}
