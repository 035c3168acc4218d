package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A token file goes through the stages of a rotation and ends with the new secret alone; servers can read each.
func TestTokenFileGoesThroughTheStages(t *testing.T) {
	path, old, next := filepath.Join(t.TempDir(), "peer.token"), secretOf(1), secretOf(2)
	if err := os.WriteFile(path, []byte(PeerToken(old)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]Secret{{old, next}, {next, old}, {next}} {
		r, err := LoadRotation(path)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = r.Next(bytes.NewReader(next[:])); err != nil {
			t.Fatal(err)
		}
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.Secrets, want) || r.Stage != (i+1)%RotationStages {
			t.Errorf("stage %d: %d secrets, stage said %d", i+1, len(r.Secrets), r.Stage)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseSecrets(string(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("stage %d: the file has %d secrets, %v", i+1, len(got), err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("stage %d: mode %v, %v, want 0600", i+1, info.Mode(), err)
		}
	}
}

func TestTokenFileWithoutAStageIsRefused(t *testing.T) {
	two := peerTokens([]Secret{secretOf(1), secretOf(2)})
	for _, text := range []string{two, stageLine + "3 of 3\n" + two, stageLine + "x\n" + two, stageLine + "1 of 3\n" + two + PeerToken(secretOf(3))} {
		if r, err := ParseRotation(text); !errors.Is(err, ErrNoStage) {
			t.Errorf("%d tokens are stage %d: %v, want ErrNoStage", strings.Count(text, "p2pnode-peer"), r.Stage, err)
		}
	}
	if r, err := ParseRotation(stageLine + "2 of 3\n" + PeerToken(secretOf(1))); err != nil || r.Stage != 0 {
		t.Errorf("one token is stage %d: %v, want none", r.Stage, err)
	}
	client, err := ClientToken(secretOf(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseRotation(client); !errors.Is(err, ErrTokenKind) {
		t.Errorf("a client token: %v, want ErrTokenKind", err)
	}
}
