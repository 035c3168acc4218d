package main

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func arranged(t *testing.T, line ...string) (invocation, error) {
	t.Helper()
	var out bytes.Buffer
	return arrange(newProgram(nil, &out, &out).app, append([]string{"p2pnode"}, line...))
}

func TestFlagsMoveBehindTheirCommand(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"encrypt a.png --text hi", "encrypt --text=hi -- a.png"},
		{"--text hi encrypt a.png", "encrypt --text=hi -- a.png"},
		{"embed a.png --text=--x b.png", "encrypt --text=--x -- a.png b.png"},
		{"encrypt --text= a.png", "encrypt --text= -- a.png"},
		{"encrypt --discover a.png --text hi", "encrypt --discover=true --text=hi -- a.png"},
		{"encrypt -qo - a.png", "encrypt --quiet=true --output=- -- a.png"},
		{"encrypt -oout.png a.png", "encrypt --output=out.png -- a.png"},
		{"encrypt -o=out.png a.png", "encrypt --output=out.png -- a.png"},
		{"encrypt -- --text hi", "encrypt -- --text hi"},
		{"encrypt --local=false a.png", "encrypt --local=false -- a.png"},
		{"decrypt -", "decrypt -- -"},
		{"serve --peer a:1 --peer b:2", "serve --peer=a:1 --peer=b:2"},
		{"batch -j 8 photos -o out", "batch --jobs=8 --output=out -- photos"},
		{"watch in out --once -j2", "watch --once=true --jobs=2 -- in out"},
		{"token --peer --dir d", "token --peer=true --dir=d"},
		{"config show --origin --peer a:1", "config show --origin=true --peer=a:1"},
		{"--json config validate f", "config validate --json=true -- f"},
		{"help encrypt", "encrypt --help"},
		{"help", "--help"},
		{"config --help", "config --help"},
		{"--version", "version"},
	} {
		inv, err := arranged(t, strings.Fields(c.line)...)
		if err != nil {
			t.Errorf("arrange(%s): %v", c.line, err)
		} else if got := strings.Join(inv.args[1:], " "); got != c.want {
			t.Errorf("arrange(%s) = %s, want %s", c.line, got, c.want)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"encrypt -x a.png", "encrypt has no flag -x"},
		{"encrypt -qx a.png", "encrypt has no flag -x"},
		{"encrypt --nodes 3 a.png", "encrypt has no flag --nodes"},
		{"encrypt a.png -o", "flag --output needs a value"},
		{"ecnrypt a.png", `did you mean "encrypt"?`},
		{"bogusbogusbogus", `unknown command "bogusbogusbogus"`},
		{"config shw", `did you mean "config show"?`},
		{"token --per", "did you mean --peer?"},
		{"--text x", "no command given"},
	} {
		if _, err := arranged(t, strings.Fields(c.line)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("arrange(%s): got %v, want %q", c.line, err, c.want)
		}
	}
}

// TestFlagsAgreeBetweenCommands: a setting has one type, or the configuration file
// and flags before their command could not be read.
func TestFlagsAgreeBetweenCommands(t *testing.T) {
	var out bytes.Buffer
	kinds := map[string]reflect.Type{}
	shorts := map[string]string{}
	var walk func(string, []*cli.Command)
	walk = func(path string, commands []*cli.Command) {
		for _, c := range commands {
			for _, f := range c.Flags {
				name := f.Names()[0]
				if isDeed(f) {
					continue
				}
				if known := kinds[name]; known != nil && known != reflect.TypeOf(f) {
					t.Errorf("%s --%s is a %v, elsewhere a %v", path+c.Name, name, reflect.TypeOf(f), known)
				}
				kinds[name] = reflect.TypeOf(f)
				for _, short := range f.Names()[1:] {
					if other := shorts[short]; other != "" && other != name {
						t.Errorf("-%s is --%s and --%s", short, name, other)
					}
					shorts[short] = name
				}
			}
			walk(c.Name+" ", c.Subcommands)
		}
	}
	walk("", newProgram(nil, &out, &out).app.Commands)
}

func TestContractHasItsFlags(t *testing.T) {
	var out bytes.Buffer
	app := newProgram(nil, &out, &out).app
	for command, flags := range map[string]string{
		"serve":    "config dir name cluster listen data http peer token-file clients quorum voters advertise interface max-pixels ready-file json log-format",
		"encrypt":  "discover server local text text-file payload passphrase-file format spread strip-metadata output o force timeout token-file cluster json quiet q",
		"batch":    "discover server local text text-file payload passphrase-file format spread strip-metadata force timeout token-file cluster json quiet q output o jobs j report",
		"watch":    "discover server local text text-file payload passphrase-file format spread strip-metadata force timeout token-file cluster json quiet q jobs j interval once",
		"decrypt":  "passphrase-file format output o json",
		"capacity": "json",
		"demo":     "nodes no-kill keep json",
		"status":   "server token-file cluster timeout json",
		"discover": "server token-file cluster timeout json",
		"token":    "new peer client dir token-file json",
		"version":  "json",
	} {
		c := commandNamed(app.Commands, command)
		if c == nil {
			t.Errorf("there is no command %s", command)
			continue
		}
		for _, name := range strings.Fields(flags) {
			if flagNamed(c.Flags, name) == nil {
				t.Errorf("%s has no flag %s", command, name)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"serve", "encrypt", "decrypt", "status", "discover"}
	for typed, want := range map[string]string{
		"sevre": "serve", "encript": "encrypt", "stats": "status", "discovr": "discover", "zzzzzz": "", "": "",
	} {
		if got := nearest(typed, words); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

// FuzzArrange: whatever is typed, arranging it once is enough, and no word is lost.
func FuzzArrange(f *testing.F) {
	for _, line := range []string{"encrypt a --text b", "-q decrypt -", "config show --", "token --peer=1 x", "encrypt -qo", "--", "help -x"} {
		f.Add(line)
	}
	var out bytes.Buffer
	app := newProgram(nil, &out, &out).app
	f.Fuzz(func(t *testing.T, line string) {
		inv, err := arrange(app, append([]string{"p2pnode"}, strings.Split(line, " ")...))
		if err != nil {
			return
		}
		again, err := arrange(app, inv.args)
		if err != nil || !slices.Equal(again.args, inv.args) {
			t.Fatalf("%q became %q, and that %q (%v)", line, inv.args, again.args, err)
		}
	})
}

func TestNumbersOfAnySizeAreWhole(t *testing.T) {
	for n, want := range map[int64]int{7: 7, -7: -7, math.MaxInt64: math.MaxInt, math.MinInt64: math.MinInt} {
		if got := whole(n); got != want {
			t.Errorf("whole(%d) = %d, want %d", n, got, want)
		}
	}
}
