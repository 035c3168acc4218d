package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"p2pnode": main})
}

// TestScripts runs the command as users do; testdata/script holds the stories.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_DATA_HOME", env.WorkDir+"/data")
			env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/settings")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exitStatus, "image": makeImage, "await": awaitFile, "setjson": setFromJSON, "http": httpStatus, "json": checkJSON,
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
