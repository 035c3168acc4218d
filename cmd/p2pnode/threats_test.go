package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
)

// testsWritten finds every test and fuzz target of the module, whatever system it is for, and the folder it is in.
func testsWritten(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	files, err := filepath.Glob("../../*/*_test.go")
	deeper, err2 := filepath.Glob("../../*/*/*_test.go")
	if err != nil || err2 != nil || len(files) == 0 {
		t.Fatalf("%d test files, %v, %v", len(files), err, err2)
	}
	for _, path := range append(files, deeper...) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(content), -1) {
			all[m[1]] = append(all[m[1]], filepath.Base(filepath.Dir(path)))
		}
	}
	return all
}

// TestThreatsNameTestsThatExist reads the table of docs/SECURITY.md: each threat has a defence, and a test that is there.
func TestThreatsNameTestsThatExist(t *testing.T) {
	content, err := os.ReadFile("../../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(content), "## Threats and defences")
	if !found {
		t.Fatal("docs/SECURITY.md has no table of threats")
	}
	table, _, _ := strings.Cut(rest, "\n## ")
	written, rows := testsWritten(t), 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| threat") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if rows++; len(cells) != 3 || strings.TrimSpace(cells[1]) == "" || !testName.MatchString(cells[2]) {
			t.Errorf("no threat, defence and test: %s", line)
		}
	}
	if rows < 10 {
		t.Errorf("%d threats", rows)
	}
	for _, m := range testName.FindAllStringSubmatch(string(content), -1) {
		if len(written[m[1]]) == 0 {
			t.Errorf("docs/SECURITY.md names %s, which there is not", m[1])
		}
	}
}

// TestHostileProgramsAreThreats: whatever a program does to the real binary stands in docs/SECURITY.md.
func TestHostileProgramsAreThreats(t *testing.T) {
	document, err := os.ReadFile("../../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("proc_hostile_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(content), -1) {
			if !strings.Contains(string(document), "`"+m[1]+"`") {
				t.Errorf("%s of %s is no threat of docs/SECURITY.md", m[1], path)
			}
		}
	}
}
