package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"
)

// configFile is a TOML file read and checked. Its keys are the flags' names;
// [election] and [[peers]] stand beside them.
type configFile struct {
	path   string // empty: there is none
	values []configValue
	peers  []configPeer
}

// configValue is one key.
type configValue struct {
	key    string // as people know it: election.heartbeat_interval
	flag   string
	values []string
	line   int
}

// configPeer is one [[peers]] table.
type configPeer struct {
	ID      any    `toml:"id"` // an older name of Name: a number or a text
	Name    string `toml:"name"`
	Address string `toml:"address"`
}

// electionKeys are the keys of [election] and the flags they stand for.
var electionKeys = map[string]string{
	"heartbeat_interval": "heartbeat-interval",
	"suspect_timeout":    "suspect-timeout",
	"failure_timeout":    "failure-timeout",
	"election_timeout":   "election-timeout",
	"rotation":           "rotation",
}

// defaultConfig is where the configuration is looked for when nobody says where.
func defaultConfig(env environment) string {
	if dir, ok := env("XDG_CONFIG_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "p2pnode", "config.toml")
	}
	if home, ok := env("HOME"); ok && home != "" {
		return filepath.Join(home, ".config", "p2pnode", "config.toml")
	}
	return ""
}

// readConfig reads a file; one that nobody named may be missing.
func readConfig(path string, named bool, flags []cli.Flag) (*configFile, error) {
	if path == "" {
		return &configFile{}, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return &configFile{}, nil
	}
	if err != nil {
		return nil, configf("read configuration: %w", err)
	}
	return parseConfig(path, string(text), flags)
}

// parseConfig checks every key against the flags there are.
func parseConfig(path, text string, flags []cli.Flag) (*configFile, error) {
	f := &configFile{path: path}
	var tree map[string]any
	meta, err := toml.Decode(text, &tree)
	if bad, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, f.errorf(bad.Position.Line, "%s", bad.Message)
	}
	if err != nil {
		return nil, f.errorf(0, "%v", err)
	}
	lines := keyLines(text)
	for _, key := range meta.Keys() {
		if err := f.take(tree, key, lines[key.String()], flags); err != nil {
			return nil, err
		}
	}
	return f, f.takePeers(text, lines["peers"])
}

// take adds one key of the file.
func (f *configFile) take(tree map[string]any, key toml.Key, line int, flags []cli.Flag) error {
	if key[0] == "peers" || (len(key) == 1 && key[0] == "election") {
		return f.wellPlaced(tree, key, line)
	}
	flag, value := strings.ReplaceAll(key[0], "_", "-"), tree[key[0]]
	if key[0] == "election" {
		section, _ := tree["election"].(map[string]any)
		flag, value = electionKeys[key[1]], section[key[1]]
	}
	if known := flagNamed(flags, flag); known == nil || isDeed(known) || flag == "config" || len(key) > 2 || (len(key) == 2 && key[0] != "election") {
		return f.unknownKey(key, line, flags)
	}
	values, err := textsOf(value, isDuration(flagNamed(flags, flag)))
	if err != nil {
		return f.errorf(line, "%s: %v", key, err)
	}
	f.values = append(f.values, configValue{key: key.String(), flag: flag, values: values, line: line})
	return nil
}

// wellPlaced checks the two keys that are tables.
func (f *configFile) wellPlaced(tree map[string]any, key toml.Key, line int) error {
	if _, table := tree["election"].(map[string]any); key[0] == "election" && !table {
		return f.errorf(line, "election: a table [election] is wanted")
	}
	if _, tables := tree["peers"].([]map[string]any); key[0] == "peers" && !tables {
		return f.errorf(line, "peers: tables [[peers]] are wanted")
	}
	if len(key) > 1 && key[0] == "peers" && key[1] != "id" && key[1] != "name" && key[1] != "address" {
		return f.errorf(line, "unknown key %s: [[peers]] has id or name, and address", key)
	}
	return nil
}

func (f *configFile) unknownKey(key toml.Key, line int, flags []cli.Flag) error {
	known := append(flagNames(flags), "peers", "election")
	if key[0] == "election" {
		known = []string{}
		for k := range electionKeys {
			known = append(known, k)
		}
	}
	if near := nearest(key[len(key)-1], known); near != "" {
		return f.errorf(line, "unknown key %s: did you mean %s?", key, near)
	}
	return f.errorf(line, "unknown key %s", key)
}

// takePeers reads the [[peers]] tables.
func (f *configFile) takePeers(text string, line int) error {
	var doc struct {
		Peers []configPeer `toml:"peers"`
	}
	if _, err := toml.Decode(text, &doc); err != nil {
		return f.errorf(line, "peers: %v", err)
	}
	for i, p := range doc.Peers {
		if p.Name == "" && p.ID != nil {
			p.Name = fmt.Sprint(p.ID)
		}
		if p.Address == "" {
			return f.errorf(line, "peers: table %d has no address", i+1)
		}
		f.peers = append(f.peers, p)
	}
	return nil
}

// errorf is a mistake in the file, with its line where that is known.
func (f *configFile) errorf(line int, format string, args ...any) *failure {
	where := f.path
	if line > 0 {
		where += ":" + strconv.Itoa(line)
	}
	return configf("%s: %s", where, fmt.Sprintf(format, args...)).next("p2pnode config validate --config " + f.path)
}

// textsOf renders a TOML value as a flag's words. A bare number for a time is seconds.
func textsOf(value any, isTime bool) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case bool:
		return []string{strconv.FormatBool(v)}, nil
	case int64:
		if isTime {
			return []string{(time.Duration(v) * time.Second).String()}, nil
		}
		return []string{strconv.FormatInt(v, 10)}, nil
	case float64:
		if isTime {
			return []string{time.Duration(v * float64(time.Second)).String()}, nil
		}
		return []string{strconv.FormatFloat(v, 'g', -1, 64)}, nil
	case []any:
		var all []string
		for _, item := range v {
			words, err := textsOf(item, isTime)
			if err != nil || len(words) != 1 {
				return nil, fmt.Errorf("a list of texts is wanted")
			}
			all = append(all, words[0])
		}
		return all, nil
	}
	return nil, fmt.Errorf("a text, number, switch or list of texts is wanted")
}

func isDuration(f cli.Flag) bool {
	_, ok := f.(*cli.DurationFlag)
	return ok
}

// keyLines finds the line of each key, by reading the text as people do: headers
// and `key =` at the start of a line. The parser does not tell.
func keyLines(text string) map[string]int {
	lines, table := map[string]int{}, ""
	note := func(key string, line int) {
		if _, known := lines[key]; !known {
			lines[key] = line
		}
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			if end := strings.IndexByte(line, ']'); end > 0 {
				table = strings.Trim(line[:end], "[] ")
				note(table, i+1)
			}
			continue
		}
		if key, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			key = strings.Trim(strings.TrimSpace(key), `"'`)
			note(strings.TrimPrefix(table+"."+key, "."), i+1)
		}
	}
	return lines
}
