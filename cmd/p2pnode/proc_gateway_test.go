//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProcessGatewayOutlivesItsWorker posts to one server, kills another that works on the job, and gets its answer; then the
// same Idempotency-Key gets the same picture from another server, or from the same one where that was the worker.
func TestProcessGatewayOutlivesItsWorker(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	picture, err := os.ReadFile(l.paint("heavy.jpg", 2000, 1300))
	if err != nil {
		t.Fatal(err)
	}
	image, text := field{"image", "heavy.jpg", string(picture)}, field{"text", "", "outlives"}
	key := http.Header{"Idempotency-Key": {"outlives"}}
	type told struct {
		answer *http.Response
		body   []byte
	}
	first := make(chan told, 1)
	door := all[0]
	go func() {
		a, b := postForm(t, "http://"+door.http+"/v1/encrypt", key, image, text)
		first <- told{a, b}
	}()
	worker := l.working(all, 30*time.Second)
	if worker == nil {
		t.Fatal("no server works on the job")
	}
	if worker != door { // what kills the door's own process ends the request too
		worker.kill()
	}
	got := <-first
	found, err := readBytes(got.body)
	if got.answer.StatusCode != 200 || err != nil || found != "outlives" {
		t.Fatalf("%s: %q, %v %.300s", got.answer.Status, found, err, got.body)
	}
	t.Logf("%s worked, the answer is of %s after %s attempts", worker.name, got.answer.Header.Get("X-P2pnode-Server"), got.answer.Header.Get("X-P2pnode-Attempts"))
	for _, p := range others(all, worker)[:1] {
		again, body := postForm(t, "http://"+p.http+"/v1/encrypt", key, image, text)
		if again.StatusCode != 200 || !bytes.Equal(body, got.body) {
			t.Errorf("%s under the same key: %s, %d bytes, want the same %d", p.name, again.Status, len(body), len(got.body))
		}
	}
}

// readBytes finds what is hidden in a picture.
func readBytes(picture []byte) (string, error) {
	path, err := os.CreateTemp("", "p2pnode-proc-*.png")
	if err != nil {
		return "", err
	}
	defer os.Remove(path.Name())
	_, err = path.Write(picture)
	path.Close()
	if err != nil {
		return "", err
	}
	return readBack(path.Name())
}

// TestProcessCurlExamples runs the curl lines of README.md, as they stand there, against a real server.
func TestProcessCurlExamples(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: the examples of README.md are not tried")
	}
	l := newLab(t)
	all := l.running(1)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := curlExamples(string(readme))
	if len(examples) < 5 {
		t.Fatalf("%d examples: %q", len(examples), examples)
	}
	l.paint("photo.png", 640, 480)
	if err := os.WriteFile(filepath.Join(l.dir, "notes.pdf"), []byte("%PDF-1.4 of a kind\n\x00\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		l.example(e, strings.ReplaceAll(e.line, "127.0.0.1:47490", all[0].http))
	}
}

// example is a line of README.md, and what stands behind it as its output.
type example struct{ line, output string }

// curlExamples are the lines that begin with curl; a comment "# …" behind one is what it prints.
func curlExamples(readme string) (all []example) {
	for line := range strings.Lines(readme) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "curl ") {
			command, output, _ := strings.Cut(line, "  # ")
			all = append(all, example{strings.TrimSpace(command), strings.TrimSpace(output)})
		}
	}
	return all
}

// example runs one line in a shell.
func (l *lab) example(e example, line string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Dir, c.Stderr, c.SysProcAttr, c.Env = l.dir, &stderr, leashed(), append(ownEnvironment(), "no_proxy=*")
	stdout, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	printed, err := io.ReadAll(stdout)
	if failed := c.Wait(); failed != nil || err != nil {
		l.t.Errorf("%s: %v %v: %s %.500s", e.line, err, failed, stderr.Bytes(), printed)
	}
	if got := strings.TrimSpace(string(printed)); e.output != "" && !strings.Contains(got, e.output) {
		l.t.Errorf("%s\nprints %.500q, README.md says %q", e.line, got, e.output)
	}
}
