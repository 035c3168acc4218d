package main

import (
	"bytes"
	"errors"
	"testing"

	"p2pnode/wire"
)

// FuzzConfig: any text either is a configuration or is refused as one.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"name = \"n1\"\n[election]\nheartbeat_interval = 1\n[[peers]]\nid = 1\naddress = \"a:1\"\n",
		"peers = 1", "election = 2", "[[election]]", "peer = [[\"a\"]]", "[name]\nx = 1", "text = 1979-05-27", "[[peers]]\nid = {}", "voters = [1, 2.5]",
	} {
		f.Add(text)
	}
	var out bytes.Buffer
	flags := everyFlag(newProgram(nil, &out, &out).app.Commands)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig("fuzz.toml", text, flags)
		if err != nil {
			if bad, ok := errors.AsType[*failure](err); !ok || bad.Code != wire.CodeConfig {
				t.Fatalf("parseConfig(%q): %v is no CONFIG failure", text, err)
			}
			return
		}
		for _, v := range c.values {
			if flagNamed(flags, v.flag) == nil {
				t.Fatalf("parseConfig(%q) sets unknown flag %s", text, v.flag)
			}
		}
	})
}

func TestKeyLines(t *testing.T) {
	lines := keyLines("a = 1\n# b = 2\n\n[election]\n heartbeat_interval = 3\n[[peers]]\naddress='x'\n[[peers]]\n'name' = 1\n")
	for key, want := range map[string]int{"a": 1, "b": 0, "election": 4, "election.heartbeat_interval": 5, "peers": 6, "peers.address": 7, "peers.name": 9} {
		if lines[key] != want {
			t.Errorf("line of %s is %d, want %d", key, lines[key], want)
		}
	}
}
