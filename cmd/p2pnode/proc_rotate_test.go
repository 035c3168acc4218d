//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// turnover is a cluster whose secret is rotated as docs/OPERATIONS.md says, while clients bring jobs.
type turnover struct {
	*lab
	all   []*proc
	photo string
}

func TestProcessSecretIsRotated(t *testing.T) {
	l := newLab(t)
	v := &turnover{lab: l, all: l.running(3), photo: l.photos()[0]}
	old := v.clientToken("old.token")
	pinned := filepath.Join(l.dir, "data", "p2pnode", "known_clusters")
	l.hide(t.Context(), v.all, v.photo, "before")
	met, err := os.ReadFile(pinned)
	if err != nil {
		t.Fatal(err)
	}

	first := v.during([]string{"", old}, func() { v.round(1) })
	second := v.during([]string{"", old}, func() { v.round(2) })
	next := v.clientToken("new.token")
	third := v.during([]string{"", next}, func() { v.round(3) })
	t.Logf("%d, %d and %d jobs were done during the rounds", first, second, third)

	l.wantDeaf(v.all, old)
	if now, err := os.ReadFile(pinned); err != nil || string(now) == string(met) || strings.Count(string(now), "\n") != 1 {
		t.Errorf("the client knows %q, %v; want only the successor of %q", now, err, met)
	}
	if err := os.WriteFile(pinned, met, 0o600); err != nil {
		t.Fatal(err)
	}
	r := l.hide(t.Context(), v.all, v.photo, "back after it all")
	if !strings.Contains(string(r.stderr), "its successor is pinned") {
		t.Errorf("the client does not say that it follows: %s", tail(r.stderr, 500))
	}
}

// clientToken writes the client token of the secret that is spoken.
func (v *turnover) clientToken(name string) string {
	v.t.Helper()
	o := v.run(v.t.Context(), nil, "token", "--client", "--token-file", v.token)
	path := filepath.Join(v.dir, name)
	if err := os.WriteFile(path, o.stdout, 0o600); err != nil || o.exit != 0 {
		v.t.Fatalf("token --client: exit %d, %v", o.exit, err)
	}
	return path
}

// round takes the token file to its next stage and restarts all servers, one after the other.
func (v *turnover) round(stage int) {
	v.t.Helper()
	o := v.run(v.t.Context(), nil, "token", "--next", "--json", "--token-file", v.token)
	var said rotationJSON
	if err := json.Unmarshal(o.stdout, &said); err != nil || o.exit != 0 || said.Stage != stage {
		v.t.Fatalf("token --next: exit %d, %v, stage %d, want %d: %s", o.exit, err, said.Stage, stage, o.stderr)
	}
	for _, p := range v.all {
		if code := p.terminate(20 * time.Second); code != 0 {
			v.t.Errorf("%s ends with %d", p.name, code)
		}
		p.start()
		v.agreed(20*time.Second, v.all...)
		if s, err := p.status(v.t.Context()); err != nil || s.ID != said.Cluster {
			v.t.Errorf("%s is of cluster %s, %v; want %s", p.name, s.ID, err, said.Cluster)
		}
	}
}

// during has a client with each token bring one job after another while f runs, and counts them; "": a client without one.
func (v *turnover) during(tokens []string, f func()) (done int) {
	ctx, cancel := context.WithTimeout(v.t.Context(), 3*time.Minute)
	defer cancel()
	over, counts := make(chan struct{}), make([]int, len(tokens))
	var clients sync.WaitGroup
	for i, token := range tokens {
		var args []string
		if token != "" {
			args = []string{"--token-file", token}
		}
		clients.Go(func() {
			for ; ; counts[i]++ {
				select {
				case <-over:
					return
				default:
					v.hide(ctx, v.all, v.photo, fmt.Sprintf("job %d of client %d", counts[i], i), args...)
				}
			}
		})
	}
	f()
	close(over)
	clients.Wait()
	for i, n := range counts {
		if done += n; n == 0 {
			v.t.Errorf("client %d had no job done", i)
		}
	}
	return done
}

// wantDeaf holds that servers answer nothing that is asked with a token of the old secret.
func (l *lab) wantDeaf(all []*proc, token string) {
	l.t.Helper()
	o := l.run(l.t.Context(), nil, append([]string{"status", "--timeout", "2s", "--token-file", token}, servers(all)...)...)
	if o.exit != 4 {
		l.t.Errorf("status with the old token: exit %d, want 4: %s", o.exit, o.stdout)
	}
}
