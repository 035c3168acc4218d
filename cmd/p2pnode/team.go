package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/semaphore"

	"p2pnode/stego"
	"p2pnode/wire"
)

const (
	teamMax    = 64      // images under way at once, at most
	teamMemory = 1 << 30 // bytes that they take together; one that takes more waits to be the only one
)

// team hides in many images, several at a time, with one client. The goroutine of run owns it; others only hide.
type team struct {
	h      *hiding
	jobs   int // at a time
	queue  []item
	again  <-chan time.Time          // when look is to be called; nil: nothing comes to the queue any more
	look   func()                    // appends to the queue, and sets again; nil where again is
	settle func(verdict) (news bool) // hears how an image ended, and says whether people should; nil: they should
	shown  *crowd
	score  score
	sheets sheets
}

// verdict is how the work on an image ended.
type verdict struct {
	item
	h       *hiding // what was done to it; nil where it came to nothing before
	result  result
	failure *failure // nil: done
	status  string
	took    time.Duration
}

// The ways in which an image ends.
const (
	statusDone      = "done"
	statusExists    = "exists"    // its output was there before
	statusFailed    = "failed"    // for a reason of its own
	statusCancelled = "cancelled" // under way when the command was interrupted
	statusLeft      = "left"      // never begun
)

// jobsFlag is -j.
func jobsFlag() cli.Flag {
	return &cli.Int64Flag{Name: "jobs", Aliases: []string{"j"}, Usage: "as many images at a time, 1 to 64", Value: 4}
}

// jobsAtOnce is what -j says.
func jobsAtOnce(c *cli.Context) (int, error) {
	n := c.Int64("jobs")
	if n < 1 || n > teamMax {
		return 0, usagef("--jobs %d: 1 to %d are possible", n, teamMax)
	}
	return int(n), nil
}

// prepare makes the directory of the results, and returns how many images are worked on at a time.
func (h *hiding) prepare() (jobs int, err error) {
	if jobs, err = jobsAtOnce(h.c); err == nil {
		err = os.MkdirAll(h.into, 0o777)
	}
	return jobs, err
}

// newTeam makes a team for images whose number is known, or 0. A signal ends its run, not the process.
func newTeam(h *hiding, name string, images, jobs int) (*team, error) {
	h.memory = semaphore.NewWeighted(teamMemory)
	shown := &crowd{progress: h.p.newProgress(h.c, images), images: images}
	shown.progress.begin(name)
	if err := h.engage(shown); err != nil {
		return nil, err
	}
	h.p.signals.graceful.Store(true)
	return &team{h: h, jobs: jobs, shown: shown, score: score{began: time.Now()}}, nil
}

// run hides in the images of the queue, and of looks, until there are no more or ctx ends. What is under way then is cancelled,
// and what has not begun stays in the queue. An error means that results could not be told.
func (w *team) run(ctx context.Context) (failed error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	items, ended := make(chan item), make(chan verdict)
	var working sync.WaitGroup
	for range w.jobs {
		working.Go(func() {
			for r := range items {
				ended <- w.hide(ctx, r)
			}
		})
	}
	busy := 0
	take := func(v verdict) {
		busy--
		if err := w.take(v); err != nil && failed == nil {
			failed = err
			stop()
		}
	}
	for ctx.Err() == nil && (len(w.queue) > 0 || busy > 0 || w.again != nil) {
		next, head := w.next(items)
		select {
		case next <- head:
			w.queue, busy = w.queue[1:], busy+1
		case v := <-ended:
			take(v)
		case <-w.again:
			w.look()
		case <-ctx.Done():
		}
	}
	close(items)
	for busy > 0 {
		take(<-ended)
	}
	working.Wait()
	return failed
}

// next is the first image of the queue and where to send it; without one, nowhere.
func (w *team) next(items chan<- item) (chan<- item, item) {
	if len(w.queue) == 0 {
		return nil, item{}
	}
	return items, w.queue[0]
}

// hide does one image. It runs in several goroutines.
func (w *team) hide(ctx context.Context, r item) verdict {
	v, began := verdict{item: r, status: statusDone}, time.Now()
	var err error
	if v.h, v.result, err = w.try(ctx, r); err != nil {
		v.failure = w.h.p.explain(err)
		v.status = v.failure.status()
	}
	v.took = time.Since(began)
	return v
}

// try does one image, unless its output is there.
func (w *team) try(ctx context.Context, r item) (*hiding, result, error) {
	if err := placeFree(r.output, w.h.c.Bool("force")); err != nil {
		return nil, result{}, err
	}
	h, err := w.h.with(r)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, result{}, named(r.input, err)
	}
	made, err := h.hide(ctx, r.target)
	return h, made, err
}

// status is the status of an image that ended so.
func (f *failure) status() string {
	switch {
	case f.Code == wire.CodeExists:
		return statusExists
	case f.Code == wire.CodeCancelled && f.Exit != 0: // by a signal to this process
		return statusCancelled
	}
	return statusFailed
}

// take hears of one image's end, and tells of it if that is news.
func (w *team) take(v verdict) error {
	if w.settle != nil && !w.settle(v) {
		return nil
	}
	return w.tellAll(v)
}

// tellAll counts, reports and prints an image's end.
func (w *team) tellAll(v verdict) (err error) {
	w.score.add(v)
	w.sheets.add(v)
	w.shown.step(w.score.images(), func() { err = w.tell(v) })
	return err
}

// passed is the JSON form of an image that was left alone.
type passed struct {
	Schema  string `json:"schema"`
	OK      bool   `json:"ok"`
	Input   string `json:"input"`
	Output  string `json:"output"`
	Skipped string `json:"skipped"` // why: exists
}

// tell prints one image's end.
func (w *team) tell(v verdict) error {
	p, inJSON := w.h.p, w.h.c.Bool("json")
	switch {
	case v.status == statusDone:
		return v.h.tell(v.target, v.result)
	case v.status == statusExists && inJSON:
		return p.printJSON(passed{encryptSchema, true, v.input, v.output, statusExists})
	case v.status == statusExists, v.status == statusCancelled && !inJSON:
		return nil // the last line counts them
	case inJSON:
		f := v.failure
		return p.printJSON(failed{Schema: encryptSchema, Input: v.input, Code: f.Code.String(), Error: f.What, Hint: f.hint()})
	}
	shown := *v.failure
	shown.What = visible(shown.What)
	shown.print(p.stderr)
	return nil
}

// conclude ends the command: reports, the last line, the exit status.
func (w *team) conclude(ctx context.Context, told error) error {
	for _, r := range w.queue {
		v := verdict{item: r, status: statusLeft}
		w.score.add(v)
		w.sheets.add(v)
	}
	why, _ := context.Cause(ctx).(interrupted)
	s := w.score.summary(w.h.p.schema(), why.Signal != 0)
	exit := w.score.exit(why)
	w.shown.close()
	if err := w.sheets.end(s); err != nil {
		w.h.p.reportOne("", err)
		if s.OK = false; exit == 0 {
			exit = w.h.p.explain(err).exit()
		}
	}
	if told == nil && w.h.c.Bool("json") {
		told = w.h.p.printJSON(s)
	}
	if !w.h.c.Bool("json") {
		w.h.p.say(w.h.c, "%s", s.sentence())
	}
	if told == nil && exit != 0 {
		return reported{exit}
	}
	return told
}

// weigh waits until there is memory for the work on an image.
func (h *hiding) weigh(ctx context.Context, image *picture) (release func(), err error) {
	if h.memory == nil {
		return func() {}, nil
	}
	info, err := stego.Probe(image.reader(), limits(h.c))
	if err != nil {
		return nil, err
	}
	n := info.Memory(&stego.Embedding{Format: h.seal.Format}) + 5*int64(len(h.content.Data))
	if len(h.seal.Passphrase) > 0 {
		n += passphraseCost
	}
	n = min(n, teamMemory)
	if err := h.memory.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { h.memory.Release(n) }, nil
}
