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
		Description: "DEFAULT is what fits at the rate that is hardest to detect, MOST what fits at all.\nBoth count the text after compression. Where MOST is 0 an empty text fits, where it is - nothing does.",
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
	Fits     bool   `json:"fits"`
}

// heldBy says what an image holds.
func heldBy(name string, info stego.Info, f stego.Format) held {
	room := info.Capacity(f)
	return held{Schema: "p2pnode/capacity/v1", OK: true, Input: name, Type: info.Source, Width: info.Width, Height: info.Height,
		Model: info.Model.String(), Depth: info.Depth, Expanded: info.Expanded, Format: f.String(),
		Capacity: room.Bytes, Default: room.Default, Fits: room.Fits}
}

// row is an image's line of the table.
func (h held) row() string {
	room := "-\t-"
	if h.Fits {
		room = fmt.Sprintf("%d\t%d", h.Default, h.Capacity)
	}
	return fmt.Sprintf("%s\t%s\t%dx%d\t%s %d bit\t%s", h.Input, h.Type, h.Width, h.Height, h.Model, h.Depth, room)
}

// remark tells images that hold no byte apart. Of others it says nothing.
func (h held) remark() string {
	switch {
	case !h.Fits:
		return fmt.Sprintf("%s is too small: nothing fits", visible(h.Input))
	case h.Capacity == 0:
		return fmt.Sprintf("%s is nearly too small: an empty text fits, and no more", visible(h.Input))
	}
	return ""
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
	var remarks []string // told below the table
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
			fmt.Fprintln(table, h.row())
			remarks = append(remarks, h.remark())
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, remark := range remarks {
		if remark != "" {
			p.say(c, "%s", remark)
		}
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
	return heldBy(name, info, f), nil
}
