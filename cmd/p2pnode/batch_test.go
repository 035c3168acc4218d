package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"p2pnode/node"
	"p2pnode/wire"
)

// entriesOf reads a manifest of that name and content.
func entriesOf(name, content string) (all []entry, err error) {
	err = manifestReader(name)(name, withoutMark(strings.NewReader(content)), func(e entry) error {
		all = append(all, e)
		return nil
	})
	return all, err
}

func TestAmountsAreOfOneOrOfMore(t *testing.T) {
	for n, want := range map[int64]string{0: "0 images", 1: "1 image", 2: "2 images"} {
		if got := amount(n, "image"); got != want {
			t.Errorf("amount(%d, image) = %q, want %q", n, got, want)
		}
	}
}

func TestManifestsOfBothKindsSayTheSame(t *testing.T) {
	hello, empty, quoted := "hello", "", "one, \"two\"\nthree"
	want := []entry{
		{image: "a.png", text: &hello}, {image: "sub/b.jpg", textFile: "b.txt", output: "other.png"},
		{image: "c.png", payload: "c.pdf"}, {image: "d.png", text: &quoted}, {image: "e.png"},
	}
	for name, content := range map[string]string{
		"m.csv": "image, text ,text_file,payload,output\na.png,hello,,,\nsub/b.jpg,,b.txt,,other.png\n\nc.png,,,c.pdf,\n" +
			"d.png,\"one, \"\"two\"\"\nthree\",,,\ne.png,,,,\n",
		"n.CSV": "\ufeffoutput,image,payload,text,text_file\r\n,a.png,,hello,\r\nother.png,sub/b.jpg,,,b.txt\r\n,c.png,c.pdf,,\r\n" +
			",d.png,,\"one, \"\"two\"\"\nthree\",\r\n,e.png,,,\r\n",
		"m.jsonl": `{"image":"a.png","text":"hello"}` + "\n" + `{"image":"sub/b.jpg","text_file":"b.txt","output":"other.png","payload":null}` + "\n\n" +
			`  {"image":"c.png","payload":"c.pdf"} ` + "\n" + `{"image":"d.png","text":"one, \"two\"\nthree"}` + "\r\n" + `{"image":"e.png"}`,
	} {
		got, err := entriesOf(name, content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range got {
			if got[i].line == 0 {
				t.Errorf("%s: row %d has no line", name, i)
			}
			got[i].line = 0
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if got, err := entriesOf("m.jsonl", `{"image":"a.png","text":""}`); err != nil || got[0].text == nil || *got[0].text != empty {
		t.Errorf("an empty text of a JSON object: %+v, %v", got, err)
	}
}

func TestManifestMistakesNameTheirLine(t *testing.T) {
	long := strings.Repeat("x", lineMax)
	for _, c := range []struct{ name, content, want string }{
		{"m.csv", "", "m.csv: it is empty"},
		{"m.csv", "image,txt\n", `m.csv:1: unknown column "txt": did you mean text?`},
		{"m.csv", "image,colour\n", `m.csv:1: unknown column "colour": there are image, text`},
		{"m.csv", "image,text,image\n", "m.csv:1: the column image stands there twice"},
		{"m.csv", "text,output\n", "m.csv:1: there is no column image"},
		{"m.csv", "image,text\na.png,x\nb.png,y,z\n", "m.csv:3: 3 columns"},
		{"m.csv", "image,text\na.png,x\n\"b.png,y\nc.png,z\n", "m.csv:3: extraneous or missing \""},
		{"m.csv", "image,text\na.png," + long + "\n", "m.csv:2: more than 1048576 bytes"},
		{"m.csv", "image,text\n,x\n", "m.csv:2: it names no image"},
		{"m.csv", "image,text,payload\na.png,x,y\n", "m.csv:2: text, text_file and payload exclude one another"},
		{"m.csv", "image,text\na.png,x\nb.png,\n", "m.csv:3: there is nothing to hide in b.png"},
		{"m.csv", "image,text\na.png,\xe9\n", "m.csv:2: the text is not UTF-8"},
		{"m.csv", "image,text,output\na.png,x,../a.png\n", `m.csv:2: output "../a.png" is no path below OUTDIR`},
		{"m.csv", "image,text,output\na.png,x,a.jpg\n", "m.csv:2: the result is a PNG, a.jpg would say otherwise"},
		{"m.csv", "image,text\na.png,x\nsub/../a.jpg,y\n", "m.csv:3: a.jpg would become out/a.stego.png, as a.png of line 2 does"},
		{"m.jsonl", "{}\n", "m.jsonl:1: it names no image"},
		{"m.jsonl", "\n\n[1]\n", "m.jsonl:3: no JSON object"},
		{"m.jsonl", "null\n", "m.jsonl:1: no JSON object"},
		{"m.jsonl", `{"image":"a.png"} {}` + "\n", "m.jsonl:1: no JSON object"},
		{"m.jsonl", `{"image":"a.png","textfile":"x"}` + "\n", `m.jsonl:1: unknown key "textfile": did you mean text_file?`},
		{"m.jsonl", `{"image":"a.png","text":5}` + "\n", "m.jsonl:1: text: a string is wanted"},
		{"m.jsonl", "{\"image\":\"a.png\",\"text\":\"\xe9\"}\n", "m.jsonl:1: no JSON object in UTF-8"},
		{"m.jsonl", "\n" + `{"image":"a.png","text":"` + long + "\"}\n", "m.jsonl:2: more than 1048576 bytes"},
	} {
		p := &plan{name: c.name, into: "out", taken: map[string]int{}}
		err := manifestReader(c.name)(c.name, strings.NewReader(c.content), p.addEntry)
		if f, ok := errors.AsType[*failure](err); !ok || f.Code != wire.CodeUsage || !strings.HasPrefix(f.What, c.want) {
			t.Errorf("%.60q: got %v, want %s", c.content, err, c.want)
		}
	}
}

// TestRowsAreBounded: the row after the last possible one is refused, with what to do.
func TestRowsAreBounded(t *testing.T) {
	p := &plan{name: "m.csv", rows: make([]item, rowsMax), taken: map[string]int{}}
	err := p.add(item{target: target{"a.png", "out/a.png"}})
	if f, ok := errors.AsType[*failure](err); !ok || !strings.Contains(f.What, "more than 1000000 images") || f.Next == "" {
		t.Errorf("got %v", err)
	}
}

func TestResultsLieBelowTheirDirectory(t *testing.T) {
	for _, c := range []struct{ image, output, want string }{
		{"a.png", "", "a.stego.png"},
		{"./sub//b.jpg", "", "sub/b.stego.png"},
		{"../elsewhere/c.png", "", "c.stego.png"},
		{"/photos/d.webp", "", "d.stego.png"},
		{"sub/e.png", "x/y.png", "x/y.png"},
		{"sub/f.png", "x/", "x/f.stego.png"},
		{"g.png", "x/../g.png", "g.png"},
		{"/", "", ""},
		{"h.png", "..", ""},
		{"h.png", ".", ""},
		{"h.png", "x/..", ""},
		{"h.png", "x/../../h.png", ""},
		{"h.png", "/h.png", ""},
	} {
		got, err := resultBelow(c.image, c.output)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("resultBelow(%q, %q) = %q, %v, want %q", c.image, c.output, got, err, c.want)
		}
	}
}

// FuzzResultBelow: whatever a manifest says, a result has a name of its own below OUTDIR.
func FuzzResultBelow(f *testing.F) {
	f.Add("a.png", "../x")
	f.Add("../../.", "")
	f.Add("/", "x//")
	f.Fuzz(func(t *testing.T, image, output string) {
		got, err := resultBelow(image, output)
		if err == nil && (!filepath.IsLocal(got) || got == "." || filepath.Clean(got) != got) {
			t.Fatalf("resultBelow(%q, %q) = %q", image, output, got)
		}
	})
}

// plant makes files and directories (ending in /), with the directories between; a -> b is a link.
func plant(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range names {
		name, to, link := strings.Cut(name, " -> ")
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(to, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o777)
		default:
			err = os.WriteFile(path, []byte(name), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDirectoryIsPlannedInOrder(t *testing.T) {
	dir := plant(t, "in/b.PNG", "in/a/z.jpeg", "in/a/notes.txt", "in/a.gif", "in/.hidden.png", "in/.git/x.png", "in/out/old.stego.png",
		"in/c.png/d.bmp", "in/link.tiff -> a/z.jpeg", "in/away.png -> ../secret.png", "in/lost.png -> nowhere", "in/loop -> .", "secret.png")
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "in", "out")
	p, err := newPlan(in, out, true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.rows {
		a, err1 := filepath.Rel(in, r.input)
		b, err2 := filepath.Rel(out, r.output)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		got = append(got, a+" "+b)
	}
	want := "a/z.jpeg a/z.stego.png, a.gif a.stego.png, b.PNG b.stego.png, c.png/d.bmp c.png/d.stego.png, link.tiff link.stego.png"
	if strings.Join(got, ", ") != want || p.away != 2 {
		t.Errorf("got %s and %d links away, want %s and 2", strings.Join(got, ", "), p.away, want)
	}
}

func TestPlanRefusesWhatWouldMeet(t *testing.T) {
	dir := plant(t, "in/a.png", "in/a.jpg", "one/a.png", "none/notes.txt", "link -> one", "m.csv")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name, into string
		given      bool
		want       string
	}{
		{"in", "out", true, "in/a.jpg and " + at("in/a.png") + " would both become " + at("out/a.stego.png")},
		{"one", "one", true, "are one directory"},
		{"one", "link", true, "are one directory"},
		{"link", "one/sub/..", true, "are one directory"},
		{"one", "out", false, "needs --text"},
		{"none", "out", true, "holds no image"},
		{"none/notes.txt", "out", true, "neither a directory nor a manifest"},
		{"m.csv", "out", true, "unknown column"},
		{"missing", "out", true, "no such file"},
	} {
		p, err := newPlan(at(c.name), at(c.into), c.given)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("newPlan(%s, %s): %+v, %v, want %s", c.name, c.into, p, err, c.want)
		}
	}
}

func TestScoreSaysHowItWent(t *testing.T) {
	bad, gone := failf(wire.CodeBadImage, "bad"), failf(wire.CodeNoCluster, "gone")
	failed := func(f *failure) verdict { return verdict{status: statusFailed, failure: f} }
	done, exists, left := verdict{status: statusDone}, verdict{status: statusExists}, verdict{status: statusLeft}
	for _, c := range []struct {
		all  []verdict
		why  interrupted
		exit int
		ok   bool
		line string
	}{
		{[]verdict{done, exists, done}, interrupted{}, 0, true, "3 images: 2 done, 1 there already, "},
		{[]verdict{done, failed(bad)}, interrupted{}, 3, false, "2 images: 1 done, 1 failed, "},
		{[]verdict{exists, failed(bad)}, interrupted{}, 3, false, "2 images: 0 done, 1 there already, 1 failed, "},
		{[]verdict{failed(bad), failed(bad)}, interrupted{}, 5, false, "2 images: 0 done, 2 failed, "},
		{[]verdict{failed(bad), failed(gone), failed(gone)}, interrupted{}, 3, false, "3 images: 0 done, 3 failed, "},
		{[]verdict{done, failed(bad), left, {status: statusCancelled}}, interrupted{syscall.SIGINT}, 130, false, "4 images: 1 done, 1 failed, 2 left, "},
		{[]verdict{failed(bad)}, interrupted{syscall.SIGTERM}, 143, false, "1 image: 0 done, 1 failed, "},
	} {
		var s score
		for _, v := range c.all {
			s.add(v)
		}
		sum := s.summary("s", c.why.Signal != 0)
		if got := s.exit(c.why); got != c.exit || sum.OK != c.ok || !strings.HasPrefix(sum.sentence(), c.line) {
			t.Errorf("%+v: exit %d, ok %v, %q, want %d, %v, %q", s, got, sum.OK, sum.sentence(), c.exit, c.ok, c.line)
		}
	}
}

// sheetOf writes a report of three images, and returns what it holds.
func sheetOf(t *testing.T, kind string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report"+kind)
	var p program
	o, err := p.createOutput(path, false)
	if err != nil {
		t.Fatal(err)
	}
	all := newSheets(papers{o})
	done := verdict{item: item{target: target{"a,\"b\".png", "out/a.png"}}, status: statusDone}
	done.result.Receipt = node.Receipt{Job: wire.JobID{1}, Server: "n1", Attempts: 2, SHA256: wire.Digest{0xab}}
	all.add(done)
	all.add(verdict{item: item{target: target{"b.png", "out/b.png"}}, status: statusFailed, failure: failf(wire.CodeBadImage, "line\nbreak")})
	all.add(verdict{item: item{target: target{"c.png", "out/c.png"}}, status: statusLeft})
	if _, err := os.Stat(path); err == nil {
		t.Errorf("%s is there before its end", path)
	}
	if err := all.end(summary{Schema: "s", Images: 3}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestReportsOfAllKindsSayTheSame(t *testing.T) {
	want := []string{
		`{a,"b".png out/a.png done   01000000000000000000000000000000 n1 2 ab00000000000000000000000000000000000000000000000000000000000000 0}`,
		"{b.png out/b.png failed BAD_IMAGE line\nbreak   0  0}", "{c.png out/c.png left     0  0}",
	}
	check := func(kind string, i int, got sheetRow) {
		if fmt.Sprint(got) != want[i] {
			t.Errorf("%s, row %d: got %v, want %s", kind, i, got, want[i])
		}
	}
	lines := json.NewDecoder(strings.NewReader(sheetOf(t, ".jsonl")))
	for i := range want {
		var r sheetRow
		if err := lines.Decode(&r); err != nil {
			t.Fatal(err)
		}
		check(".jsonl", i, r)
	}
	if _, err := lines.Token(); err != io.EOF {
		t.Errorf("more than %d lines: %v", len(want), err)
	}
	var one struct {
		summary
		Rows []sheetRow `json:"rows"`
	}
	if err := json.Unmarshal([]byte(sheetOf(t, ".json")), &one); err != nil || one.Images != 3 || len(one.Rows) != 3 {
		t.Fatalf("%+v, %v", one, err)
	}
	for i, r := range one.Rows {
		check(".json", i, r)
	}
	table, err := csv.NewReader(strings.NewReader(sheetOf(t, ".csv"))).ReadAll()
	if err != nil || len(table) != 4 || !reflect.DeepEqual(table[0], sheetHeader) {
		t.Fatalf("%q, %v", table, err)
	}
	if got := strings.Join(table[2], "|"); got != "b.png|out/b.png|failed|BAD_IMAGE|line\nbreak|||0||0.000" {
		t.Errorf("row 2 is %q", got)
	}
	if table[1][0] != `a,"b".png` || table[1][5] != "01000000000000000000000000000000" {
		t.Errorf("row 1 is %q", table[1])
	}
}
