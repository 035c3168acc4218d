//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"p2pnode/node"
)

// crew is the servers of one cluster on a LAN, watched from within.
type crew struct {
	*lab
	lan   *lan
	procs []*proc
	homes map[*proc]*host
}

// staff starts a server on each of these hosts, all with the lab's token and no list of peers.
func staff(l *lab, on *lan, names []string, args ...string) *crew {
	l.t.Helper()
	c := &crew{lab: l, lan: on, homes: map[*proc]*host{}}
	for _, name := range names {
		c.hire(name, args...).launch()
	}
	for _, p := range c.procs {
		p.await()
	}
	return c
}

// hire prepares one more server.
func (c *crew) hire(name string, args ...string) *proc {
	h := c.lan.host(name)
	p := c.add(name, h.prefix(), args...)
	c.procs, c.homes[p] = append(c.procs, p), h
	return p
}

// see returns a server's status, asked over HTTP in its own namespace.
func (c *crew) see(p *proc) (s node.Status, err error) {
	body, err := c.get(p, "/v1/status", 2*time.Second)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// get asks a server over HTTP, from where it runs.
func (c *crew) get(p *proc, path string, within time.Duration) ([]byte, error) {
	h := c.homes[p]
	dial := func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		err = h.inside(func() error {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
			return err
		})
		return conn, err
	}
	client := &http.Client{Timeout: within, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	answer, err := client.Get("http://" + p.http + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s of %s: %s", path, p.name, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// view is what all servers of a crew agree on.
type view struct {
	leader string
	epoch  uint64
	ledger node.LedgerStatus
	open   int // jobs assigned or running
}

// view returns what these servers agree on; ok is false while they differ, or see fewer of one another than they are.
func (c *crew) view(procs []*proc) (v view, ok bool) {
	for i, p := range procs {
		s, err := c.see(p)
		if err != nil || s.Leader == nil || among(procs, *s.Leader) == nil || alive(s) != len(procs) || !s.Ready {
			return v, false
		}
		mine := view{*s.Leader, s.Epoch, s.Ledger, s.Jobs.Assigned + s.Jobs.Running}
		if i > 0 && mine != v {
			return v, false
		}
		v = mine
	}
	return v, true
}

// agree waits until these servers (nil: all) name one leader and hold one ledger.
func (c *crew) agree(within time.Duration, procs ...*proc) (v view, took time.Duration) {
	c.t.Helper()
	if procs == nil {
		procs = c.procs
	}
	ok := false
	took = until(within, func() bool {
		v, ok = c.view(procs)
		return ok
	})
	if !ok {
		c.t.Fatalf("no agreement within %v:%s", within, c.story())
	}
	return v, took
}

// story is what each server thinks, for people.
func (c *crew) story() string {
	var b strings.Builder
	for _, p := range c.procs {
		s, err := c.see(p)
		leader := "nobody"
		if s.Leader != nil {
			leader = *s.Leader
		}
		fmt.Fprintf(&b, "\n  %s: leader %s, epoch %d, %d alive, ready %v %s, ledger %+v, jobs %+v, error %v",
			p.name, leader, s.Epoch, alive(s), s.Ready, s.Reason, s.Ledger, s.Jobs, err)
	}
	return b.String()
}

// leads returns the leader and the others.
func (c *crew) leads(v view) (leader *proc, rest []*proc) {
	for _, p := range c.procs {
		if p.name == v.leader {
			leader = p
		} else {
			rest = append(rest, p)
		}
	}
	return leader, rest
}

// until polls for something, and returns the time it took or all it was given.
func until(within time.Duration, ok func() bool) time.Duration {
	began := time.Now()
	for !ok() && time.Since(began) < within {
		pollPause()
	}
	return time.Since(began)
}

// hides has a client on h hide a text in a photo, and finds it again.
func (c *crew) hides(ctx context.Context, h *host, photo, text string, args ...string) told {
	c.t.Helper()
	out := c.output()
	r := c.encryptIn(ctx, h.prefix(), append([]string{"--text", text, "-o", out, photo}, args...)...)
	r.text = text
	if r.exit == 0 {
		if err := c.check(r, out); err != nil {
			c.t.Errorf("%q in %s: %v", text, photo, err)
		}
	}
	return r
}

// output names a file that no other job of this lab writes.
func (l *lab) output() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken++
	return fmt.Sprintf("%s/result-%d.png", l.dir, l.taken)
}

// wantExit fails the test unless a command ended with a status and said all these words.
func wantExit(t *testing.T, what string, o outcome, exit int, words ...string) {
	t.Helper()
	if o.exit != exit {
		t.Errorf("%s: exit %d, want %d\n%s%s", what, o.exit, exit, o.stdout, o.stderr)
		return
	}
	for _, w := range words {
		if !strings.Contains(string(o.stdout)+string(o.stderr), w) {
			t.Errorf("%s does not say %q:\n%s%s", what, w, o.stdout, o.stderr)
		}
	}
}
