package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
)

func (p *program) faultCommand() *cli.Command {
	return &cli.Command{
		Name: "fault", Usage: "make servers deaf and mute for a while: a drill; needs the peer token", ArgsUsage: "[ring]",
		Description: "`fault --node N` takes one server out; `fault ring` takes every server out in turn, in the order of their ids, and says what\nhappens. A server that is out neither hears nor says anything on its two UDP sockets, and comes back by itself.",
		Flags: asking(
			text("node", "the `NAME` of the server to take out"),
			&cli.DurationFlag{Name: "down", Usage: "how long a server is out, at most 10m", Value: 10 * time.Second},
			&cli.DurationFlag{Name: "interval", Usage: "ring: from the beginning of one fault to that of the next", Value: 30 * time.Second},
			&cli.Int64Flag{Name: "cycles", Usage: "ring: how many times around", Value: 1},
		),
		Action: p.action(p.fault),
	}
}

// faultLine is the JSON form of one thing that fault has to tell.
type faultLine struct {
	Schema string    `json:"schema"`
	OK     bool      `json:"ok"`
	Time   time.Time `json:"time"`
	Event  string    `json:"event"` // down | up | leader | skipped | end
	Node   string    `json:"node,omitempty"`
	Leader string    `json:"leader,omitempty"`
	Epoch  uint64    `json:"epoch,omitempty"`
	Down   float64   `json:"down_seconds,omitempty"` // of down: for how long
	Took   float64   `json:"seconds,omitempty"`      // of up: since it went down
	Faults int       `json:"faults,omitempty"`       // of end: how many there were
	Error  string    `json:"error,omitempty"`        // of skipped
}

func (p *program) fault(ctx context.Context, c *cli.Context) error {
	down := c.Duration("down")
	switch name := c.String("node"); {
	case down < time.Millisecond || down > node.MaxFault:
		return usagef("--down %v: from 1ms to %v", down, node.MaxFault)
	case c.NArg() == 1 && c.Args().First() == "ring" && name == "":
		return p.ring(ctx, c, down)
	case c.NArg() > 0 || name == "":
		return usagef("fault needs --node NAME, or: ring").next("p2pnode fault --node NAME --down 20s --token-file FILE")
	default:
		return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
			if err := client.Fault(ctx, name, down); err != nil {
				return ordered(err)
			}
			return p.printFault(c, faultLine{Event: "down", Node: name, Down: down.Seconds()})
		})
	}
}

// ring takes every server out in turn.
func (p *program) ring(ctx context.Context, c *cli.Context, down time.Duration) error {
	interval, cycles := c.Duration("interval"), c.Int64("cycles")
	if interval <= down || cycles < 1 {
		return usagef("fault ring: --interval must be longer than --down, and --cycles at least 1")
	}
	return p.asked(ctx, c, func(ctx context.Context, client *node.Client) error {
		w := &walk{p: p, c: c, client: client, down: down}
		for range cycles {
			nodes, err := w.live(ctx)
			if err != nil {
				return err
			}
			for _, n := range nodes {
				if err := w.visit(ctx, n.Name, interval); err != nil {
					return err
				}
			}
		}
		return p.printFault(c, faultLine{Event: "end", Faults: w.faults})
	})
}

// walk is one run of fault ring.
type walk struct {
	p      *program
	c      *cli.Context
	client *node.Client
	down   time.Duration
	leader string
	epoch  uint64
	faults int
}

const lookEvery = 250 * time.Millisecond

// status asks whoever answers.
func (w *walk) status(ctx context.Context) (s node.Status, err error) {
	raw, err := w.client.Status(ctx)
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

// live lists the servers that are there, by id.
func (w *walk) live(ctx context.Context) ([]node.NodeStatus, error) {
	s, err := w.status(ctx)
	nodes := slices.DeleteFunc(s.Nodes, func(n node.NodeStatus) bool { return n.State == "dead" })
	slices.SortFunc(nodes, func(a, b node.NodeStatus) int { return cmp.Compare(a.ID, b.ID) })
	return nodes, err
}

// visit takes one server out and tells what happens until the interval is over. One that is gone meanwhile is left out.
func (w *walk) visit(ctx context.Context, name string, interval time.Duration) error {
	end := time.Now().Add(interval)
	limited, cancel := context.WithTimeout(ctx, min(interval, 5*time.Second))
	err := w.client.Fault(limited, name, w.down)
	cancel()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case node.CodeOf(err).Exit() == unauthorizedExit:
		return ordered(err)
	case err != nil:
		return w.p.printFault(w.c, faultLine{Event: "skipped", Node: name, Error: plain(err)})
	}
	w.faults++
	began := time.Now()
	if err := w.p.printFault(w.c, faultLine{Event: "down", Node: name, Down: w.down.Seconds()}); err != nil {
		return err
	}
	return w.watch(ctx, name, began, end)
}

const unauthorizedExit = 7

// watch tells who leads and when the server is back, until end.
func (w *walk) watch(ctx context.Context, name string, began, end time.Time) error {
	back := false
	for time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery):
		}
		s, err := w.look(ctx)
		if err != nil {
			continue // nobody may be there for a while: the ring of one
		}
		alive := func(n node.NodeStatus) bool { return n.Name == name && n.State == "alive" }
		if !back && time.Since(began) > w.down && slices.ContainsFunc(s.Nodes, alive) {
			back = true
			if err := w.p.printFault(w.c, faultLine{Event: "up", Node: name, Took: time.Since(began).Seconds()}); err != nil {
				return err
			}
		}
		if err := w.led(s); err != nil {
			return err
		}
	}
	return nil
}

// look asks for the status, but not for long.
func (w *walk) look(ctx context.Context) (node.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return w.status(ctx)
}

// led tells of a new leader.
func (w *walk) led(s node.Status) error {
	if s.Leader == nil || *s.Leader == w.leader && s.Epoch == w.epoch {
		return nil
	}
	w.leader, w.epoch = *s.Leader, s.Epoch
	return w.p.printFault(w.c, faultLine{Event: "leader", Leader: w.leader, Epoch: w.epoch})
}

func (p *program) printFault(c *cli.Context, l faultLine) error {
	l.Schema, l.OK, l.Time = p.schema(), l.Event != "skipped", time.Now().UTC()
	if c.Bool("json") {
		return p.printAnswer(l)
	}
	l, err := clean(l)
	if err != nil {
		return err
	}
	text := map[string]string{
		"down": fmt.Sprintf("%s is out for %v", l.Node, time.Duration(l.Down*float64(time.Second))),
		"up":   fmt.Sprintf("%s is back after %.1fs", l.Node, l.Took), "skipped": fmt.Sprintf("%s left out: %s", l.Node, l.Error),
		"leader": fmt.Sprintf("%s leads, epoch %d", l.Leader, l.Epoch), "end": amount(l.Faults, "fault"),
	}[l.Event]
	_, err = fmt.Fprintf(p.stdout, "%s  %s\n", l.Time.Local().Format(clock), text)
	return err
}
