//go:build unix

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"p2pnode/stego"
)

// TestProcessDashboardInABrowser uses the page as a person does, in a real browser, with a real server behind it.
func TestProcessDashboardInABrowser(t *testing.T) {
	if os.Getenv(procEnv) != "1" {
		t.Skipf("%s=1 runs the tests with real processes", procEnv)
	}
	b := newBrowser(t)
	at := newHouse(t)
	b.look(1280, "light")
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `
		window.shifts = 0;
		new PerformanceObserver((list) => { for (const s of list.getEntries()) if (!s.hadRecentInput) shifts += s.value; }).observe({ type: "layout-shift", buffered: true });
		window.blobs = {};
		{
			const create = URL.createObjectURL;
			URL.createObjectURL = (b) => { const address = create.call(URL, b); blobs[address] = b; return address; };
		}`}, nil)
	b.visit(at + "/")
	b.await(`document.getElementById("ready").textContent === "Ready"`)
	b.shoot("light-quiet")
	b.seesTheCluster()
	b.seesWhatHappens()
	picture := b.hides(t, "<img src=x onerror=alert(1)> & <b>bold</b>")
	b.reveals(picture, "<img src=x onerror=alert(1)> & <b>bold</b>")
	b.looksRight()
	b.staysAtHome(at)
	if len(b.complaints) > 0 {
		t.Errorf("the browser complains: %.1000s", b.complaints)
	}
}

// text is what a person reads in an element.
func (b *browser) text(id string) (s string) {
	b.t.Helper()
	b.evaluate(fmt.Sprintf("document.getElementById(%q).innerText", id), &s)
	return s
}

// seesTheCluster reads what a server knows, which must not have moved what was there before it came.
func (b *browser) seesTheCluster() {
	b.t.Helper()
	var shifted float64
	if b.evaluate("shifts", &shifted); shifted > 0.05 {
		b.t.Errorf("the layout shifted by %v as figures came", shifted)
	}
	for id, want := range map[string]string{"cluster": "test", "leader": "house", "alive": "1 of 1", "working": "0", "quorum": "available"} {
		if got := b.text(id); got != want {
			b.t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	for _, want := range []string{"house", "this one", "alive", "leader", "%"} {
		if got := b.text("servers"); !strings.Contains(got, want) {
			b.t.Errorf("servers: %q, want %q in it", got, want)
		}
	}
}

// seesWhatHappens gives the page events as a server's stream has them.
func (b *browser) seesWhatHappens() {
	b.t.Helper()
	for i, e := range []string{
		`{"kind":"leader-elected","leader":"alpha","epoch":7,"seconds":1.25}`,
		`{"kind":"job-assigned","job":"00112233445566778899aabbccddeeff","server":"beta","attempt":1}`,
		`{"kind":"peer-failed","peer":"beta"}`,
		`{"kind":"leader-lost","leader":"alpha","epoch":7}`,
		`{"kind":"leader-elected","leader":"<i>gamma</i>","epoch":8,"seconds":0.9}`,
		`{"kind":"job-moved","job":"00112233445566778899aabbccddeeff","from":"beta","server":"<i>gamma</i>","attempt":2}`,
		`{"kind":"job-done","job":"00112233445566778899aabbccddeeff","server":"<i>gamma</i>","attempt":2}`,
	} {
		block := fmt.Sprintf("id: %d\nevent: x\ndata: {\"seq\":%d,\"time\":\"2026-01-02T03:04:%02dZ\",\"node\":\"house\",%s", i+1, i+1, i, e[1:])
		encoded, err := json.Marshal(block)
		if err != nil {
			b.t.Fatal(err)
		}
		var id string
		if b.evaluate(fmt.Sprintf("readBlock(%s, '')", encoded), &id); id != fmt.Sprint(i+1) {
			b.t.Errorf("event %d is taken for %q", i+1, id)
		}
	}
	b.evaluate("showEvents(); showJobs(); readBlock(': a comment', '7')", nil)
	for id, words := range map[string][]string{
		"jobs":   {"00112233", "beta → <i>gamma</i>", "attempt 2", "done"},
		"reigns": {"<i>gamma</i> leads after 0.90 s", "epoch 8", "nobody leads", "alpha leads", "house leads", "now"},
		"events": {"job-moved", "from beta to <i>gamma</i>", "✕ peer-failed beta"},
	} {
		for _, want := range words {
			if got := b.text(id); !strings.Contains(got, want) {
				b.t.Errorf("%s: %q, want %q in it", id, got, want)
			}
		}
	}
}

// hides drops a picture, reads how much it holds, has a text hidden and returns the file that is offered.
func (b *browser) hides(t *testing.T, text string) []byte {
	t.Helper()
	photo := photoOf(t, 200, 150)
	b.evaluate(fmt.Sprintf(`(() => {
		const content = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)), carried = new DataTransfer();
		carried.items.add(new File([content], "holiday.png", { type: "image/png" }));
		for (const type of ["dragover", "drop"]) document.getElementById("drop").dispatchEvent(new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
	})()`, base64.StdEncoding.EncodeToString([]byte(photo))), nil)
	b.await(`document.getElementById("most").textContent.includes("bytes")`)
	info, err := stego.Measure(strings.NewReader(photo), stego.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var shown float64
	b.evaluate(`Number(document.getElementById("most").textContent.replace(/[^0-9]/g, ""))`, &shown)
	if want := info.Capacity(stego.V1).Bytes; int64(shown) != want {
		t.Errorf("the page says that %v bytes fit, it is %d", shown, want)
	}
	b.evaluate(`document.getElementById("text").focus()`, nil)
	b.call("Input.insertText", map[string]any{"text": text}, nil)
	if got := b.text("counter"); !strings.HasPrefix(got, fmt.Sprintf("%d bytes of ", len(text))) {
		t.Errorf("counter %q", got)
	}
	b.press("Tab") // to the passphrase
	b.press("Tab") // to the button
	b.press("Enter")
	b.await(`document.querySelector("#result a.button") !== null`)
	var encoded string
	b.evaluate(`blobs[document.querySelector("#result a.button").href].arrayBuffer().then((b) => btoa(Array.from(new Uint8Array(b), (c) => String.fromCharCode(c)).join("")))`, &encoded)
	picture, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := readBytes(picture); err != nil || found != text {
		t.Errorf("the picture offered holds %q, %v", found, err)
	}
	if got := b.text("result"); !strings.Contains(got, "holiday.stego.png") || !strings.Contains(got, "Hidden by house, verified") {
		t.Errorf("result %q", got)
	}
	b.shoot("light-hidden")
	return picture
}

// reveals chooses a file by the button, and what to do by the keyboard.
func (b *browser) reveals(picture []byte, text string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "found.png")
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		b.t.Fatal(err)
	}
	var document struct{ Root struct{ NodeID int } }
	b.call("DOM.getDocument", nil, &document)
	var input struct{ NodeID int }
	b.call("DOM.querySelector", map[string]any{"nodeId": document.Root.NodeID, "selector": "#picture"}, &input)
	b.call("DOM.setFileInputFiles", map[string]any{"files": []string{path}, "nodeId": input.NodeID}, nil)
	b.await(`document.getElementById("preview").alt === "the picture found.png" && document.getElementById("most").textContent.includes("bytes")`)
	b.evaluate(`document.querySelector("input[value=hide]").focus()`, nil)
	b.press("ArrowRight")
	b.evaluate(`document.getElementById("passphrase").focus()`, nil)
	b.press("Enter")
	b.await(`document.querySelector("#result pre") !== null`)
	var found string
	var made int
	b.evaluate(`document.querySelector("#result pre").textContent`, &found)
	b.evaluate(`document.querySelector("#result").querySelectorAll("img, b").length`, &made)
	if found != text || made != 0 {
		b.t.Errorf("revealed %q, with %d elements made of it", found, made)
	}
}

// looksRight checks what can be measured of how it looks: contrast and width.
func (b *browser) looksRight() {
	b.t.Helper()
	for _, width := range []int{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			b.shoot(fmt.Sprintf("%s-%d", scheme, width))
			var over int
			if b.evaluate("document.documentElement.scrollWidth - innerWidth", &over); over > 0 {
				b.t.Errorf("%d wide: the page is %d wider", width, over)
			}
			var faint []string
			if b.evaluate(faintText, &faint); len(faint) > 0 {
				b.t.Errorf("%s: too little contrast: %q", scheme, faint)
			}
		}
	}
}

// faintText finds texts whose contrast is less than WCAG's 4.5 to 1.
const faintText = `(() => {
	const rgb = (c) => c.match(/[\d.]+/g).map(Number);
	const light = (c) => { const [r, g, b] = rgb(c).map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((rgb(c)[3] ?? 1) === 1) return c; } return "rgb(255,255,255)"; };
	return [...document.querySelectorAll("h1, h2, p, dt, dd, th, td, li, b, label, span, button, time, code, pre, a")].filter((e) => {
		if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || e.disabled) return false;
		const [x, y] = [light(getComputedStyle(e).color), light(ground(e))];
		return (Math.max(x, y) + .05) / (Math.min(x, y) + .05) < 4.5;
	}).map((e) => e.className + " " + e.textContent.slice(0, 40));
})()`

// staysAtHome checks that nothing was loaded from anywhere else.
func (b *browser) staysAtHome(at string) {
	b.t.Helper()
	var loaded []string
	b.evaluate(`performance.getEntriesByType("resource").map((r) => r.name)`, &loaded)
	if len(loaded) < 4 {
		b.t.Errorf("loaded: %q", loaded)
	}
	for _, name := range loaded {
		if !strings.HasPrefix(name, at) && !strings.HasPrefix(name, "blob:"+at) {
			b.t.Errorf("the page loads %s", name)
		}
	}
}
