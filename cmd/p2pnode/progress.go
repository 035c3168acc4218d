package main

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"p2pnode/node"
)

// progress shows where a job stands. Its update may be called from any goroutine.
type progress interface {
	begin(image string)
	update(node.Progress)
	clear() // takes what is shown away, so that a line can be printed
	close()
}

// newProgress shows a bar to a person where it is known how many images there are, and lines about long waits otherwise.
func (p *program) newProgress(c *cli.Context, images int) progress {
	switch {
	case c.Bool("quiet"):
		return silence{}
	case isTerminal(p.stderr) && images > 0:
		return &bar{out: p.stderr}
	}
	return &lines{out: p.stderr, every: 3 * time.Second}
}

// silence shows nothing.
type silence struct{}

func (silence) begin(string)         {}
func (silence) update(node.Progress) {}
func (silence) clear()               {}
func (silence) close()               {}

// lines says what is waited for, every few seconds.
type lines struct {
	out   io.Writer
	every time.Duration

	mu    sync.Mutex
	image string    // guarded by mu
	last  time.Time // guarded by mu
}

func (l *lines) begin(image string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.image, l.last = image, time.Time{}
}

func (l *lines) update(s node.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Waiting == "" || time.Since(l.last) < l.every {
		return
	}
	l.last = time.Now()
	fmt.Fprintf(l.out, "%s: %s\n", l.image, s.Waiting)
}

func (l *lines) clear() {}
func (l *lines) close() {}

// bar shows a terminal one line that changes.
type bar struct {
	out io.Writer

	mu    sync.Mutex
	pool  *mpb.Progress // guarded by mu; nil: nothing is shown
	line  *mpb.Bar      // guarded by mu
	image string        // guarded by mu
	since time.Time     // guarded by mu
	now   node.Progress // guarded by mu
}

func (b *bar) begin(image string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.image, b.since, b.now = filepath.Base(image), time.Now(), node.Progress{}
}

func (b *bar) update(s node.Progress) {
	b.mu.Lock()
	b.now = s
	if b.pool == nil {
		b.show()
	}
	line := b.line
	b.mu.Unlock()
	total := max(s.Total, 1)
	line.SetTotal(total, false)
	line.SetCurrent(min(s.Done, total))
}

// show draws the bar for the first time. b.mu is held.
func (b *bar) show() {
	b.pool = mpb.New(mpb.WithOutput(b.out), mpb.WithWidth(64), mpb.WithRefreshRate(120*time.Millisecond))
	b.line = b.pool.AddBar(0, // so that reaching a total does not end it
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return b.title() })),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.NewElapsed(decor.ET_STYLE_GO, b.since)),
	)
}

// title is what stands before the bar.
func (b *bar) title() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.now.Waiting != "":
		return b.image + ": " + b.now.Waiting + " "
	case b.now.Server != "":
		return fmt.Sprintf("%s: %s, %s ", b.image, b.now.Stage, b.now.Server)
	}
	return b.image + ": " + b.now.Stage + " "
}

func (b *bar) clear() {
	b.mu.Lock()
	pool, line := b.pool, b.line
	b.pool, b.line = nil, nil
	b.mu.Unlock()
	if pool != nil {
		line.Abort(true)
		pool.Wait()
	}
}

func (b *bar) close() { b.clear() }

// crowd shows how far a command is that has several images under way at once.
type crowd struct {
	progress // of all together
	images   int

	mu     sync.Mutex // held while lines are printed
	behind int        // guarded by mu
}

// begin of one image says nothing of all.
func (c *crowd) begin(string) {}

// update hears from any of the jobs; what is waited for concerns all.
func (c *crowd) update(s node.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.show(s.Waiting)
}

// step prints something, and then shows how many images are behind.
func (c *crowd) step(behind int, print func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.clear()
	print()
	c.behind = behind
	c.show("")
}

// show draws. c.mu is held.
func (c *crowd) show(waiting string) {
	stage := fmt.Sprintf("%d of %d", c.behind, c.images)
	c.progress.update(node.Progress{Stage: stage, Done: int64(c.behind), Total: int64(c.images), Waiting: waiting})
}
