package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestTokenSecretFileRoundTrips(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "node")
	if _, found, err := LoadSecret(dir); found || err != nil {
		t.Fatalf("LoadSecret of nothing = %v, %v", found, err)
	}
	if err := SaveSecret(dir, secretOf(1)); err != nil {
		t.Fatal(err)
	}
	if s, found, err := LoadSecret(dir); s != secretOf(1) || !found || err != nil {
		t.Fatalf("LoadSecret = %v, %v, %v", s == secretOf(1), found, err)
	}
	info, err := os.Stat(filepath.Join(dir, secretFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(dir, secretFile))
	if err != nil || string(text) != PeerToken(secretOf(1))+"\n" {
		t.Errorf("the file is no token file: %q, %v", text, err)
	}
}

func TestTokenSecretFileIsNeverReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := SaveSecret(dir, secretOf(1)); err != nil {
		t.Fatal(err)
	}
	if err := SaveSecret(dir, secretOf(1)); err != nil {
		t.Errorf("SaveSecret of the same: %v", err)
	}
	if err := SaveSecret(dir, secretOf(2)); !errors.Is(err, ErrSecretExists) {
		t.Errorf("SaveSecret of another: %v, want ErrSecretExists", err)
	}
	if s, _, _ := LoadSecret(dir); s != secretOf(1) {
		t.Error("the secret has changed")
	}
	if err := SaveSecret(t.TempDir(), Secret{}); err == nil {
		t.Error("SaveSecret of none: no error")
	}
}

func TestTokenSecretFileOfTwoAtOnceIsOneOfThem(t *testing.T) {
	dir := t.TempDir()
	errs := make([]error, 8)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = SaveSecret(dir, secretOf(byte(i+1))) })
	}
	group.Wait()
	s, found, err := LoadSecret(dir)
	if !found || err != nil {
		t.Fatalf("LoadSecret = %v, %v", found, err)
	}
	for i, err := range errs {
		if won := s == secretOf(byte(i+1)); won != (err == nil) {
			t.Errorf("SaveSecret %d = %v, and it is the one kept: %v", i, err, won)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTokenSecretFileOpenToOthersIsReported(t *testing.T) {
	dir := t.TempDir()
	if err := SaveSecret(dir, secretOf(1)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, secretFile)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	s, found, err := LoadSecret(dir)
	var exposed *ExposedError
	if s != secretOf(1) || !found || !errors.As(err, &exposed) || exposed.Path != path {
		t.Errorf("LoadSecret = %v, %v, %v, want the secret and an *ExposedError", s == secretOf(1), found, err)
	}
	if want := "chmod 600 " + path; !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
}

func TestTokenSecretFileThatIsNone(t *testing.T) {
	client, err := ClientToken(secretOf(1))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{"": ErrTokenCut, "hello": ErrTokenKind, client: ErrTokenKind, PeerToken(secretOf(1))[:30]: ErrTokenCut} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, secretFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, found, err := LoadSecret(dir)
		if found || !errors.Is(err, want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("LoadSecret of %q = %v, %v, want %v and the path", text, found, err, want)
		}
	}
}

// A directory goes through the stages of a rotation, and to no cluster that its secret is not accepted in.
func TestTokenSecretFileIsRotated(t *testing.T) {
	dir, old, next := t.TempDir(), secretOf(1), secretOf(2)
	for _, list := range [][]Secret{{old}, {old, next}, {next, old}, {next}} {
		if err := SaveSecret(dir, list[0], list[1:]...); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadSecrets(dir); err != nil || !slices.Equal(got, list) {
			t.Fatalf("LoadSecrets = %d secrets, %v; want the %d saved", len(got), err, len(list))
		}
	}
	if err := SaveSecret(dir, old); !errors.Is(err, ErrSecretExists) {
		t.Errorf("back to the old one alone: %v, want ErrSecretExists", err)
	}
	info, err := os.Stat(filepath.Join(dir, secretFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
}
