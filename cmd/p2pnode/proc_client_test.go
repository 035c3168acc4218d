//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// told is what `encrypt --json` said: the result, or the failure.
type told struct {
	encrypted
	Code  string `json:"code"`
	Error string `json:"error"`
	Hint  string `json:"hint"`

	text string // that was to be hidden
	outcome
}

// servers are flags that name all servers given, running or not.
func servers(all []*proc) (flags []string) {
	for _, p := range all {
		flags = append(flags, "--server", p.control)
	}
	return flags
}

// encrypt runs `encrypt --json` with args, and reads what it prints.
func (l *lab) encrypt(ctx context.Context, args ...string) told {
	return l.encryptIn(ctx, nil, args...)
}

// encryptIn is encrypt behind a prefix, such as that of a namespace.
func (l *lab) encryptIn(ctx context.Context, prefix []string, args ...string) told {
	return l.read(l.run(ctx, prefix, encryptArgs(args...)...))
}

// encryptArgs are the arguments of an `encrypt --json` whose log tells of each attempt.
func encryptArgs(args ...string) []string {
	level := os.Getenv(clientEnv)
	if level == "" {
		level = "debug"
	}
	return append([]string{"encrypt", "--json", "--log-level", level}, args...)
}

// read reads what one `encrypt --json` of one image printed.
func (l *lab) read(o outcome) told {
	r := told{outcome: o}
	if lines := bytes.Count(r.stdout, []byte("\n")); lines > 1 {
		l.t.Errorf("%d results for one image: %s", lines, r.stdout)
	}
	if len(r.stdout) > 0 {
		if err := json.Unmarshal(r.stdout, &r); err != nil {
			l.t.Errorf("encrypt printed %q: %v", r.stdout, err)
		}
	}
	return r
}

// hide has one text hidden in a photo by a cluster, into a file of its own, and checks everything that can be checked of it.
func (l *lab) hide(ctx context.Context, all []*proc, photo, text string, args ...string) told {
	l.t.Helper()
	l.mu.Lock()
	l.taken++
	out := filepath.Join(l.dir, fmt.Sprintf("result-%d.png", l.taken))
	l.mu.Unlock()
	r := l.encrypt(ctx, append(append(servers(all), "--text", text, "-o", out, photo), args...)...)
	r.text = text
	if ctx.Err() != nil {
		return r
	}
	if err := l.check(r, out); err != nil {
		l.t.Errorf("hide %q in %s: %v\n%s", text, filepath.Base(photo), err, tail(r.stderr, 1500))
	}
	return r
}

// check compares a result with what a separate decrypt finds in its file.
func (l *lab) check(r told, out string) error {
	switch {
	case r.exit != 0 || !r.OK:
		return fmt.Errorf("exit %d, code %s: %s", r.exit, r.Code, r.Error)
	case !r.Verified:
		return fmt.Errorf("not verified")
	case r.Output != out:
		return fmt.Errorf("output %q, want %q", r.Output, out)
	}
	found, err := readBack(out)
	if err != nil || found != r.text {
		return fmt.Errorf("the file holds %q, error %v", found, err)
	}
	if err := r.truthful(); err != nil {
		return err
	}
	return os.Remove(out)
}

// attemptFailed is what a client's log says of each attempt that came to nothing.
var attemptFailed = regexp.MustCompile(`msg="attempt failed" job=([0-9a-f]+) server=(\S+)`)

// truthful compares attempts and failovers with the client's own log of its attempts.
func (r told) truthful() error {
	attempts, failovers, last := 1, 0, ""
	for _, m := range attemptFailed.FindAllStringSubmatch(string(r.stderr), -1) {
		if m[1] != r.Job {
			return fmt.Errorf("an attempt of job %s in the log of job %s", m[1], r.Job)
		}
		if attempts++; last != "" && last != m[2] {
			failovers++
		}
		last = m[2]
	}
	if last != "" && last != r.Server {
		failovers++
	}
	if r.Attempts != attempts || r.Failovers != failovers {
		return fmt.Errorf("reports %d attempts and %d failovers, its log shows %d and %d", r.Attempts, r.Failovers, attempts, failovers)
	}
	return nil
}

// tail is the end of a text.
func tail(text []byte, length int) string {
	return strings.TrimSpace(string(text[max(0, len(text)-length):]))
}
