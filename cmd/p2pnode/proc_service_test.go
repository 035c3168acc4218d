//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager hears what a server tells its service manager.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

// newManager makes the socket and has servers that are started from now on use it.
func newManager(t *testing.T, watchdog time.Duration) *manager {
	t.Helper()
	at := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", at)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint(watchdog.Microseconds()))
	return &manager{t, conn}
}

// await reads until a word comes, and returns the message that has it.
func (m *manager) await(word string) string {
	m.t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	buffer := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buffer)
		if err != nil {
			m.t.Fatalf("no %s: %v", word, err)
		}
		if strings.Contains(string(buffer[:n]), word) {
			return string(buffer[:n])
		}
	}
}

// A service manager hears when a server serves, that it goes on doing so, what of it changes, and when it stops; a
// configuration that is wrong changes nothing.
func TestProcessService(t *testing.T) {
	l := newLab(t)
	config := filepath.Join(l.dir, "config.toml")
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("max_owned = 7\n")
	m := newManager(t, time.Second)
	p := l.cluster(1, "--config", config)[0]
	p.start()
	m.await("READY=1")
	if s := m.await("WATCHDOG=1"); !strings.Contains(s, "STATUS=n1 of cluster") {
		t.Errorf("told %q, want the server's state in words", s)
	}
	hangup := func(text string) {
		write(text)
		p.signal(syscall.SIGHUP)
		m.await("RELOADING=1")
		m.await("READY=1")
	}
	hangup("max_owned = 8\nquorum = \"majority\"\nvoters = [\"n1\"]\n")
	hangup("max_owndd = 9\n")
	m.await("WATCHDOG=1")
	if code := p.terminate(20 * time.Second); code != 0 {
		t.Errorf("exit %d after SIGTERM, want 0", code)
	}
	m.await("STOPPING=1")
	for _, want := range []string{"changed=[max-owned]", "settings=\"[quorum voters]\"", "config.toml:1: unknown key max_owndd: did you mean max-owned?"} {
		if log := readFile(t, p.logFile()); !strings.Contains(log, want) {
			t.Errorf("the log has no %q: %s", want, log)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A server that hangs is one that the watchdog hears nothing of.
func TestProcessWatchdogBites(t *testing.T) {
	l := newLab(t)
	m := newManager(t, 200*time.Millisecond)
	p := l.cluster(1)[0]
	p.start()
	m.await("WATCHDOG=1")
	p.stop()
	defer p.resume()
	m.conn.SetReadDeadline(time.Now().Add(time.Second))
	for buffer := make([]byte, 4096); ; {
		if _, err := m.conn.Read(buffer); err != nil {
			break // what was sent before is read; nothing came for the rest of a second
		}
	}
	m.conn.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
	if n, err := m.conn.Read(make([]byte, 4096)); err == nil {
		t.Errorf("%d bytes of a server that is stopped", n)
	}
}

// The example unit is one that systemd takes.
func TestServiceUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed (Debian: systemd)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := strings.ReplaceAll(readFile(t, filepath.Join("..", "..", "docs", "examples", "p2pnode.service")), "/usr/local/bin/p2pnode", self)
	at := filepath.Join(t.TempDir(), "p2pnode.service")
	if err := os.WriteFile(at, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", at).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v: %s", err, out)
	}
}
