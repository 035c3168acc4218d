package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"p2pnode/node"
	"p2pnode/wire"
)

// homes is where a user's servers keep their stores, each in a directory of its
// name. Servers of one user and one cluster name share that cluster's secret, so a
// second `serve` on a host is a member of the first one's cluster.
type homes struct{ base string }

// home is one server's place.
type home struct {
	dir, name, cluster string
	secret             node.Secret
	also               []node.Secret // accepted besides
	founded            bool          // the secret is new: this server founds a cluster
	release            func()        // gives the name back
}

// wish is what the command line says of a server's home. Empty: whatever fits.
type wish struct {
	dir, name, cluster string
	secret             *node.Secret  // of the token, or of the first of several
	also               []node.Secret // of the others
}

// serves reports whether the wish is for the cluster of a directory that keeps secrets: its secret is the token's, or one
// that the token file still accepts (PROTOCOL.md §5.1).
func (w wish) serves(held []node.Secret) bool {
	return w.secret == nil || held[0] == *w.secret || slices.Contains(w.also, held[0])
}

// named refuses names that no message may carry, before anything is made of them.
func (w wish) named() error {
	for _, err := range []error{wire.CheckName("name", w.name), wire.CheckName("cluster name", w.cluster)} {
		if err != nil {
			return usagef("%s: --name and --cluster take up to 64 bytes of text that shows as it is", plain(err))
		}
	}
	return nil
}

// about is the file in a home that remembers what no secret says.
type about struct {
	Name    string `toml:"name"`
	Cluster string `toml:"cluster"`
}

const (
	aboutFile      = "node.toml"
	defaultCluster = "p2pnode"
	namesDir       = ".names"
)

// dataHome is the directory of everything this user keeps.
func dataHome(env environment) string {
	if dir, ok := env("XDG_DATA_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "p2pnode")
	}
	if dir, err := os.UserHomeDir(); err == nil {
		return filepath.Join(dir, ".local", "share", "p2pnode")
	}
	return filepath.Join(os.TempDir(), "p2pnode-"+strconv.Itoa(os.Getuid()))
}

// open finds or makes the home that w asks for. One process does so at a time, so
// that two started together agree on one secret.
func (h homes) open(w wish) (home, error) {
	if err := os.MkdirAll(filepath.Join(h.base, namesDir), 0o700); err != nil {
		return home{}, err
	}
	unlock, err := lockFile(filepath.Join(h.base, ".lock"), true)
	if err != nil {
		return home{}, err
	}
	defer unlock()
	place, err := h.place(w)
	if err != nil {
		return home{}, err
	}
	if err := h.equip(&place, w); err != nil {
		place.release()
		return home{}, err
	}
	return place, nil
}

// place chooses name and directory and claims the name.
func (h homes) place(w wish) (home, error) {
	if w.dir != "" {
		name := cmp.Or(w.name, readAbout(w.dir).Name)
		if name != "" {
			release, _ := h.claim(name)
			return home{dir: w.dir, name: name, release: release}, nil
		}
		return h.unnamed(w.dir), nil
	}
	if w.name != "" {
		if w.name != filepath.Base(w.name) || strings.HasPrefix(w.name, ".") {
			return home{}, usagef("--name %q cannot be a directory's name", w.name).next("--dir D")
		}
		release, _ := h.claim(w.name)
		return home{dir: filepath.Join(h.base, w.name), name: w.name, release: release}, nil
	}
	return h.nextFree(w)
}

// unnamed names the server of an explicit directory after the host or, where
// another server of this user goes by that name, after host and directory.
func (h homes) unnamed(dir string) home {
	name := hostName()
	if release, ok := h.claim(name); ok {
		return home{dir: dir, name: name, release: release}
	}
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	name += "-" + filepath.Base(dir)
	release, _ := h.claim(name)
	return home{dir: dir, name: name, release: release}
}

// nextFree takes host, host-2, host-3 …: the first that no running server has and
// that belongs to no other cluster than wished.
func (h homes) nextFree(w wish) (home, error) {
	host := hostName()
	for i := 1; i < 1000; i++ {
		name := host
		if i > 1 {
			name = fmt.Sprintf("%s-%d", host, i)
		}
		dir := filepath.Join(h.base, name)
		held, err := node.LoadSecrets(dir)
		if err != nil {
			return home{}, configf("read %s: %w", dir, err)
		}
		if len(held) > 0 && (!w.serves(held) || (w.cluster != "" && readAbout(dir).Cluster != w.cluster)) {
			continue
		}
		if release, ok := h.claim(name); ok {
			return home{dir: dir, name: name, release: release}, nil
		}
	}
	return home{}, configf("no free server name left in %s", h.base).next("--name NAME")
}

// equip gives a home its cluster: the token's, its own, that of this user's other
// servers of the same cluster name, or a new one.
func (h homes) equip(place *home, w wish) error {
	place.cluster = cmp.Or(w.cluster, readAbout(place.dir).Cluster, defaultCluster)
	held, err := node.LoadSecrets(place.dir)
	switch {
	case err != nil:
		return configf("read %s: %w", place.dir, err)
	case len(held) > 0 && !w.serves(held):
		return configf("%s belongs to another cluster than the token, or the token file has left its secret out too early", place.dir).
			next("--dir ELSEWHERE, or another --name; while a secret is rotated, start once with the new and the old one first (p2pnode help token)")
	case w.secret != nil:
		place.secret, place.also = *w.secret, w.also
	case len(held) > 0:
		place.secret, place.also = held[0], held[1:]
	default:
		if place.secret, place.also, place.founded, err = h.inherit(w, place.cluster); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(place.dir, 0o700); err != nil {
		return err
	}
	if err := node.SaveSecret(place.dir, place.secret, place.also...); err != nil {
		return configf("write %s: %w", place.dir, err)
	}
	return writeAbout(*place)
}

// inherit returns the secrets of this user's cluster of a name, or a new one.
func (h homes) inherit(w wish, cluster string) (secret node.Secret, also []node.Secret, founded bool, err error) {
	if w.dir == "" {
		switch known := h.secrets(cluster); {
		case len(known) == 1:
			return known[0][0], known[0][1:], false, nil
		case len(known) > 1:
			return secret, nil, false, configf("%s holds servers of %d clusters named %s", h.base, len(known), cluster).
				next("--token-file F, or --cluster NAME")
		}
	}
	secret, err = node.NewSecret(rand.Reader)
	return secret, nil, true, err
}

// secrets lists the secrets of this user's clusters, of each those that one of its servers keeps; cluster empty: of all
// clusters. Servers whose secrets have one in common are of one cluster.
func (h homes) secrets(cluster string) (known [][]node.Secret) {
	entries, _ := os.ReadDir(h.base) // missing: no servers
	for _, e := range entries {
		dir := filepath.Join(h.base, e.Name())
		held, err := node.LoadSecrets(dir)
		related := func(other []node.Secret) bool {
			return slices.ContainsFunc(other, func(s node.Secret) bool { return slices.Contains(held, s) })
		}
		if err != nil || len(held) == 0 || slices.ContainsFunc(known, related) || (cluster != "" && readAbout(dir).Cluster != cluster) {
			continue
		}
		known = append(known, held)
	}
	return known
}

// secretFileOfUser finds the token file for `token --next`: that of a directory, of a named server, or of this user's only one.
func (h homes) secretFileOfUser(dir, name string) (string, error) {
	if dir == "" && name != "" {
		dir = filepath.Join(h.base, name)
	}
	if dir != "" {
		return node.SecretFile(dir), nil
	}
	found, _ := filepath.Glob(node.SecretFile(filepath.Join(h.base, "*"))) // the pattern is no bad one
	if len(found) != 1 {
		return "", configf("this user has %d servers in %s; one token file is to be rotated, and taken to all of them", len(found), h.base).
			next("p2pnode token --next --token-file FILE, or --dir D")
	}
	return found[0], nil
}

// secretOfUser finds the secret for `token`: of a directory, of a named server, or
// of the only cluster this user's servers have.
func (h homes) secretOfUser(dir, name string) (node.Secret, error) {
	if dir == "" && name != "" {
		dir = filepath.Join(h.base, name)
	}
	if dir != "" {
		secret, has, err := node.LoadSecret(dir)
		if err != nil {
			return secret, configf("read %s: %w", dir, err)
		}
		if !has {
			return secret, configf("%s holds no cluster", dir).next("p2pnode serve, or p2pnode token --new")
		}
		return secret, nil
	}
	switch known := h.secrets(""); len(known) {
	case 0:
		return node.Secret{}, configf("no cluster in %s", h.base).next("p2pnode serve, or p2pnode token --new")
	case 1:
		return known[0][0], nil
	}
	return node.Secret{}, configf("%s holds servers of several clusters", h.base).next("p2pnode token … --name SERVER")
}

// claim takes a name for the life of this process; false: another one has it.
func (h homes) claim(name string) (release func(), ok bool) {
	release, err := lockFile(filepath.Join(h.base, namesDir, filepath.Base(name)), false)
	if err != nil {
		return func() {}, false
	}
	return release, true
}

func readAbout(dir string) (a about) {
	if _, err := toml.DecodeFile(filepath.Join(dir, aboutFile), &a); err != nil {
		return about{}
	}
	return a
}

func writeAbout(place home) error {
	now := about{Name: place.name, Cluster: place.cluster}
	if readAbout(place.dir) == now {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(place.dir, aboutFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return toml.NewEncoder(f).Encode(now)
}

// hostName is this machine's short name.
func hostName() string {
	name, err := os.Hostname()
	name, _, _ = strings.Cut(name, ".")
	if err != nil || name == "" || len(name) > 48 {
		return "node"
	}
	return name
}
