package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Rotation is a token file on its way from one secret to another (PROTOCOL.md §5.1). Every server is started anew with the
// file of each stage before any is with that of the next.
type Rotation struct {
	Stage   int      // 1: both are accepted, the old one is spoken; 2: the new one is spoken; 0: there is one secret only
	Secrets []Secret // of the file, the one spoken first
}

// RotationStages is how many stages a rotation has; the last one ends it.
const RotationStages = 3

// ErrNoStage means that a file holds several secrets and does not say how far their rotation is.
var ErrNoStage = errors.New("node: a file of several tokens that does not say at which stage its rotation is")

// stageLine is how a file says it.
const stageLine = "# p2pnode rotation, stage "

// ParseRotation reads a token file.
func ParseRotation(text string) (r Rotation, err error) {
	if r.Secrets, err = parseSecrets(text); err != nil {
		return Rotation{}, err
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), stageLine); ok {
			number, _, _ := strings.Cut(rest, " ")
			r.Stage, err = strconv.Atoi(number)
		}
	}
	switch one := len(r.Secrets) == 1; {
	case one: // whatever is said of a rotation, it is over
		r.Stage = 0
	case len(r.Secrets) != 2 || err != nil || r.Stage < 1 || r.Stage >= RotationStages:
		return Rotation{}, fmt.Errorf("%w: %d tokens; of two, a line %q says so", ErrNoStage, len(r.Secrets), stageLine+"1 of 3")
	}
	return r, nil
}

// Next is the stage that follows. A rotation begins with a secret drawn from entropy; nil: crypto/rand.
func (r Rotation) Next(entropy io.Reader) (Rotation, error) {
	switch r.Stage {
	case 1:
		return Rotation{2, []Secret{r.Secrets[1], r.Secrets[0]}}, nil
	case 2:
		return Rotation{0, r.Secrets[:1]}, nil
	}
	s, err := NewSecret(entropy)
	return Rotation{1, []Secret{r.Secrets[0], s}}, err
}

// Text is the token file of this stage.
func (r Rotation) Text() string {
	if r.Stage == 0 {
		return peerTokens(r.Secrets)
	}
	return fmt.Sprintf("%s%d of %d: the first of these tokens is spoken, all are accepted\n%s", stageLine, r.Stage, RotationStages, peerTokens(r.Secrets))
}

// LoadRotation reads the token file at a path.
func LoadRotation(path string) (Rotation, error) {
	f, err := os.Open(path)
	if err != nil {
		return Rotation{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return Rotation{}, err
	}
	return ParseRotation(string(text))
}

// Save replaces the token file at a path, whole and durably, with one of mode 0600. What was there is kept nowhere: a secret
// that is to go shall not lie about, and until it goes the file has it.
func (r Rotation) Save(path string) error { return replaceFile(path, []byte(r.Text())) }

// SecretFile is where a node's directory keeps its secret, as a token file.
func SecretFile(dir string) string { return filepath.Join(dir, secretFile) }
