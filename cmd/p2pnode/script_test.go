package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"p2pnode": main, "until": untilSaid})
}

// TestScripts runs the command as users do; testdata/script holds the stories.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	if raceDetector { // the others run one goroutine and take minutes
		files = []string{"testdata/script/batch.txtar", "testdata/script/cluster.txtar", "testdata/script/refusal.txtar", "testdata/script/watch.txtar"}
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_DATA_HOME", env.WorkDir+"/data")
			env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/settings")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exitStatus, "image": makeImage, "await": awaitFile, "setjson": setFromJSON, "http": httpStatus, "json": checkJSON,
			"eventually": eventually,
		},
	})
}

// exitStatus runs a command and checks its exit status: exits 2 p2pnode bogus.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if (got == want) == neg {
		ts.Fatalf("%v exits %d, want %d", args[1:], got, want)
	}
}

// eventually runs a command that tells what is now, again and again until its stdout says something, for half a minute at
// most: eventually leader p2pnode discover. An election may be on while it is first asked.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	word := regexp.MustCompile("(?m)" + args[0])
	limit, tick := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && word.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-limit:
			ts.Fatalf("%v: %v, and stdout never had %s", args[1:], err, args[0])
		case <-tick.C:
		}
	}
}

// makeImage makes a picture with grain: image photo.png 64 48 [seed]. One that is called alpha… has a transparent pixel.
func makeImage(ts *testscript.TestScript, _ bool, args []string) {
	width, err := strconv.Atoi(args[1])
	ts.Check(err)
	height, err := strconv.Atoi(args[2])
	ts.Check(err)
	random := rand.New(rand.NewPCG(1, uint64(width)))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			grain := uint8(random.Uint32() >> 28)
			img.Set(x, y, color.RGBA{uint8(x) + grain, uint8(y) + grain, 100 + grain, 255})
		}
	}
	if strings.HasPrefix(args[0], "alpha") {
		img.Set(0, 0, color.RGBA{})
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	if strings.HasSuffix(args[0], ".jpg") {
		ts.Check(jpeg.Encode(f, img, nil))
	} else {
		ts.Check(png.Encode(f, img))
	}
}

// awaitFile waits for a file: await server.json.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	limit, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-limit:
			ts.Fatalf("%s did not appear", args[0])
		case <-tick.C:
		}
	}
}

// decode reads a JSON object from a file, or from the last command's stdout.
func decode(ts *testscript.TestScript, file string) (v map[string]any) {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	d.UseNumber()
	ts.Check(d.Decode(&v))
	return v
}

// setFromJSON puts a member of an object into the environment: setjson CONTROL server.json control.
func setFromJSON(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], fmt.Sprint(decode(ts, args[1])[args[2]]))
}

// checkJSON compares members of an object: json stdout ok=true code=USAGE.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	v := decode(ts, args[0])
	for _, arg := range args[1:] {
		key, want, _ := strings.Cut(arg, "=")
		if got := fmt.Sprint(v[key]); (got == want) == neg {
			ts.Fatalf("%s is %s, want %s", key, got, want)
		}
	}
}

// httpStatus asks a server: http 200 ADDRESS/readyz [Header:value], until it says so.
func httpStatus(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	limit, tick := time.After(10*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		got, err := ask(args[1:])
		if err == nil && got == want {
			return
		}
		select {
		case <-limit:
			ts.Fatalf("%v: status %d, %v, want %d", args[1:], got, err, want)
		case <-tick.C:
		}
	}
}

func ask(args []string) (int, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+args[0], nil)
	if err != nil {
		return 0, err
	}
	for _, header := range args[1:] {
		key, value, _ := strings.Cut(header, ":")
		if r.Header.Set(key, value); key == "Host" {
			r.Host = value
		}
	}
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	return answer.StatusCode, nil
}

// untilSaid runs a command until it has said something so often, line by line, and then sends it a signal:
// until INT 2 '^NAME' p2pnode status --watch. What the command says and its exit status are passed on; without that word
// within a minute it is killed.
func untilSaid() {
	count, err := strconv.Atoi(os.Args[2])
	signal, known := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[os.Args[1]]
	if err != nil || !known {
		fmt.Fprintln(os.Stderr, "until SIGNAL COUNT PATTERN COMMAND...")
		os.Exit(2)
	}
	c := exec.Command(os.Args[4], os.Args[5:]...)
	heard := &listener{word: regexp.MustCompile(os.Args[3]), left: count, heard: func() { c.Process.Signal(signal) }}
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, listening{heard, os.Stdout}, listening{heard, os.Stderr}
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer time.AfterFunc(time.Minute, func() { c.Process.Kill() }).Stop()
	c.Wait()
	os.Exit(c.ProcessState.ExitCode())
}

// listener counts the lines in which a word stands, until it has heard it often enough.
type listener struct {
	word  *regexp.Regexp
	heard func()

	mu   sync.Mutex
	left int // guarded by mu
}

func (l *listener) take(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.word.Match(line) {
		if l.left--; l.left == 0 {
			l.heard()
		}
	}
}

// listening passes on what is written, one call a line or more.
type listening struct {
	*listener
	to io.Writer
}

func (l listening) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		l.take(line)
	}
	return l.to.Write(p)
}
