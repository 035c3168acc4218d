package main

import (
	"go/ast"
	building "go/build"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Log calls name their facts as docs/LOGGING.md says and no other way, and their messages are constant.
func TestLogAttributesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/LOGGING.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = false
	}
	files, err := filepath.Glob("../../node/*.go")
	more, err2 := filepath.Glob("*.go")
	if err != nil || err2 != nil || len(files) < 50 {
		t.Fatal(err, err2, len(files))
	}
	calls := 0
	for _, file := range append(files, more...) {
		if built, err := building.Default.MatchFile(filepath.Split(file)); strings.HasSuffix(file, "_test.go") || err != nil || !built {
			continue // no part of this program
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			for _, name := range attributesOf(call, ok, &calls) {
				if _, known := documented[name]; !known {
					t.Errorf("%s logs %q, which docs/LOGGING.md does not name", file, name)
				}
				documented[name] = true
			}
			return true
		})
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if !documented[name] {
			t.Errorf("docs/LOGGING.md names %q, which nothing logs", name)
		}
	}
	if calls < 25 {
		t.Errorf("only %d log calls were found: this test looks for the wrong thing", calls)
	}
}

// attributesOf returns the names in a call of a logger, or of slog that makes one; of any other, none.
func attributesOf(call *ast.CallExpr, is bool, calls *int) (names []string) {
	if !is {
		return nil
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	of, _ := f.X.(*ast.Ident)
	switch name := f.Sel.Name; {
	case of != nil && of.Name == "slog" && slices.Contains([]string{"String", "Uint64", "Duration", "Int", "Any"}, name):
		return append(names, literal(call.Args[0]))
	case of != nil && of.Name == "http" || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, name) || len(call.Args) == 0:
		return nil
	}
	*calls++
	if literal(call.Args[0]) == "" {
		return []string{"a message that is not constant"}
	}
	for i := 1; i < len(call.Args); i += 2 {
		names = append(names, literal(call.Args[i]))
	}
	return names
}

// literal is the value of a string constant; empty if it is none.
func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		s, _ := strconv.Unquote(l.Value)
		return s
	}
	return ""
}
