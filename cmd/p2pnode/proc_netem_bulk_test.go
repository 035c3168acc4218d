//go:build linux

package main

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// netemBulkEnv is how often TestNetemBulk measures each way; its P2PNODE_NETEM is what the network does.
const netemBulkEnv = "P2PNODE_NETEM_BULK"

// TestNetemBulk measures how long a picture of 1 MiB takes up and down, over one connection and over as many as the client
// likes, by turns. Where a fifth is lost, several shall be four times faster; where nothing is lost the client shall stay with one.
func TestNetemBulk(t *testing.T) {
	words := strings.Fields(os.Getenv(netemEnv))
	b, runs := newNetemBulk(t)
	b.on.impose(words, b.on.hosts...)
	b.compare(runs)
	b.report(strings.Join(words, " "))
	switch ratio := b.ratio(); {
	case slices.Contains(words, "20%") && ratio < 4:
		t.Errorf("several connections are %.1f times faster than one, want 4", ratio)
	case slices.Contains(words, "0%") && b.splits > 0:
		t.Errorf("%d of %d transfers were split where nothing is lost", b.splits, runs)
	}
}

// TestNetemFair has two clients transfer at once through a narrow way that loses only what it cannot hold: the one that may
// have several connections shall be content with one, and leave the other its half.
func TestNetemFair(t *testing.T) {
	const words = "rate 10mbit delay 25ms limit 60"
	b, runs := newNetemBulk(t)
	b.on.impose(strings.Fields(words), b.on.hosts...)
	for range runs {
		var both sync.WaitGroup
		both.Go(func() { b.run(&b.plain, "--connections", "1") })
		both.Go(func() { b.run(&b.split) })
		both.Wait()
	}
	b.report(words)
	if b.splits > 0 {
		t.Errorf("%d of %d transfers were split where only the queue was full", b.splits, runs)
	}
}

// TestNetemBulkBack has only what the server sends suffer: it has to tell the client, who sees no loss.
func TestNetemBulkBack(t *testing.T) {
	words := strings.Fields(os.Getenv(netemEnv))
	b, runs := newNetemBulk(t)
	b.on.impose(words, b.on.host("n1"))
	b.compare(runs)
	b.report("only the server's " + strings.Join(words, " "))
	if slices.Contains(words, "20%") && b.splits < runs {
		t.Errorf("%d of %d transfers were split", b.splits, runs)
	}
}

// newNetemBulk prepares a server and a host for clients, and says how often to measure.
func newNetemBulk(t *testing.T) (b *netemBulk, runs int) {
	runs, err := strconv.Atoi(os.Getenv(netemBulkEnv))
	if err != nil || runs < 1 {
		t.Skipf("%s=5 measures so often", netemBulkEnv)
	}
	on := newNetemNet(t, "n1", "client")
	b = &netemBulk{crew: staff(newLab(t), on.lan, []string{"n1"}), client: on.host("client"), on: on}
	b.photo = b.paint("bulk.png", 1002, 764)
	if kib, err := strconv.Atoi(os.Getenv(netemKiBEnv)); err == nil {
		b.photo = b.paint("bulk.png", 1002*kib/1024, 764)
	}
	b.agree(time.Minute)
	return b, runs
}

const netemKiBEnv = "P2PNODE_NETEM_KIB" // of the picture, about; empty: 1024

// netemBulk is transfers of one picture.
type netemBulk struct {
	*crew
	client *host
	on     netemNet
	photo  string

	mu           sync.Mutex
	bytes        int64    // up and down, of one of them; guarded by mu
	splits       int      // clients without a bound that opened more connections; guarded by mu
	plain, split netemWay // guarded by mu
}

// netemWay is what was seen of one way to transfer: all but the search for the leader, and that search.
type netemWay struct{ took, searched figures }

// compare has jobs done one way and the other by turns.
func (b *netemBulk) compare(runs int) {
	b.t.Helper()
	for range runs {
		b.run(&b.plain, "--connections", "1")
		b.run(&b.split)
	}
}

// run has one job done, and takes its times.
func (b *netemBulk) run(w *netemWay, args ...string) {
	b.t.Helper()
	r := b.hides(context.Background(), b.client, b.photo, "as much as it takes", append(args, "--timeout", "10m")...)
	info, err := os.Stat(b.photo)
	if r.exit != 0 || err != nil {
		b.t.Errorf("exit %d: %s, %v", r.exit, tail(r.stderr, 1500), err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
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

// ratio is how many times faster several connections are than one.
func (b *netemBulk) ratio() float64 {
	return b.plain.took.median().Seconds() / b.split.took.median().Seconds()
}

// report tells the figures.
func (b *netemBulk) report(words string) {
	b.t.Helper()
	b.t.Logf("%s by %s, %d KiB up and down\n  one connection: %v\n  several:        %v\n  median %.1f times faster; %d split; the search: %v",
		words, b.on.by(), b.bytes>>10, b.plain.took, b.split.took, b.ratio(), b.splits, slices.Concat(b.plain.searched, b.split.searched))
}
