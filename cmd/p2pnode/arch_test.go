package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed file of the module.
type source struct {
	path string // from the module's root
	file *ast.File
	set  *token.FileSet
}

// sources parses every file of ours that is not a test and not below a nested module.
func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		out = append(out, source{filepath.ToSlash(rel), f, set})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s source) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

// folder is the package's directory.
func (s source) folder() string { return filepath.ToSlash(filepath.Dir(s.path)) }

// TestImportsPointOneWay keeps cmd → node → election → wire, node → stego, and nothing else of ours.
func TestImportsPointOneWay(t *testing.T) {
	may := map[string][]string{
		"cmd/p2pnode":   {"p2pnode/node", "p2pnode/stego", "p2pnode/election", "p2pnode/wire"},
		"node":          {"p2pnode/election", "p2pnode/stego", "p2pnode/wire"},
		"election":      {"p2pnode/wire"},
		"wire/wiretest": {"p2pnode/wire"},
		"wire":          {},
		"stego":         {},
	}
	for _, s := range sources(t) {
		allowed, known := may[s.folder()]
		if !known {
			t.Errorf("%s: no package of this project belongs there", s.path)
			continue
		}
		for _, p := range s.imports() {
			if strings.HasPrefix(p, "p2pnode/") && !slices.Contains(allowed, p) {
				t.Errorf("%s imports %s", s.path, p)
			}
		}
	}
}

// TestDependenciesHaveOneDoor keeps each large dependency behind the files that are there for it.
func TestDependenciesHaveOneDoor(t *testing.T) {
	doors := map[string][]string{
		"github.com/quic-go/quic-go":       {"node/transport", "node/worker", "node/client"},
		"github.com/fxamacker/cbor":        {"wire/codec", "wire/frame", "wire/stream"},
		"github.com/shirou/gopsutil":       {"node/load.go"},
		"github.com/urfave/cli":            {"cmd/"},
		"go.etcd.io/bbolt":                 {"node/store"},
		"github.com/vbauerster/mpb":        {"cmd/"},
		"github.com/HdrHistogram":          {"cmd/p2pnode/stress"},
		"github.com/BurntSushi/toml":       {"cmd/"},
		"github.com/prometheus":            {"cmd/"},
		"golang.org/x/image":               {"stego/"},
		"github.com/klauspost/compress":    {"stego/"},
		"golang.org/x/crypto/argon2":       {"stego/"},
		"golang.org/x/crypto/chacha20poly": {"stego/", "wire/"},
	}
	for _, s := range sources(t) {
		for _, p := range s.imports() {
			for dep, files := range doors {
				through := slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(s.path, f) })
				if strings.HasPrefix(p, dep) && !through {
					t.Errorf("%s imports %s, whose door is %v", s.path, p, files)
				}
			}
		}
	}
}

// pure reports whether a file must decide without acting: no goroutine, clock, lock or socket.
func (s source) pure() bool {
	switch {
	case s.folder() == "wire", s.folder() == "election", s.folder() == "stego":
		return true
	}
	return strings.HasPrefix(s.path, "node/core") || strings.HasPrefix(s.path, "node/ledger") || s.path == "node/record.go"
}

// sharers are the files of pure packages that may start goroutines, for what comes out does not depend on them: a function there
// shares out work, and waits for all of it before it returns.
var sharers = []string{"stego/bands.go"}

// TestPureCodeStaysPure finds what would make a seed replay differently, or a decision wait.
func TestPureCodeStaysPure(t *testing.T) {
	banned := map[string][]string{
		"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"},
		"net":  {"Listen", "ListenPacket", "ListenUDP", "Dial", "DialUDP", "Interfaces"},
		"os":   {"Open", "Create", "ReadFile", "WriteFile"},
	}
	for _, s := range sources(t) {
		if !s.pure() {
			continue
		}
		// stego may share buffers between callers: a sync.Pool is no lock that decisions wait for.
		if slices.Contains(s.imports(), "sync") && s.folder() != "stego" || slices.Contains(s.imports(), "sync/atomic") {
			t.Errorf("%s imports sync", s.path)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if slices.Contains(sharers, s.path) {
					break
				}
				t.Errorf("%v: goroutine in pure code", s.set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && slices.Contains(banned[x.Name], n.Sel.Name) {
					t.Errorf("%v: %s.%s in pure code", s.set.Position(n.Pos()), x.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestFilesTellOneStory keeps files short enough to be read at one sitting.
func TestFilesTellOneStory(t *testing.T) {
	for _, s := range sources(t) {
		if lines := s.set.Position(s.file.End()).Line; lines > 400 {
			t.Errorf("%s has %d lines: split it along a noun", s.path, lines)
		}
	}
}
