//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// oddNames act on terminals, look like others, or are too long to be said.
var oddNames = []string{
	"\x1b[31mred", "two\nlines", "a\ttab", "\x7f", "c1\u009b31m", "evil\u202egnp", "no\xffUTF-8", strings.Repeat("n", 300),
}

// TestServerRefusesOddNames: from the command line and from a configuration file, before anything is made of them.
func TestServerRefusesOddNames(t *testing.T) {
	l := newLab(t)
	before := l.files()
	for _, name := range oddNames {
		for _, flag := range []string{"--name", "--cluster"} {
			o := l.run(t.Context(), nil, "serve", flag, name, "--listen", "127.0.0.1:0", "--data", "127.0.0.1:0", "--http", "off")
			wantExit(t, fmt.Sprintf("serve %s %q", flag, name), o, 2)
			isOnlyText(t, flag, o)
		}
	}
	config := filepath.Join(t.TempDir(), "odd.toml")
	for _, text := range []string{`name = "a\u0000b"`, `name = "\u001b]0;title\u0007"`, `cluster = "\u001b[2J"`} {
		if err := os.WriteFile(config, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		o := l.run(t.Context(), nil, "serve", "--config", config, "--listen", "127.0.0.1:0", "--data", "127.0.0.1:0", "--http", "off")
		wantExit(t, text, o, 2)
		isOnlyText(t, text, o)
	}
	if after := l.files(); !slices.Equal(before, after) {
		t.Errorf("refused servers left %q", after)
	}
}

// TestNamesAreNoPaths: a name may read like a path, and no file is named by it.
func TestNamesAreNoPaths(t *testing.T) {
	l := newLab(t)
	for _, name := range []string{"../../x", "/etc/passwd", ".."} {
		o := l.run(t.Context(), nil, "serve", "--name", name, "--listen", "127.0.0.1:0", "--data", "127.0.0.1:0", "--http", "off")
		wantExit(t, "serve --name "+name, o, 2, "--dir")
	}
	name := "../../../../../../../tmp/p2pnode-names-test"
	p := l.add("path", nil, "--name", name, "--cluster", name, "--no-broadcast", "--listen", "127.0.0.1:0", "--data", "127.0.0.1:0", "--http", "127.0.0.1:0")
	p.start()
	r := l.encrypt(t.Context(), "--server", p.control, "--text", "x", "-o", filepath.Join(l.dir, "out.png"), l.photos()[0])
	wantExit(t, "a job by a server of such a name", r.outcome, 0)
	if r.Server != name || r.Cluster != name {
		t.Errorf("server %q of cluster %q, want %q", r.Server, r.Cluster, name)
	}
	if code := p.terminate(10 * time.Second); code != 0 {
		t.Errorf("exit %d", code)
	}
	if made, _ := filepath.Glob("/tmp/p2pnode-names-test*"); len(made) > 0 {
		t.Errorf("the name became %q", made)
	}
	for _, f := range l.files() {
		if strings.Contains(f, "..") {
			t.Errorf("%s is named by a server", f)
		}
	}
}

// shout sends datagrams to a server on loopback.
func (l *lab) shout(to *proc, all [][]byte) {
	l.t.Helper()
	conn, err := net.Dial("udp4", to.control)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	for _, d := range all {
		if _, err := conn.Write(d); err != nil {
			l.t.Fatal(err)
		}
	}
}

// files lists what is in the laboratory, but for the logs.
func (l *lab) files() (all []string) {
	l.t.Helper()
	err := filepath.WalkDir(l.dir, func(path string, _ os.DirEntry, err error) error {
		if filepath.Ext(path) != ".log" {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return all
}

// isOnlyText fails the test where a command printed something that acts on a terminal.
func isOnlyText(t *testing.T, what string, o outcome) {
	t.Helper()
	for _, out := range [][]byte{o.stdout, o.stderr} {
		text := strings.ReplaceAll(string(out), "\n", "")
		if strings.ContainsFunc(text, wire.IsUnfit) {
			t.Errorf("%s prints %q", what, out)
		}
	}
}

// TestTerminalIsSafeFromServers has a server of a cluster that nobody knows yet say whatever names and reports it likes.
func TestTerminalIsSafeFromServers(t *testing.T) {
	on := newLAN(t, "liar", "client")
	l := newLab(t)
	ask := func(want int, args ...string) string {
		t.Helper()
		pins := filepath.Join(t.TempDir(), "pins")
		o := l.run(t.Context(), on.host("client").prefix(), append(args, "--timeout", "1s", "--known-clusters", pins)...)
		wantExit(t, fmt.Sprint(args), o, want)
		isOnlyText(t, fmt.Sprint(args), o)
		return string(o.stdout)
	}
	for _, name := range oddNames[:times(len(oddNames), 3)] {
		t.Run(fmt.Sprintf("%.12q", name), func(t *testing.T) {
			p := pretend(t, on.host("liar"), "n1", node.Secret{1}, func(p *pretender) { p.title.Label = name })
			ask(4, "discover")
			p.stop()
			p = pretend(t, on.host("liar"), "n1", node.Secret{1}, func(p *pretender) { p.title.Nodes[0].Name = name })
			if out := ask(4, "discover"); strings.Contains(out, name) {
				t.Errorf("discover prints %q", out)
			}
			if p.asked.Load() == 0 {
				t.Error("nobody asked")
			}
		})
	}
	p := pretend(t, on.host("liar"), "n1", node.Secret{1}, func(p *pretender) { p.json = []byte(hostileStatus) })
	if out := ask(0, "discover"); !strings.Contains(out, "n1") {
		t.Errorf("a well-behaved name is not shown: %q", out)
	}
	ask(0, "status")
	if out := ask(0, "status", "--json"); !strings.Contains(out, `\u202e`) {
		t.Errorf("status --json prints %q", out)
	}
	if p.heard.Load() != 2 {
		t.Errorf("%d streams, want 2", p.heard.Load())
	}
}

// TestLogsAreOnlyText: a peer with the cluster's secret says odd things, and the log of a server at its most talkative tells.
func TestLogsAreOnlyText(t *testing.T) {
	l := newLab(t)
	p := l.cluster(1, "--log-level", "debug")[0]
	p.start()
	ident, err := node.NewIdentity(*l.readToken().Secret)
	if err != nil {
		t.Fatal(err)
	}
	liar := &pen{key: ident.Server, self: wire.NodeID{7}, boot: wire.Boot{7}}
	l.shout(p, func() (all [][]byte) {
		for _, name := range oddNames {
			all = append(all, liar.write(t, wire.NodeID{}, wire.Boot{}, wire.Hello{MinVersion: 1, MaxVersion: 1, Name: name, Cookie: make([]byte, 16)}),
				liar.write(t, node.IDOf("n1"), wire.Boot{}, wire.HelloAck{Hello: wire.Hello{Name: name}, Refused: wire.CodeConflict, Detail: name}))
		}
		return all
	}())
	if _, err := p.status(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.ended(10 * time.Second)
	log, err := os.ReadFile(p.logFile())
	if err != nil {
		t.Fatal(err)
	}
	isOnlyText(t, "the log", outcome{stdout: log})
}
