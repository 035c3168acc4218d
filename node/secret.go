package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// secretFile holds the peer token, the same text that --token-file takes.
const secretFile = "secret"

// ErrSecretExists is returned by SaveSecret where another secret is kept already.
var ErrSecretExists = errors.New("node: the directory holds the secret of another cluster")

// ExposedError says that others than the owner may read or change a secret's file.
type ExposedError struct {
	Path string
	Mode fs.FileMode
}

func (e *ExposedError) Error() string {
	return fmt.Sprintf("node: %s is open to other users (mode %04o); run: chmod 600 %[1]s", e.Path, e.Mode.Perm())
}

// LoadSecret reads the secret kept in a node's directory, of several the one spoken, and reports whether there is one. With
// an *ExposedError the secret is returned all the same, and the caller decides.
func LoadSecret(dir string) (s Secret, found bool, err error) {
	all, err := LoadSecrets(dir)
	if len(all) == 0 {
		return Secret{}, false, err
	}
	return all[0], true, err
}

// LoadSecrets is LoadSecret for all secrets kept, the one spoken first; nil: there is none.
func LoadSecrets(dir string) ([]Secret, error) {
	path := filepath.Join(dir, secretFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cluster secret: %w", err)
	}
	defer f.Close()
	var all []Secret
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err == nil {
		all, err = parseSecrets(string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("read the cluster secret %s: %w", path, err)
	}
	return all, exposed(f)
}

// parseSecrets reads peer tokens.
func parseSecrets(text string) (all []Secret, err error) {
	tokens, err := ParseTokens(text)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if t.Secret == nil {
			return nil, fmt.Errorf("%w: a client token, where a peer token belongs", ErrTokenKind)
		}
		all = append(all, *t.Secret)
	}
	return all, nil
}

func exposed(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the cluster secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return &ExposedError{Path: f.Name(), Mode: info.Mode()}
	}
	return nil
}

// SaveSecret keeps a secret in a node's directory, which is made if needed, and others that are accepted besides. A secret
// kept before is replaced only if it is one of these: a rotation goes on. Any other is never overwritten: ErrSecretExists.
func SaveSecret(dir string, s Secret, also ...Secret) error {
	all := append([]Secret{s}, also...)
	if slices.ContainsFunc(all, Secret.IsZero) {
		return errors.New("node: no cluster secret")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the cluster secret: %w", err)
	}
	same, err := succeeds(dir, all)
	if err == nil && !same { // a server starts on a full disk, too, if there is nothing to write
		err = keepSecrets(dir, all)
	}
	if err != nil {
		return fmt.Errorf("keep the cluster secret: %w", err)
	}
	return nil
}

// keepSecrets writes the file anew; if there is none yet, it overwrites none that appears meanwhile.
func keepSecrets(dir string, all []Secret) error {
	path, content := filepath.Join(dir, secretFile), []byte(peerTokens(all))
	err := createFile(path, content)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	same, err := succeeds(dir, all)
	if err != nil || same {
		return err
	}
	return replaceFile(path, content)
}

// peerTokens is a token file: a line for each secret.
func peerTokens(all []Secret) (text string) {
	for _, s := range all {
		text += PeerToken(s) + "\n"
	}
	return text
}

// succeeds says whether secrets are those kept in a directory, or else why they may not take their place.
func succeeds(dir string, all []Secret) (same bool, err error) {
	held, err := LoadSecrets(dir)
	switch {
	case len(held) == 0:
		return false, err
	case slices.Equal(held, all):
		return true, nil
	case !slices.Contains(all, held[0]):
		return false, fmt.Errorf("%w: %s", ErrSecretExists, filepath.Join(dir, secretFile))
	}
	return false, nil
}
