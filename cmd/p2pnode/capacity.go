package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"p2pnode/stego"
)

func (p *program) capacityCommand() *cli.Command {
	return &cli.Command{
		Name: "capacity", Usage: "say how many bytes fit into images; works offline",
		ArgsUsage:   "IMAGE...",
		Description: "DEFAULT is what fits at the rate that is hardest to detect, MOST what fits at all.\nBoth count the text after compression.",
		Flags:       common(formatFlag(), limitFlag()),
		Action:      p.action(p.capacity),
	}
}

// held is the JSON form of one image's capacity.
type held struct {
	Schema   string `json:"schema"`
	OK       bool   `json:"ok"`
	Input    string `json:"input"`
	Type     string `json:"type"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Model    string `json:"model"`
	Depth    int    `json:"depth"`
	Expanded bool   `json:"expanded"`
	Format   string `json:"format"`
	Capacity int64  `json:"capacity"`
	Default  int64  `json:"default"`
}

func (p *program) capacity(_ context.Context, c *cli.Context) error {
	if c.NArg() == 0 {
		return usagef("capacity needs an IMAGE").next("p2pnode capacity photo.png")
	}
	f, err := format(c)
	if err != nil {
		return err
	}
	var outcome outcomes
	table := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	for _, name := range c.Args().Slice() {
		h, err := p.measure(c, name, f)
		outcome.add(err)
		switch {
		case err != nil:
			p.reportOne(name, err)
		case c.Bool("json"):
			p.printJSON(h)
		default:
			if outcome.good == 1 {
				fmt.Fprintln(table, "IMAGE\tTYPE\tPIXELS\tOUTPUT\tDEFAULT\tMOST")
			}
			fmt.Fprintf(table, "%s\t%s\t%dx%d\t%s %d bit\t%d\t%d\n",
				name, h.Type, h.Width, h.Height, h.Model, h.Depth, h.Default, h.Capacity)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return outcome.err(p)
}

func (p *program) measure(c *cli.Context, name string, f stego.Format) (held, error) {
	image, err := p.openPicture(name)
	if err != nil {
		return held{}, err
	}
	defer image.close()
	info, err := stego.Measure(image.reader(), limits(c))
	if err != nil {
		return held{}, fmt.Errorf("%s: %w", image.name, err)
	}
	room := info.Capacity(f)
	return held{Schema: p.schema(), OK: true, Input: name, Type: info.Source, Width: info.Width, Height: info.Height,
		Model: info.Model.String(), Depth: info.Depth, Expanded: info.Expanded, Format: f.String(),
		Capacity: room.Bytes, Default: room.Default}, nil
}
