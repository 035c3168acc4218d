package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"p2pnode/node"
)

// clockGap is how far two clocks may be apart before anybody is told.
const clockGap = 2 * time.Second

// clocks compares this machine's clock with those of all servers.
func (d *doctor) clocks(context.Context) []finding { return judgeClocks(d.tested) }

func judgeClocks(all []examined) (found []finding) {
	var close []string
	for _, x := range all {
		if !x.answered() {
			continue
		}
		gap, told := x.clock()
		switch text := spoken(gap); {
		case !told:
			found = append(found, unknown(x.Name+" does not tell its time", "it is of an older release", ""))
		case gap.Abs() > clockGap:
			found = append(found, doubt(fmt.Sprintf("the clock of %s is %s", x.Name, text),
				"only the times in logs differ; the cluster itself uses no clock", "timedatectl set-ntp true, here and on "+x.Name))
		default:
			close = append(close, x.Name+" "+text)
		}
	}
	if len(close) > 0 {
		found = append(found, good("%s", strings.Join(close, ", ")))
	}
	return found
}

// clock is how far a server's clock is ahead of ours, taking its answer to be of the middle of the time it took.
func (x examined) clock() (gap time.Duration, told bool) {
	if x.status.Time.IsZero() {
		return 0, false
	}
	return x.status.Time.Sub(x.Asked.Round(0).Add(x.Took / 2)), true
}

func spoken(gap time.Duration) string {
	side := "ahead"
	if gap < 0 {
		side = "behind"
	}
	return fmt.Sprintf("%v %s", gap.Abs().Round(time.Millisecond), side)
}

// canary has the cluster hide a text in a small picture, and throws it away.
func (d *doctor) canary(ctx context.Context) []finding {
	began := time.Now()
	r, err := d.submit(ctx)
	if err != nil {
		f := d.p.explain(err)
		return one(bad("a job failed: "+f.What, strings.Join(f.Tried, "; "), or(f.Next, "p2pnode status --watch")))
	}
	return one(judgeJob(r, time.Since(began)))
}

func judgeJob(r node.Receipt, took time.Duration) finding {
	seen := fmt.Sprintf("a picture of %d bytes went through %s, verified, in %v", r.Size, r.Server, took.Round(time.Millisecond))
	if r.Attempts > 1 {
		return doubt(fmt.Sprintf("%s, with %d attempts", seen, r.Attempts), "a server could not be used", "p2pnode status; p2pnode doctor --server HOST:PORT of each server")
	}
	return good("%s", seen)
}

// submit sends one job through the cluster that was found.
func (d *doctor) submit(ctx context.Context) (none node.Receipt, err error) {
	photo := filepath.Join(d.dir, "canary.jpg")
	if _, err := paintPhoto(photo, 320, 240); err != nil {
		return none, err
	}
	client, err := d.asks(d.token, d.around.addresses())
	if err != nil {
		return none, err
	}
	defer client.Close()
	return d.p.tryJob(ctx, client, "doctor's canary", photo, filepath.Join(d.dir, "canary.stego.png"), "p2pnode doctor")
}

// read takes what a server said of itself.
func (x *examined) read() error {
	if err := readForTable(x.Examination.Status, &x.status); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	return nil
}
