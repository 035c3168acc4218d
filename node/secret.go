package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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

// LoadSecret reads the secret kept in a node's directory and reports whether there is one. With an *ExposedError the
// secret is returned all the same, and the caller decides.
func LoadSecret(dir string) (s Secret, found bool, err error) {
	path := filepath.Join(dir, secretFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Secret{}, false, nil
	}
	if err != nil {
		return Secret{}, false, fmt.Errorf("read the cluster secret: %w", err)
	}
	defer f.Close()
	var t Token
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err == nil {
		t, err = ParseToken(string(text))
	}
	if err == nil && t.Secret == nil {
		err = fmt.Errorf("%w: a client token, where a peer token belongs", ErrTokenKind)
	}
	if err != nil {
		return Secret{}, false, fmt.Errorf("read the cluster secret %s: %w", path, err)
	}
	return *t.Secret, true, exposed(f)
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

// SaveSecret keeps a secret in a node's directory, which is made if needed. Keeping the same one again is no error;
// another one is never overwritten: ErrSecretExists.
func SaveSecret(dir string, s Secret) error {
	if s.IsZero() {
		return errors.New("node: no cluster secret")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the cluster secret: %w", err)
	}
	path := filepath.Join(dir, secretFile)
	err := createFile(path, []byte(PeerToken(s)+"\n"))
	if errors.Is(err, fs.ErrExist) {
		return sameSecret(dir, s)
	}
	if err != nil {
		return fmt.Errorf("keep the cluster secret: %w", err)
	}
	return nil
}

func sameSecret(dir string, s Secret) error {
	held, found, err := LoadSecret(dir)
	if found && held == s {
		return nil
	}
	if found {
		return fmt.Errorf("%w: %s", ErrSecretExists, filepath.Join(dir, secretFile))
	}
	return err
}
