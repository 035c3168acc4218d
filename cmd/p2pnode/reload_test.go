package main

import (
	"slices"
	"testing"
)

// What SIGHUP changes and what waits for the next start is told apart, and a second look finds only the latter.
func TestChangedSettings(t *testing.T) {
	was := []setting{{Key: "max-owned", Value: 3}, {Key: "name", Value: "a"}, {Key: "peer", Value: []string{"h:1"}}, {Key: "quorum", Value: "available"}}
	is := []setting{{Key: "max-owned", Value: 4}, {Key: "name", Value: "b"}, {Key: "peer", Value: []string{"h:1"}}, {Key: "quorum", Value: "available"}}
	now, later := changedSettings(was, is)
	if !slices.Equal(now, []string{"max-owned"}) || !slices.Equal(later, []string{"name"}) {
		t.Errorf("changed now %v, later %v; want max-owned and name", now, later)
	}
	if now, later = changedSettings(merged(was, is), is); len(now) != 0 || !slices.Equal(later, []string{"name"}) {
		t.Errorf("after that: now %v, later %v; want nothing and name", now, later)
	}
}

// Every setting that can be reloaded is one of serve's.
func TestReloadableSettingsExist(t *testing.T) {
	serve := commandNamed(newProgram(nil, nil, nil).app.Commands, "serve")
	for _, key := range reloadable {
		if key != "peers" && flagNamed(serve.Flags, key) == nil {
			t.Errorf("serve has no flag --%s", key)
		}
	}
}
