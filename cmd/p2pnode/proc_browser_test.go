//go:build unix

package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shotsEnv names a directory for pictures of the page.
const shotsEnv = "P2PNODE_SCREENSHOTS"

// browser is a headless Chromium that is told what to do over two pipes. One goroutine uses it.
type browser struct {
	t          testing.TB
	to, from   *os.File
	heard      *bufio.Reader
	last       int
	session    string
	complaints []string // exceptions, and what the page's policy forbade
}

// chromium is the command of a browser on this machine; empty: there is none.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// newBrowser starts a browser with one empty page, until the test ends.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	path := chromium()
	if path == "" {
		t.Skip("no Chromium is installed (Debian: apt-get install chromium): the dashboard is not tried in a browser")
	}
	itsIn, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, itsOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "p2pnode-browser-*")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--no-first-run", "--disable-gpu",
		"--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-proxy-server", "about:blank"}
	if os.Getuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // it has none for root
	}
	child := exec.Command(path, args...)
	child.ExtraFiles, child.SysProcAttr = []*os.File{itsIn, itsOut}, leashed() // its descriptors 3 and 4
	if err := child.Start(); err != nil {
		os.RemoveAll(profile)
		t.Fatal(err)
	}
	itsIn.Close()
	itsOut.Close()
	b := &browser{t: t, to: to, from: from, heard: bufio.NewReaderSize(from, 1<<20)}
	t.Cleanup(func() {
		b.session = ""
		b.tell("Browser.close", nil)
		ended := time.AfterFunc(10*time.Second, func() { child.Process.Kill() })
		child.Wait()
		ended.Stop()
		syscall.Kill(-child.Process.Pid, syscall.SIGKILL) // its group: what it left running
		to.Close()
		from.Close()
		os.RemoveAll(profile)
	})
	b.open()
	return b
}

// open attaches to a page of its own.
func (b *browser) open() {
	b.t.Helper()
	var made struct{ TargetID, SessionID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &made)
	b.call("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &made)
	b.session = made.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "DOM"} {
		b.call(domain+".enable", nil, nil)
	}
}

// saying is one message of the DevTools protocol.
type saying struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// tell sends a command and returns its number.
func (b *browser) tell(method string, params any) int {
	b.last++
	content, err := json.Marshal(saying{ID: b.last, Method: method, Session: b.session, Params: params})
	if err == nil {
		_, err = b.to.Write(append(content, 0))
	}
	if err != nil {
		b.t.Logf("%s not sent: %v", method, err)
	}
	return b.last
}

// call has a command carried out, and hears what happens meanwhile.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	id := b.tell(method, params)
	for b.from.SetReadDeadline(time.Now().Add(2 * time.Minute)); ; {
		content, err := b.heard.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: the browser does not answer: %v", method, err)
		}
		var s saying
		if err := json.Unmarshal(content[:len(content)-1], &s); err != nil {
			b.t.Fatalf("the browser says %.200q: %v", content, err)
		}
		switch {
		case s.ID != id:
			b.overhear(s, content)
		case s.Error != nil:
			b.t.Fatalf("%s: %s", method, s.Error.Message)
		case result != nil:
			if err := json.Unmarshal(s.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
			return
		default:
			return
		}
	}
}

// overhear notes exceptions and errors of the page.
func (b *browser) overhear(s saying, content []byte) {
	if s.Method == "Runtime.exceptionThrown" || s.Method == "Log.entryAdded" && strings.Contains(string(content), `"level":"error"`) &&
		!strings.Contains(string(content), `"source":"network"`) { // such as that a server has no /v1/events
		b.complaints = append(b.complaints, string(content))
	}
}

// evaluate returns what an expression of the page is, or what it promises.
func (b *browser) evaluate(expression string, result any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct {
				Description string
				Value       any
			}
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &r)
	if e := r.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s %s %v", expression, e.Text, e.Exception.Description, e.Exception.Value)
	}
	if result != nil {
		if err := json.Unmarshal(r.Result.Value, result); err != nil {
			b.t.Fatalf("%s: %v", expression, err)
		}
	}
}

// await waits until an expression of the page is true.
func (b *browser) await(expression string) {
	b.t.Helper()
	b.evaluate(fmt.Sprintf(`new Promise((yes, no) => {
		const look = setInterval(() => { if (%s) { clearInterval(look); yes(true); } }, 20);
		setTimeout(() => no("it does not come: " + document.body.innerText.slice(0, 2000)), 60000);
	})`, expression), nil)
}

// visit loads a page.
func (b *browser) visit(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.await(fmt.Sprintf("location.href.startsWith(%q) && document.readyState === 'complete'", url))
}

// press presses a key.
func (b *browser) press(key string) {
	b.t.Helper()
	code := map[string]int{"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}[key]
	down := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code}
	if key == "Enter" {
		down["text"] = "\r"
	}
	b.call("Input.dispatchKeyEvent", down, nil)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}, nil)
}

// look makes the window so wide, in a scheme of colours.
func (b *browser) look(width int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}}, nil)
}

// shoot keeps a picture of the whole page, where somebody wants to see it.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv(shotsEnv)
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	content, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), content, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}
