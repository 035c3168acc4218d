package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"p2pnode/node"
	"p2pnode/wire"
)

// newTestDoctor is a doctor of a machine that has nothing.
func newTestDoctor(t *testing.T, args ...string) *doctor {
	t.Helper()
	p := newProgram(strings.NewReader(""), io.Discard, io.Discard)
	p.settings.file = &configFile{}
	set := flag.NewFlagSet("doctor", flag.ContinueOnError)
	for _, f := range p.doctorCommand().Flags {
		if err := f.Apply(set); err != nil {
			t.Fatal(err)
		}
	}
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	d := p.newDoctor(cli.NewContext(p.app, set, nil), nil)
	d.proc, d.dir = t.TempDir(), t.TempDir()
	d.room = func(string) (uint64, error) { return 100 << 30, nil }
	return d
}

// wantFindings compares the results in their order, and looks for a text in all that is told.
func wantFindings(t *testing.T, got []finding, want []string, says string) {
	t.Helper()
	var results []string
	var told strings.Builder
	for _, f := range got {
		results = append(results, f.Result)
		fmt.Fprintf(&told, "%s | %s | %s\n", f.Seen, f.Cause, f.Fix)
		if (f.Result == resultFail || f.Result == resultWarn) && (f.Cause == "" || f.Fix == "") {
			t.Errorf("%q has no cause or no fix", f.Seen)
		}
	}
	if strings.Join(results, " ") != strings.Join(want, " ") || !strings.Contains(told.String(), says) {
		t.Errorf("found %v, want %v with %q:\n%s", results, want, says, told.String())
	}
}

func TestDirectoryIsJudged(t *testing.T) {
	secret := newTestSecret(t)
	whole := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "n1")
		if err := node.SaveSecret(dir, secret); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T) string
		put  func(*dirState)
		want []string
		says string
	}{
		{"whole", whole, nil, []string{resultOK}, "of a server that does not run; 100.0 GiB free"},
		{"not made yet", func(t *testing.T) string { return filepath.Join(t.TempDir(), "a", "b") }, nil, []string{resultOK}, "will be made"},
		{"a file", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, nil, []string{resultFail}, "is not a directory"},
		{"secret open to others", func(t *testing.T) string {
			dir := whole(t)
			if err := os.Chmod(filepath.Join(dir, secretOfDir), 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}, nil, []string{resultFail, resultOK}, "mode 0644"},
		{"open to others", func(t *testing.T) string {
			dir := whole(t)
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			return dir
		}, nil, []string{resultWarn, resultOK}, "chmod 700"},
		{"secret of another kind", func(t *testing.T) string {
			dir := whole(t)
			if err := os.WriteFile(filepath.Join(dir, secretOfDir), []byte("nonsense"), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, nil, []string{resultFail, resultOK}, "p2pnode token --peer"},
		{"read-only", whole, func(s *dirState) {
			s.denied = &fs.PathError{Op: "write in", Path: s.path, Err: syscall.EROFS}
		}, []string{resultFail}, "read-only"},
		{"of another user, and closed", whole, func(s *dirState) {
			s.denied, s.owner = &fs.PathError{Op: "write in", Path: s.path, Err: syscall.EACCES}, 4711
		}, []string{resultFail}, "sudo -u '#4711' p2pnode doctor"},
		{"below a closed directory", whole, func(s *dirState) {
			s.denied, s.barred = &fs.PathError{Op: "stat", Path: s.path, Err: syscall.EACCES}, barrier(filepath.Join(s.path, "not", "there"))
		}, []string{resultFail}, "n1; p2pnode serve --dir ELSEWHERE"},
		{"of another user", whole, func(s *dirState) { s.owner = 4711 }, []string{resultWarn, resultOK}, "belongs to user 4711"},
		{"nearly full", whole, func(s *dirState) { s.free = 300 << 20 }, []string{resultWarn, resultOK}, "--max-results"},
		{"full", whole, func(s *dirState) { s.free = 3 << 20 }, []string{resultFail, resultOK}, "3 MiB are free"},
		{"in use", whole, func(s *dirState) { s.holder = 99 }, []string{resultOK}, "process 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newTestDoctor(t)
			s := d.lookAt(c.make(t))
			if c.put != nil {
				c.put(&s)
			}
			wantFindings(t, s.judge(os.Geteuid()), c.want, c.says)
		})
	}
}

func newTestSecret(t *testing.T) node.Secret {
	t.Helper()
	s, err := node.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHolderOfAStoreIsRead(t *testing.T) {
	d := newDoctorOfThisMachine(t)
	dir := t.TempDir()
	if got := d.lookAt(dir).holder; got != 0 {
		t.Errorf("holder of no store is %d", got)
	}
	path := filepath.Join(dir, storeOfDir)
	release, err := lockFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.lookAt(dir).holder; got != os.Getpid() {
		t.Errorf("holder is %d, want this process %d", got, os.Getpid())
	}
	release()
	if got := d.lookAt(dir).holder; got != 0 {
		t.Errorf("holder of a free store is %d", got)
	}
}

// newDoctorOfThisMachine reads the real /proc, where there is one with locks.
func newDoctorOfThisMachine(t *testing.T) *doctor {
	d := newTestDoctor(t)
	if d.proc = "/proc"; syscall.Access("/proc/locks", 4) != nil {
		t.Skip("no /proc/locks")
	}
	return d
}

func TestTokensAreCompared(t *testing.T) {
	ours, theirs := newTestSecret(t), newTestSecret(t)
	text, err := node.ClientToken(ours)
	if err != nil {
		t.Fatal(err)
	}
	client, err := node.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	place := dirState{path: "d", secret: &ours}
	for _, c := range []struct {
		token *node.Token
		named bool
		want  string
		says  string
	}{
		{nil, false, resultOK, "none given"},
		{tokenOf(ours), true, resultOK, "a peer token"},
		{tokenOf(theirs), true, resultFail, "--dir ELSEWHERE"},
		{tokenOf(theirs), false, resultOK, "a peer token"},
		{&client, false, resultOK, "a client token"},
		{&client, true, resultWarn, "token --peer"},
	} {
		wantFindings(t, judgeToken(c.token, place, c.named), []string{c.want}, c.says)
	}
}

// found is a server as discovery tells of it.
func found(name string, cluster byte, control string) node.Found {
	return node.Found{Node: node.IDOf(name), Name: name, Cluster: fmt.Sprintf("c%d", cluster), ClusterID: wire.ClusterID{cluster}, Control: control}
}

func TestAnswersAreJudged(t *testing.T) {
	n1, n2 := found("n1", 1, "10.0.0.1:47470"), found("n2", 1, "10.0.0.2:47470")
	far, alien := found("n3", 1, "10.0.0.3:5000"), found("x", 2, "10.0.0.9:47470")
	at := netip.MustParseAddrPort("10.0.0.9:47480")
	own := wire.ClusterID{1}.String()
	for _, c := range []struct {
		name string
		v    census
		want []string
		says string
	}{
		{"nobody", census{}, []string{resultFail}, "p2pnode serve"},
		{"nobody of those asked", census{near: []string{"h:1"}}, []string{resultFail}, "nor do h:1"},
		{"all hear", census{heard: []node.Found{n1, n2}, members: sightings(n1, n2)}, []string{resultOK}, "n2 at 10.0.0.2:47470"},
		{"unicast but no broadcast", census{single: []node.Found{n1, n2}, members: sightings(n1, n2)}, []string{resultWarn, resultWarn, resultOK}, "broadcast is blocked"},
		{"one is deaf", census{heard: []node.Found{n1}, members: sightings(n1, n2)}, []string{resultWarn, resultOK}, "--peer 10.0.0.2:47470"},
		{"another port", census{heard: []node.Found{n1}, members: sightings(n1, far)}, []string{resultWarn, resultOK}, "listens at another"},
		{"another cluster beside", census{heard: []node.Found{n1, alien}, members: sightings(n1)}, []string{resultOK}, "other clusters here: c2 (02000000)"},
		{"token of another cluster", census{token: own, others: []node.Found{alien}}, []string{resultFail}, "the token is of cluster 01000000; x at 10.0.0.9:47470 is of cluster c2 (02000000)"},
		{"token of another cluster, and silence", census{token: own, claims: []claimed{{at, alien.ClusterID.String()}}}, []string{resultFail}, "is of cluster 02000000"},
		{"no token", census{claims: []claimed{{at, own}}}, []string{resultFail}, "does not answer without a token"},
		{"two clusters", census{refused: &node.SeveralClustersError{List: []node.ClusterInfo{{ID: wire.ClusterID{1}}, {ID: wire.ClusterID{2}}}}}, []string{resultFail}, "--cluster 01000000"},
		{"a stranger", census{refused: &node.UnknownClusterError{List: []node.ClusterInfo{{ID: wire.ClusterID{2}}}}}, []string{resultFail}, "if you trust it"},
	} {
		t.Run(c.name, func(t *testing.T) { wantFindings(t, c.v.judge(), c.want, c.says) })
	}
}

func sightings(all ...node.Found) (out []node.Sighting) {
	for _, f := range all {
		out = append(out, node.Sighting{Found: f})
	}
	return out
}

// says makes an examined server that holds a leader to lead.
func says(name, leader string, epoch uint64, digest string, peers ...string) examined {
	x := examined{Name: name, Control: name + ":1", status: node.Status{Epoch: epoch, Ledger: node.LedgerStatus{Digest: digest}}}
	if leader != "" {
		x.status.Leader = &leader
	}
	for _, p := range peers {
		peer, state, _ := strings.Cut(p, "=")
		x.status.Nodes = append(x.status.Nodes, node.NodeStatus{Name: peer, State: state, Control: peer + ":1"})
	}
	return x
}

func TestServersAgreeOrNot(t *testing.T) {
	for _, c := range []struct {
		name string
		all  []examined
		want []string
		says string
	}{
		{"agreed", []examined{says("a", "a", 3, "x", "a=alive", "b=alive"), says("b", "a", 3, "x", "a=alive")}, []string{resultOK}, "a, b say: a leads, epoch 3"},
		{"split", []examined{says("a", "a", 3, "x"), says("b", "b", 4, "x"), says("c", "b", 4, "x")}, []string{resultFail}, "a: a leads, epoch 3; b, c: b leads, epoch 4"},
		{"same leader, other epoch", []examined{says("a", "a", 3, "x"), says("b", "a", 2, "x")}, []string{resultFail}, "epoch 2"},
		{"nobody leads", []examined{says("a", "", 3, "x")}, []string{resultFail}, "no server leads"},
		{"ledgers", []examined{says("a", "a", 3, "x"), says("b", "a", 3, "y")}, []string{resultOK, resultWarn}, "ledgers differ"},
		{"held dead", []examined{says("a", "a", 3, "x", "b=dead"), says("b", "a", 3, "x")}, []string{resultOK, resultWarn}, "a holds b dead"},
		{"heard by others", []examined{says("a", "a", 3, "x", "c=alive"), says("b", "a", 3, "x", "c=alive")}, []string{resultOK, resultWarn}, "a hears c at c:1"},
		{"heard by nobody", []examined{says("a", "a", 3, "x", "c=dead"), says("b", "a", 3, "x", "c=suspect")}, []string{resultOK, resultWarn}, "c at c:1 is dead to a, and does not answer here"},
		{"nobody said", []examined{{Name: "a", Examination: node.Examination{Err: node.ErrForeign}}}, []string{resultSkipped}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { wantFindings(t, judgeAgreement(c.all), c.want, c.says) })
	}
}

func TestConnectionsAreJudged(t *testing.T) {
	one := func(err error) []examined {
		return []examined{{Name: "n1", Control: "10.0.0.1:47470", Examination: node.Examination{Err: err, Data: netip.MustParseAddrPort("10.0.0.1:47480"), MTU: 1400}}}
	}
	mixed := []examined{says("a", "a", 1, ""), says("b", "a", 1, "")}
	mixed[0].status.Version, mixed[1].status.Version = "v1.0.0", "v1.1.0"
	for _, c := range []struct {
		all  []examined
		want []string
		says string
	}{
		{one(nil), []string{resultOK}, "1400-byte datagrams pass"},
		{one(fmt.Errorf("%w: timeout", node.ErrUnreachable)), []string{resultFail}, "udp dport 47480 accept"},
		{one(fmt.Errorf("%w: bad", node.ErrForeign)), []string{resultFail}, "pretends"},
		{one(fmt.Errorf("%w: bad", node.ErrOtherProtocol)), []string{resultFail}, "p2pnode version"},
		{one(&node.RemoteError{From: "n1", Code: wire.CodeUnauthorized}), []string{resultFail}, "token --client"},
		{one(errors.New("broken")), []string{resultFail}, "broken"},
		{mixed, []string{resultOK, resultWarn}, "a v1.0.0, b v1.1.0"},
	} {
		wantFindings(t, judgeConnections(c.all), c.want, c.says)
	}
}

func TestClocksAreCompared(t *testing.T) {
	asked := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	with := func(server time.Time) []examined {
		return []examined{{Name: "n1", Examination: node.Examination{Asked: asked, Took: 100 * time.Millisecond}, status: node.Status{Time: server}}}
	}
	for _, c := range []struct {
		server time.Time
		want   string
		says   string
	}{
		{asked.Add(50 * time.Millisecond), resultOK, "n1 0s ahead"},
		{asked.Add(1950 * time.Millisecond), resultOK, "1.9s ahead"},
		{asked.Add(-3 * time.Second), resultWarn, "3.05s behind"},
		{asked.Add(time.Hour), resultWarn, "only the times in logs"},
		{time.Time{}, resultSkipped, "older release"},
	} {
		wantFindings(t, judgeClocks(with(c.server)), []string{c.want}, c.says)
	}
}

func TestInterfacesEchoesAndBuffersAreJudged(t *testing.T) {
	lo := node.Interface{Name: "lo", Loopback: true, Used: true, Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}}
	eth := node.Interface{Name: "eth0", Used: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}}
	docker := node.Interface{Name: "docker0", Reason: "of containers or a tunnel"}
	wantFindings(t, judgeInterfaces([]node.Interface{lo, eth, docker}, nil), []string{resultOK}, "not used: docker0 (of containers")
	wantFindings(t, judgeInterfaces([]node.Interface{lo}, nil), []string{resultWarn}, "no network besides loopback")
	wantFindings(t, judgeInterfaces(nil, nil), []string{resultFail}, "not even loopback")
	wantFindings(t, judgeInterfaces([]node.Interface{lo, eth}, []string{"eth7"}), []string{resultFail, resultOK}, "--interface eth7")

	to := netip.MustParseAddrPort("10.0.0.255:47471")
	wantFindings(t, judgeEchoes([]node.Echo{{Interface: "eth0", To: to, Heard: true}}), []string{resultOK}, "10.0.0.255 on eth0")
	wantFindings(t, judgeEchoes([]node.Echo{{Interface: "eth0", To: to}}), []string{resultWarn}, "port 47471, does not come back")
	wantFindings(t, judgeEchoes([]node.Echo{{Interface: "eth0", To: to, Err: syscall.EPERM}}), []string{resultWarn}, "can be sent")
	wantFindings(t, judgeEchoes(nil), []string{resultSkipped}, "")

	wantFindings(t, one(judgeBuffers(node.Buffers{Receive: node.SocketBuffer, Send: node.SocketBuffer})), []string{resultOK}, "4096 KiB")
	wantFindings(t, one(judgeBuffers(node.Buffers{Receive: 208 << 10, Send: node.SocketBuffer})), []string{resultWarn}, "sudo sysctl -w net.core.rmem_max=4194304")
}

func TestPortsAreJudged(t *testing.T) {
	w := portsWanted{portKind: portKinds[0], states: []portState{{port: 47470}, {port: 47471, taken: true, pid: 7, program: "dnsmasq"}}}
	wantFindings(t, w.judge(0), []string{resultOK}, "47471 (dnsmasq, pid 7)")
	w.states = w.states[1:]
	wantFindings(t, w.judge(0), []string{resultFail}, "--listen :0")
	wantFindings(t, w.judge(7), []string{resultOK}, "pid 7") // the server of this directory has it
	w.states[0].cluster = strings.Repeat("ab", 16)
	wantFindings(t, w.judge(7), []string{resultOK}, "p2pnode of cluster abababab, pid 7")
	w.states[0] = portState{port: 80, denied: syscall.EACCES}
	wantFindings(t, w.judge(0), []string{resultFail}, "cannot be opened")
}

func TestSocketOfAnotherProgramIsFound(t *testing.T) {
	d := newTestDoctor(t)
	write := func(name, content string) {
		path := filepath.Join(d.proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("net/udp", "  sl  local_address rem_address   st\n  81: 0100007F:B96E 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 4242 2 0 0\n")
	write("77/comm", "dnsmasq\n")
	write("77/fd/x", "")
	if err := os.Symlink("socket:[4242]", filepath.Join(d.proc, "77/fd/5")); err != nil {
		t.Fatal(err)
	}
	local, inode := d.socketAt("udp", 47470)
	if local.String() != "127.0.0.1" || inode != "4242" {
		t.Errorf("socketAt(47470) is %v, %q", local, inode)
	}
	if pid, name := d.processOf(inode); pid != 77 || name != "dnsmasq" {
		t.Errorf("processOf is %d %q", pid, name)
	}
}

func TestChecksWaitForThoseTheyRestOn(t *testing.T) {
	asked := ""
	step := func(name string, f finding, needs ...string) check {
		return check{name: name, needs: needs, do: func(context.Context) []finding { asked += name; return one(f) }}
	}
	all := consult(t.Context(), []check{
		step("a", good("")), step("b", bad("x", "y", "z"), "a"), step("c", good(""), "b"), step("d", good(""), "c"), step("e", doubt("", "y", "z"), "a"), step("f", good(""), "e"),
	}, 0, func(row) {})
	var results []string
	for _, r := range all {
		results = append(results, r.Name+" "+r.Result)
	}
	if got, want := strings.Join(results, ", "), "a ok, b fail, c skipped, d skipped, e warn, f ok"; got != want || asked != "abef" {
		t.Errorf("results are %s, want %s; asked %s", got, want, asked)
	}
}

func TestDoctorEndsInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	all := consult(ctx, []check{
		{name: "slow", do: func(context.Context) []finding { cancel(); return one(good("")) }},
		{name: "late", do: func(context.Context) []finding { t.Error("asked after the end"); return nil }},
	}, time.Second, func(row) {})
	if len(all) != 3 || all[1].Result != resultFail || !strings.Contains(all[1].Fix, "--timeout 3s") || all[2].Result != resultSkipped {
		t.Errorf("rows are %+v", all)
	}
}

func TestRowsAreForPeopleAndPrograms(t *testing.T) {
	r := row{"firewall", bad("nft\ndrops \x1b[31m", "policy", "sudo nft"), 0.25}
	var text strings.Builder
	printRow(&text, r, false)
	if got, want := text.String(), "FAIL     firewall       nft drops \\x1b[31m\n           cause        policy\n           fix          sudo nft\n"; got != want {
		t.Errorf("printRow wrote\n%q, want\n%q", got, want)
	}
	text.Reset()
	if printRow(&text, r, true); !strings.HasPrefix(text.String(), "\x1b[1;31mFAIL") {
		t.Errorf("no colour in %q", text.String())
	}
	got, err := json.Marshal(r)
	if err != nil || string(got) != `{"name":"firewall","result":"fail","seen":"nft\ndrops \u001b[31m","cause":"policy","fix":"sudo nft","seconds":0.25}` {
		t.Errorf("JSON is %s, %v", got, err)
	}
}
