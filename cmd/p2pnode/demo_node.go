package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"p2pnode/node"
	"p2pnode/wire"
)

// demoNode is one server of a demo: a child process, and where it was last reached.
type demoNode struct {
	name string
	dir  string // of the demo
	at   readyJSON

	mu    sync.Mutex
	child *exec.Cmd     // guarded by mu; nil: not running
	gone  chan struct{} // closed when child has ended
}

// start runs a server and waits until it serves. A server that ran before gets its old addresses.
func (s *story) start(ctx context.Context, n *demoNode) error {
	if err := os.Remove(n.readyFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := n.launch(s.arguments(n)); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	s.p.scratch.add(n.kill)
	return n.await(ctx)
}

// arguments is the command line of a server. It is told of every other one: on
// loopback broadcast may not reach them.
func (s *story) arguments(n *demoNode) []string {
	control, data, web := "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if n.at.Control != "" {
		control, data, web = n.at.Control, n.at.Data, n.at.HTTP
	}
	args := []string{"serve", "--config", os.DevNull, "--name", n.name, "--cluster", "demo", "--no-broadcast",
		"--dir", filepath.Join(s.dir, n.name), "--token-file", s.path("peer.token"), "--ready-file", n.readyFile(),
		"--listen", control, "--data", data, "--http", web, "--quorum", "available", "--clients", "open"}
	for _, other := range s.nodes {
		if other != n && other.at.Control != "" {
			args = append(args, "--peer", other.at.Control)
		}
	}
	return args
}

func (n *demoNode) readyFile() string { return filepath.Join(n.dir, n.name+".ready") }
func (n *demoNode) logFile() string   { return filepath.Join(n.dir, n.name+".log") }

// launch starts the child. It dies with this process, and signals of the terminal do not reach it.
func (n *demoNode) launch(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(n.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	child := exec.Command(self, args...)
	child.Stdout, child.Stderr = log, log
	child.Env = append(ownEnvironment(), "XDG_DATA_HOME="+filepath.Join(n.dir, "data"), "XDG_CONFIG_HOME="+filepath.Join(n.dir, "config"))
	child.SysProcAttr = leashed()
	if err := child.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		child.Wait()
		close(gone)
	}()
	n.mu.Lock()
	n.child, n.gone = child, gone
	n.mu.Unlock()
	return nil
}

// ownEnvironment is this process's without settings of p2pnode.
func ownEnvironment() (out []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "P2PNODE_") {
			out = append(out, v)
		}
	}
	return out
}

// await waits for the ready file.
func (n *demoNode) await(ctx context.Context) error {
	for {
		if content, err := os.ReadFile(n.readyFile()); err == nil {
			return json.Unmarshal(content, &n.at)
		}
		select {
		case <-n.gone:
			return failf(wire.CodeInternal, "server %s ended at once: %s", n.name, n.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", n.name, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lastWords is the end of a server's log.
func (n *demoNode) lastWords() string {
	content, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-600):]))
}

// kill ends the server as a power cut would, and waits for its end.
func (n *demoNode) kill() {
	n.mu.Lock()
	child, gone := n.child, n.gone
	n.child = nil
	n.mu.Unlock()
	if child != nil {
		child.Process.Kill()
		<-gone
	}
}

func (n *demoNode) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.child != nil
}

// named returns the running server of a name, or nil.
func (s *story) named(name string) *demoNode {
	for _, n := range s.nodes {
		if n.name == name && n.running() {
			return n
		}
	}
	return nil
}

// agreed waits until every running server names the same running leader, sees all
// running ones alive, and would have a job assigned.
func (s *story) agreed(ctx context.Context) (*demoNode, uint64, error) {
	for {
		leader, epoch := s.opinion(ctx)
		if leader != nil {
			return leader, epoch, nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("wait for the servers to agree on a leader: %w", ctx.Err())
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// opinion returns the leader on which all running servers agree, or nil.
func (s *story) opinion(ctx context.Context) (*demoNode, uint64) {
	var leader string
	var epoch uint64
	var running []*demoNode
	for _, n := range s.nodes {
		if n.running() {
			running = append(running, n)
		}
	}
	for i, n := range running {
		status, err := n.status(ctx)
		if err != nil || !status.Ready || status.Leader == nil || alive(status) < len(running) {
			return nil, 0
		}
		if i > 0 && (*status.Leader != leader || status.Epoch != epoch) {
			return nil, 0
		}
		leader, epoch = *status.Leader, status.Epoch
	}
	return s.named(leader), epoch
}

func alive(s node.Status) (count int) {
	for _, n := range s.Nodes {
		if n.State == "alive" {
			count++
		}
	}
	return count
}

// status asks a server over HTTP.
func (n *demoNode) status(ctx context.Context) (s node.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.at.HTTP+"/v1/status", nil)
	if err != nil {
		return s, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// close ends all servers.
func (s *story) close() {
	for _, n := range s.nodes {
		n.kill()
	}
	http.DefaultClient.CloseIdleConnections()
}
