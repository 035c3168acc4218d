//go:build linux

package main

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// netemBulkEnv is how often TestNetemBulk measures each way; its P2PNODE_NETEM is what the network does.
const netemBulkEnv = "P2PNODE_NETEM_BULK"

// TestNetemBulk measures how long a picture of 1 MiB takes up and down, over one connection and over as many as the client
// likes, by turns. Where a fifth is lost, several shall be four times faster; where nothing is lost the client shall stay with one.
func TestNetemBulk(t *testing.T) {
	runs, err := strconv.Atoi(os.Getenv(netemBulkEnv))
	if err != nil || runs < 1 {
		t.Skipf("%s=5 measures so often", netemBulkEnv)
	}
	words := strings.Fields(os.Getenv(netemEnv))
	net := newNetemNet(t, "n1", "client")
	b := &netemBulk{crew: staff(newLab(t), net.lan, []string{"n1"}), client: net.host("client")}
	b.photo = b.paint("bulk.png", 1002, 764)
	if kib, err := strconv.Atoi(os.Getenv(netemKiBEnv)); err == nil {
		b.photo = b.paint("bulk.png", 1002*kib/1024, 764)
	}
	b.agree(time.Minute)
	net.impose(words)
	for range runs {
		b.run(&b.plain, "--connections", "1")
		b.run(&b.split)
	}
	b.report(strings.Join(words, " "), net.by())
}

const netemKiBEnv = "P2PNODE_NETEM_KIB" // of the picture, about; empty: 1024

// netemBulk is transfers of one picture.
type netemBulk struct {
	*crew
	client       *host
	photo        string
	bytes        int64 // up and down, of one of them
	splits       int   // clients without a bound that opened more connections
	plain, split netemWay
}

// netemWay is what was seen of one way to transfer: all but the search for the leader, and that search.
type netemWay struct{ took, searched figures }

// run has one job done, and takes its times.
func (b *netemBulk) run(w *netemWay, args ...string) {
	b.t.Helper()
	r := b.hides(context.Background(), b.client, b.photo, "as much as it takes", append(args, "--timeout", "10m")...)
	info, err := os.Stat(b.photo)
	if r.exit != 0 || err != nil {
		b.t.Fatalf("exit %d: %s, %v", r.exit, tail(r.stderr, 1500), err)
	}
	b.bytes = info.Size() + r.Size
	split := strings.Contains(string(r.stderr), `msg="transfer split"`)
	if split && len(args) == 0 {
		b.splits++
	} else if split {
		b.t.Error("a client that was to have one connection opened more")
	}
	if r.Attempts > 1 {
		b.t.Errorf("%d attempts without a fault: %s", r.Attempts, tail(r.stderr, 1500))
	}
	w.searched = append(w.searched, seconds(r.Searched))
	w.took = append(w.took, seconds(r.Seconds-r.Searched))
	b.t.Logf("%v: transfer %.2f s, search %.2f s, %d attempts, split %v", args, r.Seconds-r.Searched, r.Searched, r.Attempts, split)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// report tells the figures and judges them.
func (b *netemBulk) report(words, by string) {
	b.t.Helper()
	ratio := b.plain.took.median().Seconds() / b.split.took.median().Seconds()
	b.t.Logf("%s by %s, %d KiB up and down\n  one connection: %v\n  several:        %v\n  median %.1f times faster; the search: %v", words, by, b.bytes>>10,
		b.plain.took, b.split.took, ratio, slices.Concat(b.plain.searched, b.split.searched))
	switch {
	case strings.Contains(words, "loss 20%") && ratio < 4:
		b.t.Errorf("several connections are %.1f times faster than one, want 4", ratio)
	case strings.Contains(words, "loss 0%") && b.splits > 0:
		b.t.Errorf("%d of %d transfers were split where nothing was lost", b.splits, len(b.split.took))
	}
}
