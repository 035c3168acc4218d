package node

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTokenRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Secret(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		if s.IsZero() {
			t.Skip("no secret")
		}
		id, err := NewIdentity(s)
		if err != nil {
			t.Fatal(err)
		}
		peer, err := ParseToken(PeerToken(s))
		if err != nil || peer.Secret == nil || *peer.Secret != s || peer.Client != id.Client || !peer.Authority.Equal(id.Authority) {
			t.Fatalf("ParseToken(PeerToken) = %+v, %v", peer, err)
		}
		text, err := ClientToken(s)
		if err != nil {
			t.Fatal(err)
		}
		client, err := ParseToken(text)
		if err != nil || client.Secret != nil || client.Client != id.Client || client.Cluster() != id.Cluster {
			t.Fatalf("ParseToken(ClientToken) = %+v, %v", client, err)
		}
	})
}

// Tokens in users' files have to stay readable.
func TestTokenTextIsFixed(t *testing.T) {
	if got, want := PeerToken(secretOf(1)), "p2pnode-peer-1-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeav3wmoru"; got != want {
		t.Errorf("PeerToken = %s, want %s", got, want)
	}
}

func TestTokenForgivesLayoutAndCase(t *testing.T) {
	text := PeerToken(secretOf(1))
	for _, s := range []string{text + "\n", "  " + text + "\r\n", strings.ToUpper(text), text[:20] + "\n" + text[20:]} {
		if got, err := ParseToken(s); err != nil || *got.Secret != secretOf(1) {
			t.Errorf("ParseToken(%q): %v", s, err)
		}
	}
}

func TestTokenErrorsSayWhatIsWrong(t *testing.T) {
	peer := PeerToken(secretOf(1))
	client, err := ClientToken(secretOf(1))
	if err != nil {
		t.Fatal(err)
	}
	content := strings.TrimPrefix(peer, "p2pnode-peer-1-")
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"empty", "", ErrTokenCut},
		{"prefix only", "p2pnode-peer-1-", ErrTokenCut},
		{"part of the prefix", "p2pnode-pe", ErrTokenCut},
		{"last character missing", peer[:len(peer)-1], ErrTokenCut},
		{"client token's last character missing", client[:len(client)-1], ErrTokenCut},
		{"doubled", peer + content, ErrTokenLong},
		{"something else", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", ErrTokenKind},
		{"other kind of ours", "p2pnode-admin-1-" + content, ErrTokenKind},
		{"later version", "p2pnode-peer-2-" + content, ErrTokenVersion},
		{"one kind's content under the other's name", "p2pnode-client-1-" + content, ErrTokenCut},
		{"digit that is none of ours", peer[:20] + "1" + peer[21:], ErrTokenTypo},
		{"two swapped", "p2pnode-peer-1-ab" + content[2:], ErrTokenTypo},
	} {
		if _, err := ParseToken(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: ParseToken = %v, want %v", c.name, err, c.want)
		} else if strings.Contains(err.Error(), content[:8]) {
			t.Errorf("%s: the error shows the token: %v", c.name, err)
		}
	}
}

func TestTokenAnyWrongCharacterIsNoticed(t *testing.T) {
	client, err := ClientToken(secretOf(3))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{client, PeerToken(secretOf(3))} {
		for i := strings.Index(text, "-1-") + 3; i < len(text); i++ {
			for _, c := range []byte("abcdefghijklmnopqrstuvwxyz234567") {
				wrong := []byte(text)
				if wrong[i] == c {
					continue
				}
				wrong[i] = c
				if _, err := ParseToken(string(wrong)); !errors.Is(err, ErrTokenTypo) {
					t.Fatalf("character %d of %d changed to %c: %v, want ErrTokenTypo", i, len(text), c, err)
				}
			}
		}
	}
}

func FuzzTokenParse(f *testing.F) {
	client, err := ClientToken(secretOf(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(PeerToken(secretOf(1)))
	f.Add(client)
	f.Add("p2pnode-peer-1-")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			return
		}
		again := tokenOf(clientPrefix, append(token.Client[:], token.Authority...))
		if token.Secret != nil {
			again = PeerToken(*token.Secret)
		}
		if !strings.EqualFold(again, strings.Join(strings.Fields(text), "")) {
			t.Errorf("%q and %q are one token", text, again)
		}
	})
}

// A file may hold several peer tokens, the spoken one first, in any layout that one token may have.
func TestTokenFileOfSeveral(t *testing.T) {
	a, b := PeerToken(secretOf(1)), PeerToken(secretOf(2))
	for _, text := range []string{a + "\n" + b + "\n", "# stage 1\n" + a + "\r\n  # more\n\n" + strings.ToUpper(b), a + b, a[:20] + "\n" + a[20:] + " " + b} {
		got, err := ParseTokens(text)
		if err != nil || len(got) != 2 || *got[0].Secret != secretOf(1) || *got[1].Secret != secretOf(2) {
			t.Errorf("ParseTokens(%q): %d tokens, %v", text, len(got), err)
		}
	}
	if got, err := ParseTokens(a); err != nil || len(got) != 1 || *got[0].Secret != secretOf(1) {
		t.Errorf("ParseTokens of one: %d tokens, %v", len(got), err)
	}
}

func TestTokenFileErrorsSayWhatIsWrong(t *testing.T) {
	token := func(n byte) string { return PeerToken(secretOf(n)) + "\n" }
	client, err := ClientToken(secretOf(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       error
		says       string
	}{
		{"four", token(1) + token(2) + token(3) + token(4), ErrManySecrets, "4 tokens"},
		{"one twice", token(1) + token(2) + token(1), ErrSecretTwice, "twice"},
		{"a client token among them", token(1) + client, ErrTokenKind, "token 2 is a client token"},
		{"client tokens", client + client, ErrTokenKind, "token 1 is a client token"},
		{"the second cut off", token(1) + token(2)[:40], ErrTokenCut, "token 2"},
		{"words between", token(1) + "and\n" + token(2), ErrTokenLong, "token 1"},
		{"words before", "and " + token(1), ErrTokenKind, "token 1"},
		{"nothing", "", ErrTokenCut, "empty"},
		{"only a comment", "# to do\n", ErrTokenCut, "empty"},
	} {
		_, err := ParseTokens(c.text)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v that says %q", c.name, err, c.want, c.says)
		}
		if err != nil && strings.Contains(err.Error(), token(1)[16:40]) {
			t.Errorf("%s: the error shows a token", c.name)
		}
	}
}
