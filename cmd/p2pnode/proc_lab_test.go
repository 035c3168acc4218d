//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lab runs the real binary: servers and clients are child processes on loopback, or
// wherever a process's prefix puts them. Its directory and its processes end with its test.
type lab struct {
	t     testing.TB
	dir   string
	bin   string
	token string // file with the peer token

	mu    sync.Mutex
	nodes []*proc // guarded by mu
	taken int     // guarded by mu; outputs named so far
}

// The environment that chooses what the process tests do.
const (
	procEnv   = "P2PNODE_PROC"        // 1: run them
	longEnv   = "P2PNODE_PROC_LONG"   // 1: as often as the project promises, not a short cut
	photosEnv = "P2PNODE_PHOTOS"      // a directory of photographs to work on
	keepEnv   = "P2PNODE_PROC_KEEP"   // a directory: laboratories are made there and stay
	clientEnv = "P2PNODE_PROC_CLIENT" // the log level of clients
	binaryEnv = "P2PNODE_PROC_BIN"    // the command, built already
)

// newLab builds the command and makes a directory with the token of a new cluster.
func newLab(t testing.TB) *lab {
	t.Helper()
	if os.Getenv(procEnv) != "1" {
		t.Skipf("%s=1 runs the tests with real processes", procEnv)
	}
	built, err := builtOnce()
	if err != nil {
		t.Fatalf("build p2pnode: %v", err)
	}
	l := &lab{t: t, dir: labDir(t)}
	l.bin, l.token = filepath.Join(l.dir, "p2pnode"), filepath.Join(l.dir, "peer.token")
	if os.Link(built, l.bin) != nil { // on another file system
		if err := os.Symlink(built, l.bin); err != nil {
			t.Fatal(err)
		}
	}
	o := l.run(t.Context(), nil, "token", "--new")
	if o.exit != 0 {
		t.Fatalf("token --new: exit %d: %s", o.exit, o.stderr)
	}
	if err := os.WriteFile(l.token, o.stdout, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// labDir is a directory whose files the binary can be linked into.
func labDir(t testing.TB) string {
	keep := os.Getenv(keepEnv)
	if keep == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(keep, "lab-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("laboratory %s", dir)
	return dir
}

// builtOnce builds the command, once for all tests, where the next run finds it up to date. Laboratories link the file, so
// that a build by another run does not change it under them.
var builtOnce = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv(binaryEnv); bin != "" {
		return bin, nil
	}
	dir := filepath.Join(os.TempDir(), "p2pnode-proc-"+strconv.Itoa(os.Getuid()))
	if keep := os.Getenv(keepEnv); keep != "" {
		dir = keep
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "p2pnode")
	args := []string{"build", "-o", bin}
	if raceDetector {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

// inFull reports whether tests run as often as the project promises.
func inFull() bool { return os.Getenv(longEnv) == "1" }

// times is how often something is done: full, or in a short cut.
func times(full, short int) int {
	if inFull() {
		return full
	}
	return short
}

// close ends all servers; where the test failed it shows what they said last.
func (l *lab) close() {
	for _, p := range l.procs() {
		p.kill()
		if l.t.Failed() {
			l.t.Logf("last words of %s:\n%s", p.name, p.lastWords(3000))
		}
	}
}

func (l *lab) procs() []*proc {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*proc(nil), l.nodes...)
}

// add prepares a server that is not started yet. prefix, if any, is a command that runs it, as "ip netns exec NS" does.
func (l *lab) add(name string, prefix []string, args ...string) *proc {
	p := &proc{l: l, name: name, prefix: prefix, args: append([]string{"serve", "--config", os.DevNull, "--name", name,
		"--cluster", "lab", "--dir", filepath.Join(l.dir, name), "--token-file", l.token,
		"--ready-file", filepath.Join(l.dir, name+".ready")}, args...)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = append(l.nodes, p)
	return p
}

// cluster prepares n1, n2 … on loopback, each told of all others, and no broadcast. Their ports stay the same over restarts.
func (l *lab) cluster(n int, args ...string) []*proc {
	l.t.Helper()
	ports := l.freePorts(3 * n)
	at := func(i int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i])) }
	var all []*proc
	for i := range n {
		own := []string{"--no-broadcast", "--listen", at(3 * i), "--data", at(3*i + 1), "--http", at(3*i + 2)}
		for k := range n {
			if k != i {
				own = append(own, "--peer", at(3*k))
			}
		}
		p := l.add(fmt.Sprintf("n%d", i+1), nil, append(own, args...)...)
		p.control, p.http = at(3*i), at(3*i+2)
		all = append(all, p)
	}
	return all
}

// running starts a cluster and waits until it agrees on a leader.
func (l *lab) running(n int, args ...string) []*proc {
	l.t.Helper()
	all := l.cluster(n, args...)
	for _, p := range all {
		p.start()
	}
	l.agreed(30*time.Second, all...)
	return all
}

// freePorts finds ports below those that the system hands out to clients, so that none of them takes a dead server's.
func (l *lab) freePorts(n int) []int {
	l.t.Helper()
	seen, ports := map[int]bool{}, []int{}
	for range 1000 {
		port := 20000 + rand.N(12000)
		if !seen[port] && isFree(port) {
			ports = append(ports, port)
		}
		if seen[port] = true; len(ports) == n {
			return ports
		}
	}
	l.t.Fatalf("%d free ports not found", n)
	return nil
}

// isFree reports whether a port is free for datagrams and for HTTP.
func isFree(port int) bool {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	u, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	defer u.Close()
	t, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	return t.Close() == nil
}

// outcome is how a command ended.
type outcome struct {
	stdout, stderr []byte
	exit           int
	took           time.Duration
}

// command is a process of the lab with an environment of its own.
func (l *lab) command(prefix []string, args ...string) *exec.Cmd {
	argv := append(append(append([]string{}, prefix...), l.bin), args...)
	c := exec.Command(argv[0], argv[1:]...)
	c.Env = append(ownEnvironment(), "XDG_DATA_HOME="+filepath.Join(l.dir, "data"), "XDG_CONFIG_HOME="+filepath.Join(l.dir, "config"))
	c.Dir, c.SysProcAttr = l.dir, leashed()
	return c
}

// visit is a client that runs.
type visit struct {
	l              *lab
	child          *exec.Cmd
	stdout, stderr bytes.Buffer // written until gone is closed
	began          time.Time
	gone           chan struct{}
}

// begin starts a command of p2pnode.
func (l *lab) begin(prefix []string, args ...string) *visit {
	v := &visit{l: l, child: l.command(prefix, args...), began: time.Now(), gone: make(chan struct{})}
	v.child.Stdout, v.child.Stderr = &v.stdout, &v.stderr
	if err := v.child.Start(); err != nil {
		l.t.Errorf("start %q: %v", args, err)
		close(v.gone)
		return v
	}
	go func() {
		v.child.Wait()
		close(v.gone)
	}()
	return v
}

// end waits for the command's end, or kills it at that of ctx.
func (v *visit) end(ctx context.Context) outcome {
	select {
	case <-v.gone:
	case <-ctx.Done():
		v.signal(syscall.SIGKILL)
		<-v.gone
	}
	if v.child.ProcessState == nil {
		return outcome{exit: -1}
	}
	return outcome{v.stdout.Bytes(), v.stderr.Bytes(), v.child.ProcessState.ExitCode(), time.Since(v.began)}
}

func (v *visit) signal(s syscall.Signal) {
	if v.child.Process != nil {
		v.child.Process.Signal(s)
	}
}

// run runs a command of p2pnode to its end, or kills it at that of ctx.
func (l *lab) run(ctx context.Context, prefix []string, args ...string) outcome {
	return l.begin(prefix, args...).end(ctx)
}
