package election

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"p2pnode/wire"
)

var update = flag.Bool("update", false, "rewrite the traces of testdata/*.txt")

// TestScripts runs every scenario and compares its trace with the one below its line of dashes.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob(testdata/*.txt) = %v, %v", files, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScript(t, f) })
	}
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	commands, want, _ := strings.Cut(string(text), "----\n")
	s := &script{t: t}
	for i, line := range strings.Split(commands, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 0 {
			s.line = fmt.Sprintf("%s:%d: %s", file, i+1, line)
			s.command(fields)
		}
	}
	for _, b := range s.c.check.broken {
		t.Errorf("%s: %s", file, b)
	}
	got := s.trace.String()
	if *update {
		if err := os.WriteFile(file, []byte(commands+"----\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Errorf("%s: trace differs; got\n%s\nwant\n%s", file, got, want)
	}
}

// script interprets one scenario.
type script struct {
	t     *testing.T
	c     *cluster
	line  string
	trace strings.Builder
}

func (s *script) command(f []string) {
	verb, args := f[0], f[1:]
	switch verb {
	case "nodes": // nodes N [majority]
		q := Available
		if len(args) > 1 && args[1] == "majority" {
			q = Majority
		}
		s.c = newCluster(1, s.number(args[0]), q)
		s.c.trace = s.print
	case "load": // load n1 40 (percent)
		n := s.node(args[0])
		n.load = uint16(s.number(args[1]) * 100)
		if n.up {
			n.m.SetLoad(n.load)
		}
	case "rotate": // rotate 5s, before start
		s.c.rotation = s.duration(args[0])
	case "fsync":
		s.c.fsync = s.duration(args[0])
	case "run":
		s.c.run(s.duration(args[0]))
	case "expect":
		s.expect(args)
	default:
		s.print("# %s", strings.Join(f, " "))
		s.fault(verb, args)
	}
}

// fault is a command that shows in the trace.
func (s *script) fault(verb string, args []string) {
	switch verb {
	case "start":
		for _, name := range args {
			s.node(name).start()
		}
	case "old": // old n1, before its start: a version that does not know of rotation
		s.node(args[0]).old = true
	case "crash":
		for _, name := range args {
			s.node(name).crash()
		}
	case "leave":
		s.node(args[0]).leave()
	case "pause": // pause n1 2s
		n := s.node(args[0])
		n.asleep = s.duration(args[1])
		n.frozen = s.c.now.Add(n.asleep)
	case "cut": // cut n1 | n2 n3
		var groups [][]*node
		for _, g := range strings.Split(strings.Join(args, " "), "|") {
			var side []*node
			for _, name := range strings.Fields(g) {
				side = append(side, s.node(name))
			}
			groups = append(groups, side)
		}
		s.c.cut(groups...)
	case "heal":
		s.c.heal()
	case "drop": // drop Coordinator n1 n3
		s.c.drop[s.link(args)] = true
	case "pass":
		clear(s.c.drop)
	case "dup":
		s.c.dup = true
	case "jobs": // jobs n1 2: so many run there
		n := s.node(args[0])
		n.jobs = uint16(s.number(args[1]))
		n.calm()
	case "ledger": // ledger n1 7: the digest of what it holds
		n := s.node(args[0])
		n.digest = uint64(s.number(args[1]))
		n.calm()
	case "replay": // replay Coordinator n1 n3: the newest one comes again, past the endpoint
		msg, ok := s.c.last[s.link(args)]
		if !ok {
			s.t.Fatalf("%s: no such message was sent", s.line)
		}
		to := s.node(args[2])
		to.m.Receive(s.c.now, s.node(args[1]).id, msg)
		to.flush()
		s.c.check.look()
	default:
		s.t.Fatalf("%s: unknown command", s.line)
	}
}

// expect leader n2 [epoch E] | no leader | ready n1 CODE | at n3 leader n1
func (s *script) expect(args []string) {
	got, ok := "", false
	switch args[0] {
	case "leader":
		for side := range s.c.nodes {
			if l, agreed := s.c.agreed(side); agreed {
				got += fmt.Sprintf("%s epoch %d ", l.name, l.m.Status().Epoch)
				ok = ok || l.name == args[1] && (len(args) < 4 || args[3] == fmt.Sprint(l.m.Status().Epoch))
			}
		}
	case "no":
		ok = true
		for _, n := range s.c.nodes {
			if n.up && !n.m.Status().Leader.IsZero() {
				ok, got = false, n.name+" follows "+s.c.name(n.m.Status().Leader)
			}
		}
	case "ready":
		got = s.node(args[1]).m.Ready(s.c.now).String()
		ok = got == args[2]
	case "at":
		got = s.c.name(s.node(args[1]).m.Status().Leader)
		ok = got == args[3]
	}
	if !ok {
		s.t.Errorf("%s: got %q", s.line, got)
	}
}

func (s *script) link(args []string) string {
	return fmt.Sprintf("%s %d %d", args[0], s.node(args[1]).i, s.node(args[2]).i)
}

func (s *script) node(name string) *node {
	i, err := strconv.Atoi(strings.TrimPrefix(name, "n"))
	if err != nil || i < 1 || i > len(s.c.nodes) {
		s.t.Fatalf("%s: no node %s", s.line, name)
	}
	return s.c.nodes[i-1]
}

func (s *script) number(text string) int {
	n, err := strconv.Atoi(text)
	s.must(err)
	return n
}

func (s *script) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	s.must(err)
	return d
}

func (s *script) must(err error) {
	if err != nil {
		s.t.Fatalf("%s: %v", s.line, err)
	}
}

func (s *script) print(format string, args ...any) {
	at := 0.0
	if s.c != nil {
		at = s.c.now.Sub(epochStart).Seconds()
	}
	fmt.Fprintf(&s.trace, "%7.3f  %s\n", at, fmt.Sprintf(format, args...))
}

// name returns a node's short name, or - for nobody.
func (c *cluster) name(id wire.NodeID) string {
	if n := c.node(id); n != nil {
		return n.name
	}
	return "-"
}

func (c *cluster) describe(o Output) string {
	switch {
	case o.Role == wire.Leader:
		return fmt.Sprintf("LEADS epoch %d", o.Epoch)
	case o.Role == wire.Candidate:
		return "campaigns"
	case o.Leader.IsZero():
		return "has no leader"
	}
	return fmt.Sprintf("follows %s epoch %d", c.name(o.Leader), o.Epoch)
}

func phase(p wire.Phase) string { return [...]string{"heartbeat", "pre", "vote"}[min(p, 2)] }

// speak renders an election message.
func (c *cluster) speak(msg wire.Message) string {
	switch v := msg.(type) {
	case wire.Election:
		text := fmt.Sprintf("Election %s %d, load %d", phase(v.Phase), v.Epoch, v.Priority.Bucket)
		if !v.Giver.IsZero() {
			text += ", given by " + c.name(v.Giver)
		}
		return text
	case wire.RotateToken:
		return fmt.Sprintf("RotateToken %d: %d, offer %d", v.Epoch, v.Next, v.Number)
	case wire.RotateAccept:
		if v.Accepted {
			return fmt.Sprintf("RotateAccept %d, offer %d: yes", v.Epoch, v.Number)
		}
		return fmt.Sprintf("RotateAccept %d, offer %d: no, %v", v.Epoch, v.Number, v.Reason)
	case wire.Grant:
		return fmt.Sprintf("Grant %s %d", phase(v.Phase), v.Epoch)
	case wire.Alive:
		return fmt.Sprintf("Alive %s %d", phase(v.Phase), v.Epoch)
	case wire.LeaderAlive:
		return fmt.Sprintf("LeaderAlive %s %d: %s epoch %d", phase(v.Phase), v.Epoch, c.name(v.Leader), v.Reign)
	case wire.EpochBehind:
		return fmt.Sprintf("EpochBehind %s %d: promised %d", phase(v.Phase), v.Epoch, v.Promised)
	case wire.Coordinator:
		return fmt.Sprintf("Coordinator %d", v.Epoch)
	}
	return fmt.Sprintf("%v", msg)
}
