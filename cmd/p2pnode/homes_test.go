package main

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"p2pnode/node"
	"p2pnode/wire"
)

func mustOpen(t *testing.T, h homes, w wish) home {
	t.Helper()
	place, err := h.open(w)
	if err != nil {
		t.Fatalf("open(%+v): %v", w, err)
	}
	t.Cleanup(place.release)
	return place
}

func newSecret(t *testing.T) *node.Secret {
	t.Helper()
	s, err := node.NewSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestSecondServerJoinsTheFirst(t *testing.T) {
	h := homes{t.TempDir()}
	first := mustOpen(t, h, wish{})
	second := mustOpen(t, h, wish{})
	if first.name == second.name || first.dir == second.dir {
		t.Errorf("both are %s in %s", first.name, first.dir)
	}
	if first.secret != second.secret || !first.founded || second.founded {
		t.Errorf("second founded %v, same secret %v; want a member of the first's cluster", second.founded, first.secret == second.secret)
	}
	second.release()
	if again := mustOpen(t, h, wish{}); again.name != second.name || again.secret != first.secret {
		t.Errorf("started again it is %s, want %s in the same cluster", again.name, second.name)
	}
}

func TestServersStartedAtOnceAgree(t *testing.T) {
	h := homes{t.TempDir()}
	places := make([]home, 8)
	var all sync.WaitGroup
	for i := range places {
		all.Go(func() { places[i], _ = h.open(wish{}) })
	}
	all.Wait()
	names := map[string]bool{}
	for _, p := range places {
		if p.secret != places[0].secret || p.secret.IsZero() {
			t.Errorf("%s has a secret of its own", p.name)
		}
		names[p.name] = true
		p.release()
	}
	if len(names) != len(places) {
		t.Errorf("%d names for %d servers", len(names), len(places))
	}
}

func TestClusterNamesKeepClustersApart(t *testing.T) {
	h := homes{t.TempDir()}
	lab := mustOpen(t, h, wish{name: "a", cluster: "lab"})
	office := mustOpen(t, h, wish{name: "b", cluster: "office"})
	other := mustOpen(t, h, wish{name: "c", cluster: "lab"})
	if lab.secret == office.secret || lab.secret != other.secret {
		t.Error("want one secret for lab and another for office")
	}
	if bare := mustOpen(t, h, wish{cluster: "office"}); bare.secret != office.secret {
		t.Error("a further server of office does not join it")
	}
}

func TestTokenWinsOverThisUsersCluster(t *testing.T) {
	h := homes{t.TempDir()}
	own := mustOpen(t, h, wish{})
	own.release()
	token := newSecret(t)
	joined := mustOpen(t, h, wish{secret: token})
	if joined.secret != *token || joined.dir == own.dir {
		t.Errorf("with a token it uses %s; want a directory of that cluster", joined.dir)
	}
	_, err := h.open(wish{secret: newSecret(t), dir: own.dir})
	if f, ok := errors.AsType[*failure](err); !ok || f.Code != wire.CodeConfig {
		t.Errorf("another cluster's token for a used directory: got %v, want CONFIG", err)
	}
}

func TestDirectoriesGetTheirOwnNames(t *testing.T) {
	h, dir := homes{t.TempDir()}, t.TempDir()
	secret := newSecret(t)
	a := mustOpen(t, h, wish{dir: filepath.Join(dir, "a"), secret: secret})
	b := mustOpen(t, h, wish{dir: filepath.Join(dir, "b"), secret: secret})
	if a.name == b.name {
		t.Errorf("two servers of one host are both %s", a.name)
	}
	b.release()
	a.release()
	if again := mustOpen(t, h, wish{dir: filepath.Join(dir, "b"), secret: secret}); again.name != b.name {
		t.Errorf("started again it is %s, want %s", again.name, b.name)
	}
}

func TestTokenOfThisUsersServers(t *testing.T) {
	h := homes{t.TempDir()}
	if _, err := h.secretOfUser("", ""); err == nil {
		t.Error("a secret is found where there is none")
	}
	a := mustOpen(t, h, wish{name: "a", cluster: "one"})
	if got, err := h.secretOfUser("", ""); err != nil || got != a.secret {
		t.Errorf("secretOfUser() = %v, want the only cluster's", err)
	}
	b := mustOpen(t, h, wish{name: "b", cluster: "two"})
	if _, err := h.secretOfUser("", ""); err == nil {
		t.Error("one of two clusters is taken without asking")
	}
	if got, err := h.secretOfUser("", "b"); err != nil || got != b.secret {
		t.Errorf("secretOfUser(b) = %v, want b's", err)
	}
	if got, err := h.secretOfUser(a.dir, ""); err != nil || got != a.secret {
		t.Errorf("secretOfUser(dir of a) = %v, want a's", err)
	}
}

// A directory goes along while its cluster's secret is rotated, one stage after the other, and not past one.
func TestDirectoryFollowsARotation(t *testing.T) {
	h, dir := homes{t.TempDir()}, t.TempDir()
	old, next := newSecret(t), newSecret(t)
	open := func(secrets ...node.Secret) error {
		place, err := h.open(wish{dir: dir, secret: &secrets[0], also: secrets[1:]})
		if err != nil {
			return err
		}
		defer place.release()
		if place.secret != secrets[0] || !slices.Equal(place.also, secrets[1:]) {
			t.Errorf("it speaks another secret than the first of %d", len(secrets))
		}
		if bare := mustOpen(t, h, wish{dir: dir}); bare.secret != secrets[0] || !slices.Equal(bare.also, secrets[1:]) {
			t.Error("without the token file it is another cluster's")
		}
		return nil
	}
	for _, stage := range [][]node.Secret{{*old}, {*old, *next}, {*next, *old}, {*next}} {
		if err := open(stage...); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(stage, []node.Secret{*old, *next}) {
			if err := open(*next); err == nil {
				t.Error("it goes past the second stage")
			}
		}
	}
	if err := open(*old, *newSecret(t)); err == nil {
		t.Error("it goes back")
	}
}
