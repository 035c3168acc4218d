package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/wire"
)

// Between two looks at a watched directory.
const (
	intervalMin = 10 * time.Millisecond
	intervalMax = time.Hour
)

func (p *program) watchCommand() *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "hide a text (or a file) in every image that comes into a directory",
		ArgsUsage: "INDIR OUTDIR",
		Description: "INDIR/sub/photo.jpg becomes OUTDIR/sub/photo.stego.png. An image is taken when it has not changed for an --interval, and left\nalone where its output exists. " +
			"An image that is none is reported once, and again when it changes; while the cluster is in\nthe way it is tried again, after a minute at most. Names that begin with a dot are left out. " +
			"Ctrl-C ends it: 130.",
		Flags: hidingFlags(jobsFlag(),
			lasting("interval", "from one look at the directory to the next, 10ms to 1h", time.Second),
			toggle("once", "take what is there, and end as batch does"),
		),
		Action: p.action(p.watch),
	}
}

// watcher finds the images of a directory as they come.
type watcher struct {
	*team
	lookout *lookout
	once    bool
	timer   *time.Timer
	trouble string // what the last look met, said once
}

func (p *program) watch(ctx context.Context, c *cli.Context) error {
	h, err := p.watchPlan(c)
	if err != nil {
		return err
	}
	jobs, err := h.prepare()
	if err != nil {
		return err
	}
	w := &watcher{lookout: newLookout(c.Duration("interval")), once: c.Bool("once"), timer: time.NewTimer(0)}
	defer w.timer.Stop()
	if w.team, err = newTeam(h, h.from, 0, jobs); err != nil {
		return err
	}
	defer h.close()
	w.again, w.look, w.settle = w.timer.C, w.lookAround, w.settled
	if !w.once {
		p.say(c, "watching %s every %v, results go to %s", visible(h.from), w.lookout.still, visible(h.into))
	}
	return w.end(ctx, w.run(ctx))
}

// watchPlan reads all that the command line names, before anything is asked of anybody.
func (p *program) watchPlan(c *cli.Context) (*hiding, error) {
	if c.NArg() != 2 {
		return nil, usagef("watch needs two directories").next("p2pnode watch INDIR OUTDIR --text hello")
	}
	h := &hiding{p: p, c: c, from: c.Args().Get(0), into: c.Args().Get(1)}
	if every := c.Duration("interval"); every < intervalMin || every > intervalMax {
		return nil, usagef("--interval %v: from %v to %v", every, intervalMin, intervalMax)
	}
	if err := apart(h.from, h.into); err != nil {
		return nil, err
	}
	var err error
	if h.content, err = p.content(c); err != nil {
		return nil, err
	}
	if h.seal, err = p.sealing(c); err != nil {
		return nil, err
	}
	return h, h.allowed()
}

// apart refuses an INDIR that is no directory, and an OUTDIR in it: results would be hidden in again and again.
func apart(in, into string) error {
	info, err := os.Stat(in)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return usagef("%s is not a directory", in).next("p2pnode watch INDIR OUTDIR --text hello")
	}
	name, inside, err := whereBelow(in, into)
	switch {
	case err != nil:
		return err
	case name == ".":
		return usagef("%s and %s are one directory: it would hide in its own results", in, into).next("an OUTDIR beside INDIR")
	case inside:
		return usagef("%s lies in %s: watch would hide in its own results", into, in).next("an OUTDIR beside INDIR")
	}
	return nil
}

// lookAround looks at the directory, and queues what is to be done. With --once there are two looks, the second for what has
// stayed as it was.
func (w *watcher) lookAround() {
	now, found := time.Now(), w.list()
	ready, met := w.lookout.see(now, found)
	for _, name := range ready {
		w.queue = append(w.queue, w.item(name))
	}
	for _, m := range met {
		w.refuse(m)
	}
	if w.once && w.lookout.round == 2 {
		w.again = nil
		return
	}
	w.timer.Reset(w.lookout.still)
}

// item is a file's.
func (w *watcher) item(name string) item {
	return item{target: target{filepath.Join(w.h.from, name), filepath.Join(w.h.into, stegoName(name))}}
}

// refuse tells that a file's result is another file's already.
func (w *watcher) refuse(m meeting) {
	this, first := w.item(m.name), w.item(m.first)
	f := usagef("%s and %s would both become %s", this.input, first.input, this.output).next("rename one of them")
	w.tellAll(verdict{item: this, status: statusFailed, failure: f})
}

// list is the images that are there now. What cannot be read is told once, and left out.
func (w *watcher) list() (found []sighted) {
	trouble := ""
	note := func(err error) error {
		trouble += w.h.p.explain(err).What + "\n"
		return nil
	}
	walkPictures(w.h.from, "", func(s sighted) error {
		switch {
		case s.away:
			return nil
		case len(found) == rowsMax:
			note(usagef("%s: more than %d images; the rest is left out", w.h.from, rowsMax))
			return fs.SkipAll
		}
		found = append(found, s)
		return nil
	}, note)
	if trouble != "" && trouble != w.trouble {
		w.h.p.reportOne(w.h.from, failf(wire.CodeIO, "%s", trouble[:len(trouble)-1]))
	}
	w.trouble = trouble
	return found
}

// settled hears how the work on an image ended. One that is gone meanwhile is nobody's failure.
func (w *watcher) settled(v verdict) (news bool) {
	name, err := filepath.Rel(w.h.from, v.input)
	if err != nil {
		panic("p2pnode: a watched file outside its directory: " + v.input)
	}
	code := wire.CodeOK
	if v.failure != nil {
		code = v.failure.Code
	}
	if _, err := os.Lstat(v.input); code == wire.CodeNotFound && errors.Is(err, fs.ErrNotExist) {
		w.lookout.settle(time.Now(), name, statusLeft, wire.CodeOK)
		return false
	}
	return w.lookout.settle(time.Now(), name, v.status, code)
}

// end is conclude, with the failures that have not been made good since.
func (w *watcher) end(ctx context.Context, told error) error {
	w.score.failed = w.lookout.failing()
	if n := w.lookout.unsettled(); w.once && n > 0 && told == nil {
		w.h.p.say(w.h.c, "%s still being written: left for the next time", amount(n, "image"))
	}
	return w.conclude(ctx, told)
}
