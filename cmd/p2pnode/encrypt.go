package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/semaphore"

	"p2pnode/node"
	"p2pnode/stego"
)

func (p *program) encryptCommand() *cli.Command {
	return &cli.Command{
		Name: "encrypt", Aliases: []string{"embed"},
		Usage:       "hide a text (or a file) in images",
		ArgsUsage:   "IMAGE...",
		Description: "The result of photo.jpg is photo.stego.png beside it. The work is done by a server of the\ncluster, or here with --local; both make the same pixels. With --passphrase-file the text is\nsealed before it leaves this machine.",
		Flags:       hidingFlags(outputFlag("`OUT` file, DIR/ or - for stdout")),
		Action:      p.action(p.encrypt),
	}
}

// hidingFlags are the flags of every command that hides something in images.
func hidingFlags(more ...cli.Flag) []cli.Flag {
	return asking(append([]cli.Flag{
		&cli.StringFlag{Name: "text", Usage: "the text to hide"},
		text("text-file", "`FILE` with the text to hide; - is stdin"),
		text("payload", "hide this `FILE`, whatever it is, with its name"),
		passphraseFlag(), formatFlag(),
		toggle("spread", "spread over the whole image instead of the fewest rows"),
		toggle("strip-metadata", "drop EXIF, comments and time from the result"),
		toggle("force", "replace existing outputs"),
		toggle("local", "do the work here, without a cluster"),
		limitFlag(),
		number("connections", "to a server at most, where much is lost and a long transfer is split; 1: never split; 0: 13"),
	}, more...)...)
}

func outputFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: usage}
}

// hiding is what one command does to each of its images.
type hiding struct {
	p       *program
	c       *cli.Context
	content stego.Payload
	seal    stego.SealOptions
	stdout  bool         // -o -
	client  *node.Client // nil: --local
	shown   progress
	from    string              // images are below this directory, and no link leads out of it; empty: anywhere
	into    string              // likewise the results
	memory  *semaphore.Weighted // for what images under way at once take; nil: one is under way at a time
}

func (p *program) encrypt(ctx context.Context, c *cli.Context) error {
	h, targets, err := p.prepare(c)
	if err != nil {
		return err
	}
	defer h.close()
	var all outcomes
	for _, t := range targets {
		result, err := h.hide(ctx, t)
		all.add(err)
		if err != nil {
			h.shown.clear()
			p.reportOne(t.input, err)
		} else if err := h.tell(t, result); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return all.err(p)
}

// close ends the client, if there is one.
func (h *hiding) close() {
	h.shown.close()
	if h.client != nil {
		h.client.Close()
	}
}

// prepare reads everything the command line names, before anything is asked of anybody.
func (p *program) prepare(c *cli.Context) (*hiding, []target, error) {
	h := &hiding{p: p, c: c, stdout: c.String("output") == "-"}
	targets, err := p.targets(c)
	if err != nil {
		return nil, nil, err
	}
	if h.content, err = p.content(c); err != nil {
		return nil, nil, err
	}
	if h.seal, err = p.sealing(c); err != nil {
		return nil, nil, err
	}
	if err := h.allowed(); err != nil {
		return nil, nil, err
	}
	return h, targets, h.engage(p.newProgress(c, len(targets)))
}

// engage says where the work is to be done: here, or by a cluster, for which it makes the client.
func (h *hiding) engage(shown progress) error {
	where, err := h.p.settings.choose("local", "server", "discover")
	if err != nil {
		return err
	}
	h.shown = shown
	if where == "local" && h.c.Bool("local") {
		return nil
	}
	if h.client, err = h.p.client(h.c, shown.update); err != nil {
		return err
	}
	h.p.signals.graceful.Store(true) // a client tells its server that nobody waits any more
	return nil
}

// sealing checks how payloads are to be hidden.
func (p *program) sealing(c *cli.Context) (stego.SealOptions, error) {
	o := stego.SealOptions{Spread: c.Bool("spread")}
	var err error
	if o.Format, err = format(c); err != nil {
		return o, err
	}
	if o.Passphrase, err = p.passphrase(c); err != nil || o.Format != stego.Classic {
		return o, err
	}
	switch {
	case len(o.Passphrase) > 0:
		return o, usagef("--format classic knows no passphrase")
	case o.Spread:
		return o, usagef("--format classic knows no --spread")
	}
	return o, nil
}

// allowed refuses content that the format cannot hide.
func (h *hiding) allowed() error {
	switch {
	case h.seal.Format != stego.Classic:
	case h.content.Kind == stego.File:
		return usagef("--format classic hides text only, no --payload")
	case len(h.content.Data) == 0:
		return usagef("--format classic cannot hide an empty text")
	}
	return nil
}

// result is what became of one image.
type result struct {
	node.Receipt
	source string // the carrier's type
}

// hide does one image: everything that can be found wrong here is found before a server hears of it.
func (h *hiding) hide(ctx context.Context, t target) (result, error) {
	began := time.Now()
	image, err := h.open(t.input)
	if err != nil {
		return result{}, err
	}
	defer image.close()
	release, err := h.weigh(ctx, image)
	if err != nil {
		return result{}, named(image.name, err)
	}
	defer release()
	info, err := stego.Measure(image.reader(), limits(h.c))
	if err != nil {
		return result{}, named(image.name, err)
	}
	sealed, err := stego.Seal(h.content, info, h.seal)
	if err != nil {
		return result{}, named(image.name, err)
	}
	out, err := h.create(t.output)
	if err != nil {
		return result{}, err
	}
	defer out.discard()
	ctx, cancel := bounded(ctx, h.c)
	defer cancel()
	r, err := h.work(ctx, image, sealed, out)
	if err != nil {
		return result{Receipt: r}, named(image.name, err)
	}
	r.Elapsed = time.Since(began)
	r.Capacity = info.Capacity(sealed.Format).Bytes // who hides looks at no more of the alpha than must be
	return result{Receipt: r, source: info.Source}, h.deliver(out)
}

// open opens an image.
func (h *hiding) open(path string) (*picture, error) {
	if h.from == "" {
		return h.p.openPicture(path)
	}
	return h.p.openBelow(h.from, path)
}

// create begins a result.
func (h *hiding) create(path string) (*output, error) {
	force := h.stdout || h.c.Bool("force")
	if h.into == "" {
		return h.p.createOutput(path, force)
	}
	return h.p.createBelow(h.into, path, force)
}

// work has the payload hidden, by the cluster or here.
func (h *hiding) work(ctx context.Context, image *picture, sealed *stego.Embedding, out *output) (node.Receipt, error) {
	extract := stego.ExtractOptions{Format: h.seal.Format, Passphrase: h.seal.Passphrase, Limits: limits(h.c)}
	if h.client == nil {
		return h.local(image, sealed, extract, out.file)
	}
	h.shown.begin(image.name)
	return h.client.Encrypt(ctx, node.Job{
		Name: image.name, Image: image.file, Size: image.size, Embedding: sealed, Payload: h.content, Extract: extract,
		Strip: h.c.Bool("strip-metadata"), Output: out.file, MaxPixels: h.c.Int64("max-pixels"),
	})
}

// deliver puts a verified result where it belongs.
func (h *hiding) deliver(out *output) error {
	if h.stdout {
		return out.copyTo(h.p.stdout)
	}
	return out.commit()
}
