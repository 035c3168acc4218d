package node

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"p2pnode/wire"
)

// vouched is says of a server whose cluster, of seed, has succeeded that of former, by whose word.
func (s *seeking) vouched(from, seed, former, word byte) wire.LeaderResponse {
	m := s.says(from, from, 5, seed)
	w := identityOf(s.t, word).succeeded(identityOf(s.t, seed))
	m.Kin = []wire.Kin{{Authority: identityOf(s.t, former).Authority, Statement: w.statement}}
	return m
}

// besides is says of a server that accepts the secret of also besides.
func (s *seeking) besides(from, seed, also byte) wire.LeaderResponse {
	m := s.says(from, from, 5, seed)
	m.Kin = []wire.Kin{{Authority: identityOf(s.t, also).Authority}}
	return m
}

// What a client makes of a cluster that changes its secret from 1 to 2, at every stage and whatever it knows.
func TestSearchGoesByTheSuccessor(t *testing.T) {
	knows := func(seeds ...byte) (tr trust) {
		for _, n := range seeds {
			tr.known = append(tr.known, pinOf(t, n, "home"))
		}
		return tr
	}
	for _, c := range []struct {
		name   string
		trust  trust
		hear   func(s *seeking)
		want   byte // seed of the cluster that is used; zero: none
		former byte // of the one whose place it takes; zero: none
	}{
		{"the old is known, and still spoken", knows(1), func(s *seeking) { s.hear(1, s.besides(1, 1, 2)) }, 1, 0},
		{"the old is known, the new spoken", knows(1), func(s *seeking) { s.hear(1, s.vouched(1, 2, 1, 1)) }, 2, 1},
		{"the new is known, and not spoken yet", knows(2), func(s *seeking) { s.hear(1, s.besides(1, 1, 2)) }, 2, 0},
		{"the new is known", knows(2), func(s *seeking) { s.hear(1, s.vouched(1, 2, 1, 1)) }, 2, 0},
		{"some speak the old, then some the new", knows(1), func(s *seeking) {
			s.hear(1, s.besides(1, 1, 2))
			s.hear(2, s.vouched(2, 2, 1, 1))
		}, 2, 1},
		{"some speak the new, then some the old", knows(1), func(s *seeking) {
			s.hear(2, s.vouched(2, 2, 1, 1))
			s.hear(1, s.besides(1, 1, 2))
		}, 2, 1},
		{"nothing is known, some speak the old", knows(), func(s *seeking) {
			s.hear(1, s.besides(1, 1, 2))
			s.hear(2, s.vouched(2, 2, 1, 1))
		}, 2, 0},
		{"a new node that has no statement", knows(1), func(s *seeking) { s.hear(1, s.besides(1, 2, 1)) }, 1, 0},
		{"a stranger's word for itself", knows(1), func(s *seeking) { s.hear(1, s.vouched(1, 3, 1, 3)) }, 0, 0},
		{"the word for another, in a stranger's mouth", knows(1), func(s *seeking) {
			m := s.vouched(1, 2, 1, 1)
			m.Authority, m.Cluster = identityOf(t, 3).Authority, identityOf(t, 3).Cluster
			s.hear(1, m)
		}, 0, 0},
		{"the word of one that is not known", knows(1), func(s *seeking) { s.hear(1, s.vouched(1, 3, 2, 2)) }, 0, 0},
		{"back to the old", knows(2), func(s *seeking) { s.hear(1, s.vouched(1, 1, 2, 2)) }, 1, 2},
		{"a client with a token", trust{token: identityOf(t, 1).Cluster}, func(s *seeking) { s.hear(1, s.vouched(1, 2, 1, 1)) }, 0, 0},
	} {
		s := newSeeking(t, c.trust)
		c.hear(s)
		s.wait(settleAfter + time.Millisecond)
		var got, former wire.ClusterID
		if l := s.leader(); l != nil {
			a := s.contact(l)
			if got = a.Cluster.ID; got != ClusterOf(a.Authority) {
				t.Errorf("%s: cluster %v under another authority", c.name, got)
			}
			former = a.Former
		}
		if got != clusterOfSeed(t, c.want) || former != clusterOfSeed(t, c.former) {
			t.Errorf("%s: cluster %v after %v, want %v after %v", c.name, got, former, clusterOfSeed(t, c.want), clusterOfSeed(t, c.former))
		}
	}
}

func clusterOfSeed(t *testing.T, seed byte) (id wire.ClusterID) {
	if seed == 0 {
		return id
	}
	return identityOf(t, seed).Cluster
}

// Statements that are false cost a bounded number of checks, and true ones a bounded table.
func TestSearchChecksFewStatements(t *testing.T) {
	s := newSeeking(t, trust{known: []Pin{pinOf(t, 1, "home")}})
	for range 2 * maxLies {
		s.hear(1, s.vouched(1, 3, 1, 3))
	}
	if s.lies != maxLies {
		t.Errorf("%d false statements were checked, want %d", s.lies, maxLies)
	}
	s = newSeeking(t, trust{})
	for n := range byte(2 * maxHeirs) {
		s.hear(1, s.vouched(1, 2, 10+n, 10+n))
	}
	if len(s.heirs) != maxHeirs {
		t.Errorf("%d successions are believed, want %d", len(s.heirs), maxHeirs)
	}
}

func TestPinsOfASuccessorTakeThePlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	text := "# mine\n" + pinOf(t, 1, "home").line() + pinOf(t, 3, "lab").line()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := openPins(t, path)
	for range 2 { // a second time changes nothing
		if err := p.Replace(pinOf(t, 1, "").Cluster, pinOf(t, 2, "home")); err != nil {
			t.Fatal(err)
		}
		want := []Pin{pinOf(t, 3, "lab"), pinOf(t, 2, "home")}
		if got := p.Known(); !reflect.DeepEqual(got, want) {
			t.Errorf("Known() = %v, want %v", got, want)
		}
	}
	got, err := os.ReadFile(path)
	if want := "# mine\n" + pinOf(t, 3, "lab").line() + pinOf(t, 2, "home").line(); err != nil || string(got) != want {
		t.Errorf("the file is %q, %v, want %q", got, err, want)
	}
}

// What a store says of a succession is a valid statement, or none.
func TestStoreKeepsTheSuccession(t *testing.T) {
	dir := t.TempDir()
	s, snap := openStore(t, dir)
	if !snap.Heritage.isZero() {
		t.Errorf("a new store has %v", snap.Heritage)
	}
	want := identityOf(t, 1).succeeded(identityOf(t, 2))
	if err := s.succeed(want); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s, snap = openStore(t, dir)
	if !reflect.DeepEqual(snap.Heritage, want) || !snap.Heritage.valid() {
		t.Errorf("kept %v, want %v", snap.Heritage, want)
	}
	forged := identityOf(t, 3).succeeded(identityOf(t, 2))
	forged.former = identityOf(t, 1).Authority
	if err := s.succeed(forged); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s, snap = openStore(t, dir)
	defer closeStore(t, s)
	if !snap.Heritage.isZero() {
		t.Errorf("a statement of another is believed: %v", snap.Heritage)
	}
}
