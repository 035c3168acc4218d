package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"p2pnode/node"
	"p2pnode/wire"
)

// hostileStatus is what a server may send that wants to write on its client's terminal.
const hostileStatus = `{"cluster": "\u001b]0;owned\u0007", "epoch": 18446744073709551615, "leader": "n1\nn2  alive  leader",
	"nodes": [{"name": "a\tb", "state": "` + "c1\u009b31m \u202edaed" + `", "control": "\r\u001b[2J"}], "later": {"more": ["` + "\u007f" + `"]}}`

func TestStatusOfAHostileServerIsOnlyText(t *testing.T) {
	var s node.Status
	if err := readForTable([]byte(hostileStatus), &s); err != nil {
		t.Fatal(err)
	}
	if s.Epoch != 1<<64-1 {
		t.Errorf("epoch %d", s.Epoch)
	}
	var out bytes.Buffer
	if err := (&program{stdout: &out}).printStatus(s); err != nil {
		t.Fatal(err)
	}
	lines := strings.TrimSuffix(out.String(), "\n")
	if strings.ContainsFunc(strings.ReplaceAll(lines, "\n", ""), wire.IsUnfit) || strings.Count(lines, "\n") != 4 {
		t.Errorf("the table is %q", lines)
	}
}

func TestJSONOfAHostileServerIsOnlyText(t *testing.T) {
	line, err := harmless([]byte(hostileStatus))
	if err != nil || bytes.ContainsFunc(line, wire.IsUnfit) {
		t.Errorf("%q, %v", line, err)
	}
	var was, is any
	if json.Unmarshal([]byte(hostileStatus), &was) != nil || json.Unmarshal(line, &is) != nil {
		t.Fatalf("%q is no JSON", line)
	}
	a, _ := json.Marshal(was)
	b, _ := json.Marshal(is)
	if !bytes.Equal(a, b) {
		t.Errorf("%s became %s", a, b)
	}
	if _, err := harmless([]byte("\x1b[31m")); err == nil {
		t.Error("what is no JSON was taken")
	}
}

func TestHiddenTextDoesNotWriteOnTheTerminal(t *testing.T) {
	got := visible("one\n\ttwo\x1b[2J\x07\u009b31m\r\x00é")
	if want := "one\n\ttwo\\x1b[2J\\x07\\x9b31m\\x0d\\x00é"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if strings.ContainsFunc(strings.NewReplacer("\n", "", "\t", "").Replace(got), unicode.IsControl) {
		t.Errorf("%q still acts", got)
	}
}

// FuzzStatus: whatever a server reports is refused or shown without anything that acts on a terminal.
func FuzzStatus(f *testing.F) {
	f.Add([]byte(hostileStatus))
	f.Add([]byte(`{"leader":null,"nodes":[{"load":1e308,"pid":-1}],"reason":"\u2066"}`))
	f.Add([]byte(`[[[[[]]]]]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, err := harmless(raw)
		if err != nil {
			return
		}
		if bytes.ContainsFunc(line, wire.IsUnfit) || !json.Valid(line) {
			t.Fatalf("%q became %q", raw, line)
		}
		var s node.Status
		if readForTable(line, &s) != nil {
			return
		}
		var out bytes.Buffer
		if err := (&program{stdout: &out}).printStatus(s); err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsFunc(bytes.ReplaceAll(out.Bytes(), []byte("\n"), nil), wire.IsUnfit) || bytes.Count(out.Bytes(), []byte("\n")) != 4+len(s.Nodes) {
			t.Fatalf("%q is shown as %q", raw, out.Bytes())
		}
	})
}
