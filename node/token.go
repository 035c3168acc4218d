package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"p2pnode/wire"
)

// What can be wrong with a token. The errors of ParseToken wrap one of these and never show the token.
var (
	ErrTokenKind    = errors.New("node: not a p2pnode token")
	ErrTokenVersion = errors.New("node: token of a version unknown to this program")
	ErrTokenCut     = errors.New("node: token is cut off")
	ErrTokenLong    = errors.New("node: token has something after its end")
	ErrTokenTypo    = errors.New("node: token is mistyped")
)

const (
	peerPrefix   = "p2pnode-peer-"
	clientPrefix = "p2pnode-client-"
	tokenVersion = "1-"
	tokenCheck   = 4 // bytes of checksum
)

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token lets its holder into a cluster: as a server and as a client if Secret is set, else as a client.
type Token struct {
	Secret    *Secret           // of a peer token
	Client    wire.Key          // K_client
	Authority ed25519.PublicKey // the cluster's CA
}

// PeerToken returns the text that makes a server a member of the cluster.
func PeerToken(s Secret) string { return tokenOf(peerPrefix, s[:]) }

// ClientToken returns the text that lets a client submit jobs and recognise the cluster, and no more.
func ClientToken(s Secret) (string, error) {
	id, err := NewIdentity(s)
	if err != nil {
		return "", err
	}
	return tokenOf(clientPrefix, append(bytes.Clone(id.Client[:]), id.Authority...)), nil
}

func tokenOf(prefix string, content []byte) string {
	return prefix + tokenVersion + tokenText.EncodeToString(append(bytes.Clone(content), checkOf(prefix, content)...))
}

func checkOf(prefix string, content []byte) []byte {
	sum := sha256.Sum256(append([]byte(prefix+tokenVersion), content...))
	return sum[:tokenCheck]
}

// ParseTokens reads the tokens of a file: one of either kind or, while a cluster's secret is rotated, several peer tokens, of
// which the first is spoken and the others are accepted. Lines that begin with # are not read.
func ParseTokens(text string) ([]Token, error) {
	pieces := splitTokens(text)
	if len(pieces) > MaxSecrets {
		return nil, fmt.Errorf("%w: %d tokens", ErrManySecrets, len(pieces))
	}
	var all []Token
	var secrets []Secret
	for n, piece := range pieces {
		t, err := ParseToken(piece)
		switch {
		case err == nil:
		case len(pieces) > 1:
			return nil, fmt.Errorf("token %d: %w", n+1, err)
		default:
			return nil, err
		}
		if t.Secret == nil && len(pieces) > 1 {
			return nil, fmt.Errorf("%w for this place: token %d is a client token, and several are peer tokens", ErrTokenKind, n+1)
		}
		if t.Secret != nil {
			secrets = append(secrets, *t.Secret)
		}
		all = append(all, t)
	}
	return all, CheckSecrets(secrets)
}

// splitTokens takes a text apart where tokens begin. What is before the first belongs to it, so that nothing is overlooked.
func splitTokens(text string) (pieces []string) {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept = append(kept, line)
		}
	}
	const begin = "p2pnode-" // no token has it in its middle: there are no hyphens
	rest := strings.ToLower(strings.Join(strings.FieldsFunc(strings.Join(kept, ""), unicode.IsSpace), ""))
	for {
		i := strings.Index(rest[min(1, len(rest)):], begin)
		if i < 0 {
			return append(pieces, rest)
		}
		pieces, rest = append(pieces, rest[:i+1]), rest[i+1:]
	}
}

// ParseToken reads either kind of token. Spaces and line ends anywhere in it, and its case, do not matter.
func ParseToken(text string) (Token, error) {
	text = strings.ToLower(strings.Join(strings.FieldsFunc(text, unicode.IsSpace), ""))
	if rest, ok := strings.CutPrefix(text, peerPrefix); ok {
		return parsePeerToken(rest)
	}
	if rest, ok := strings.CutPrefix(text, clientPrefix); ok {
		return parseClientToken(rest)
	}
	if text == "" {
		return Token{}, fmt.Errorf("%w: it is empty", ErrTokenCut)
	}
	if strings.HasPrefix(peerPrefix, text) || strings.HasPrefix(clientPrefix, text) {
		return Token{}, fmt.Errorf("%w: only its beginning is there", ErrTokenCut)
	}
	return Token{}, fmt.Errorf("%w: one begins with %s1- or %s1-", ErrTokenKind, peerPrefix, clientPrefix)
}

func parsePeerToken(text string) (Token, error) {
	content, err := tokenContent(peerPrefix, text, len(Secret{}))
	if err != nil {
		return Token{}, err
	}
	s := Secret(content)
	id, err := NewIdentity(s)
	if err != nil {
		return Token{}, err
	}
	return Token{Secret: &s, Client: id.Client, Authority: id.Authority}, nil
}

func parseClientToken(text string) (t Token, err error) {
	content, err := tokenContent(clientPrefix, text, len(wire.Key{})+ed25519.PublicKeySize)
	if err != nil {
		return Token{}, err
	}
	n := copy(t.Client[:], content)
	t.Authority = ed25519.PublicKey(content[n:])
	return t, nil
}

// tokenContent decodes what follows a token's prefix: its version and n bytes with their checksum.
func tokenContent(prefix, text string, n int) ([]byte, error) {
	version, text, _ := strings.Cut(text, "-")
	if version+"-" != tokenVersion {
		return nil, fmt.Errorf("%w: it is of another release, or cut off after %s", ErrTokenVersion, prefix)
	}
	want := tokenText.EncodedLen(n + tokenCheck)
	switch {
	case len(text) < want:
		return nil, fmt.Errorf("%w: %d of %d characters after %s%s", ErrTokenCut, len(text), want, prefix, tokenVersion)
	case len(text) > want:
		return nil, fmt.Errorf("%w: %d characters too many", ErrTokenLong, len(text)-want)
	}
	p, err := tokenText.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it has a character other than a-z and 2-7", ErrTokenTypo)
	}
	content, check := p[:n], p[n:]
	if !bytes.Equal(check, checkOf(prefix, content)) || tokenText.EncodeToString(p) != text {
		return nil, fmt.Errorf("%w: its checksum does not agree", ErrTokenTypo)
	}
	return content, nil
}

// Cluster returns the id of the token's cluster.
func (t Token) Cluster() wire.ClusterID { return ClusterOf(t.Authority) }
