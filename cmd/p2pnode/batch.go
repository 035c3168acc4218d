package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"p2pnode/wire"
)

func (p *program) batchCommand() *cli.Command {
	return &cli.Command{
		Name: "batch", Usage: "hide a text (or a file) in many images, several at a time",
		ArgsUsage: "DIR|MANIFEST.csv|MANIFEST.jsonl",
		Description: "Of a directory every image below it: DIR/sub/photo.jpg becomes OUTDIR/sub/photo.stego.png. Names that begin with a dot are\nleft out. A manifest has an image a row, " +
			"with the columns (or keys) image, text, text_file, payload, output; paths are\nrelative to the manifest, outputs to OUTDIR; what a row does not say, the flags do.\nAn image whose output exists is left alone, " +
			"so that the same command goes on after an interruption; --force does all\nagain. One image's failure stops no other. Exit 3: some failed.",
		Flags: hidingFlags(
			outputFlag("`OUTDIR`, the directory of the results; none is ever written outside it"), jobsFlag(),
			texts("report", "at the end, write a row per image to `FILE`.csv, .jsonl or .json; may be repeated"),
		),
		Action: p.action(p.batch),
	}
}

func (p *program) batch(ctx context.Context, c *cli.Context) error {
	h, planned, err := p.batchPlan(c)
	if err != nil {
		return err
	}
	jobs, err := h.prepare()
	if err != nil {
		return err
	}
	papers, err := p.openPapers(c, ".csv", ".jsonl", ".json")
	if f, ok := errors.AsType[*failure](err); ok && f.Code == wire.CodeExists {
		return f.next("--report ELSEWHERE (--force would replace it, and do all images again)")
	}
	if err != nil {
		return err
	}
	defer papers.discard()
	w, err := newTeam(h, planned.name, len(planned.rows), jobs)
	if err != nil {
		return err
	}
	defer h.close()
	w.queue, w.sheets = planned.rows, newSheets(papers)
	if planned.away > 0 {
		p.say(c, "left out: %s that leads out of %s, or nowhere", amount(planned.away, "link"), visible(planned.name))
	}
	return w.conclude(ctx, w.run(ctx))
}

// batchPlan reads all that the command line names but the images, before anything is asked of anybody.
func (p *program) batchPlan(c *cli.Context) (*hiding, *plan, error) {
	h := &hiding{p: p, c: c, into: c.String("output")}
	switch {
	case c.NArg() != 1:
		return nil, nil, usagef("batch needs one directory or manifest").next("p2pnode batch DIR -o OUTDIR --text hello")
	case h.into == "" || h.into == "-":
		return nil, nil, usagef("batch needs -o OUTDIR, a directory").next("p2pnode batch " + shellWord(c.Args().First()) + " -o OUTDIR --text hello")
	}
	content, given, err := p.contentGiven(c)
	if err != nil {
		return nil, nil, err
	}
	h.content = content
	if h.seal, err = p.sealing(c); err != nil {
		return nil, nil, err
	}
	if given {
		err = h.allowed()
	}
	if err != nil {
		return nil, nil, err
	}
	planned, err := newPlan(c.Args().First(), h.into, given)
	if err != nil {
		return nil, nil, err
	}
	h.from = planned.from
	return h, planned, nil
}
