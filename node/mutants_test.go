package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mutantPatience is how long a mutation may stay unfound.
const mutantPatience = 60 * time.Second

// mutant is a planted bug: one line of a file changed, and the test that has to notice.
type mutant struct {
	name string
	file string
	past string // the line is looked for after this one; empty: it occurs once
	old  string // the line, without the white space around it
	new  string
	by   string // package and flags of go test
	why  string // for an equivalent mutant: why no test can notice; such a one is not run
}

// mutantFate is what became of one.
type mutantFate struct {
	caught  bool
	test    string // that failed first
	took    time.Duration
	trouble string
}

// TestMutants plants each bug of testdata/mutants.txt into a copy of the tree, one at a time, and runs the test named for
// it, which has to fail within a minute; the same test passes on the copy as it is. A checker that catches nothing checks
// nothing.
func TestMutants(t *testing.T) {
	if os.Getenv("P2PNODE_MUTANTS") == "" {
		t.Skip("takes minutes; run make mutants")
	}
	list := readMutants(t)
	if only := os.Getenv("P2PNODE_MUTANT"); only != "" {
		list = slices.DeleteFunc(list, func(m mutant) bool { return !strings.Contains(m.name, only) })
	}
	tree := copyTree(t)
	fates := make([]mutantFate, len(list))
	healthy := sync.Map{} // by test: a func() error that runs it once
	var group sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, m := range list {
		if m.why != "" {
			continue
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			sound, _ := healthy.LoadOrStore(m.by, sync.OnceValue(func() error { return passes(tree, m.by) }))
			if err := sound.(func() error)(); err != nil {
				fates[i].trouble = err.Error()
				return
			}
			fates[i] = tree.plant(m)
			t.Logf("%s: %s %s", m.name, fates[i].test, fates[i].took.Round(100*time.Millisecond))
		})
	}
	group.Wait()
	reportMutants(t, list, fates)
}

func reportMutants(t *testing.T, list []mutant, fates []mutantFate) {
	var table strings.Builder
	run, caught := 0, 0
	for i, m := range list {
		f := fates[i]
		switch {
		case m.why != "":
			fmt.Fprintf(&table, "%-32s equivalent: %s\n", m.name, m.why)
			continue
		case f.trouble != "":
			t.Errorf("%s: %s", m.name, f.trouble)
		case !f.caught:
			t.Errorf("%s survives go test %s (%s: %s)", m.name, m.by, m.file, m.new)
		default:
			caught++
		}
		run++
		fmt.Fprintf(&table, "%-32s %-44s %5.1f s\n", m.name, f.test, f.took.Seconds())
	}
	t.Logf("%d of %d planted bugs caught\n%s", caught, run, table.String())
}

// readMutants reads testdata/mutants.txt, whose head says how it is written.
func readMutants(t *testing.T) (list []mutant) {
	f, err := os.Open("testdata/mutants.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		key, value, _ := strings.Cut(lines.Text(), " ")
		if key == "mutant" {
			list = append(list, mutant{name: value})
		}
		if key == "" || key == "#" || key == "mutant" {
			continue
		}
		if len(list) == 0 || !list[len(list)-1].set(key, value) {
			t.Fatalf("testdata/mutants.txt:%d: %s", n, lines.Text())
		}
	}
	return list
}

func (m *mutant) set(key, value string) bool {
	field := map[string]*string{"in": &m.file, "after": &m.past, "-": &m.old, "+": &m.new, "by": &m.by, "equivalent": &m.why}[key]
	if field == nil {
		return false
	}
	*field = strings.TrimSpace(value)
	return true
}

// mutantTree is a copy of the module, so that nobody's changes mix with the mutants.
type mutantTree struct{ dir string }

func copyTree(t *testing.T) mutantTree {
	t.Helper()
	tree := mutantTree{t.TempDir()}
	for _, name := range []string{"go.mod", "go.sum", "node", "wire", "election", "stego", "testdata", "docs"} {
		if err := tree.take(name); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func (tree mutantTree) take(name string) error {
	return filepath.WalkDir(filepath.Join("..", name), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file of somebody who edits at this moment
		}
		to := filepath.Join(tree.dir, strings.TrimPrefix(path, ".."))
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(to, 0o755))
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o644)
	})
}

// plant runs a mutant's test with its line changed.
func (tree mutantTree) plant(m mutant) (f mutantFate) {
	overlay, err := tree.change(m)
	if err != nil {
		f.trouble = err.Error()
		return f
	}
	begun := time.Now()
	out, err := goTest(tree.dir, "-overlay="+overlay+" "+m.by)
	f.took = time.Since(begun)
	switch {
	case err == nil:
	case strings.Contains(out, "[build failed]") || !strings.Contains(out, "FAIL"):
		f.trouble = "does not compile, or not run: " + lastLines(out)
	case strings.Contains(out, "test timed out"):
		f.trouble = "not found within " + mutantPatience.String()
	default:
		f.caught, f.test = true, firstFailure(out)
	}
	return f
}

// change writes the changed file, and how go is to find it in place of the other.
func (tree mutantTree) change(m mutant) (overlay string, err error) {
	path := filepath.Join(tree.dir, m.file)
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(content), "\n")
	at, err := m.find(lines)
	if err != nil {
		return "", err
	}
	lines[at] = m.new
	dir, err := os.MkdirTemp(tree.dir, "mutant-*.tmp")
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "mutant")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, errors.Join(err, os.WriteFile(changed, []byte(strings.Join(lines, "\n")), 0o644), os.WriteFile(overlay, list, 0o644))
}

// find returns the number of the line to change.
func (m mutant) find(lines []string) (int, error) {
	is := func(want string) func(string) bool {
		return func(line string) bool { return strings.TrimSpace(line) == want }
	}
	from := 0
	if m.past != "" {
		from = 1 + slices.IndexFunc(lines, is(m.past))
	}
	at := slices.IndexFunc(lines[from:], is(m.old))
	if at < 0 || m.past != "" && from == 0 {
		return 0, fmt.Errorf("%s has no line %q", m.file, m.old)
	}
	if m.past == "" && slices.ContainsFunc(lines[at+1:], is(m.old)) {
		return 0, fmt.Errorf("%s has several lines %q", m.file, m.old)
	}
	return from + at, nil
}

// buildPatience is what compiling may take on top of a test's time.
const buildPatience = 5 * time.Minute

// goTest runs go test in the copy. The tests themselves have a minute.
func goTest(dir, args string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), mutantPatience+buildPatience)
	defer cancel()
	all := append([]string{"test", "-vet=off", "-count=1", "-timeout=" + mutantPatience.String()}, strings.Fields(args)...)
	cmd := exec.CommandContext(ctx, "go", all...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "P2PNODE_MUTANTS=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// passes reports why a test fails where nothing is planted.
func passes(tree mutantTree, by string) error {
	out, err := goTest(tree.dir, by)
	if err != nil {
		return fmt.Errorf("go test %s fails without a mutant: %s", by, lastLines(out))
	}
	if strings.Contains(out, "no tests to run") {
		return fmt.Errorf("go test %s runs nothing", by)
	}
	return nil
}

func lastLines(out string) string { return out[max(0, len(out)-600):] }

// firstFailure names what noticed.
func firstFailure(out string) string {
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return name
		}
		if strings.HasPrefix(line, "panic:") {
			return strings.TrimSpace(line)
		}
	}
	return "?"
}
