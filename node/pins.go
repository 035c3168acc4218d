package node

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"p2pnode/wire"
)

// Pin is a cluster that a client without a token has met and trusts from then on.
type Pin struct {
	Cluster   wire.ClusterID
	Label     string            // the cluster's name as it was first told; enters no decision of trust
	Authority ed25519.PublicKey // of which Cluster is the digest
	First     time.Time         // when it was first met, to the second
}

// PinError says what is wrong with one line of a known-clusters file.
type PinError struct {
	Path   string
	Line   int // from 1
	Reason string
}

func (e *PinError) Error() string {
	return fmt.Sprintf("node: known clusters %s:%d: %s", e.Path, e.Line, e.Reason)
}

// Pins is a known-clusters file: a line for each cluster, with its id, the CA's public key, the day it was met and its
// name in quotes. Empty lines, and lines that begin with #, are kept. It is safe for several goroutines and processes.
type Pins struct {
	path  string
	mu    sync.Mutex
	known []Pin // guarded by mu
}

// OpenPins reads a known-clusters file; one that is not there knows nobody.
func OpenPins(path string) (*Pins, error) {
	known, _, err := readPins(path)
	if err != nil {
		return nil, err
	}
	return &Pins{path: path, known: known}, nil
}

// Known returns the clusters in the order in which they were met.
func (p *Pins) Known() []Pin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.known)
}

// Pin adds a cluster to the file, if it is not known already.
func (p *Pins) Pin(pin Pin) error { return p.put(pin, wire.ClusterID{}) }

// Replace is Pin for a cluster that takes the place of another, its predecessor, which is known no more.
func (p *Pins) Replace(former wire.ClusterID, pin Pin) error { return p.put(pin, former) }

func (p *Pins) put(pin Pin, instead wire.ClusterID) error {
	if err := pin.valid(); err != nil {
		return fmt.Errorf("node: pin a cluster: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("pin cluster %s: %w", pin.Cluster, err)
	}
	unlock, err := lockFile(p.path + ".lock")
	if err != nil {
		return fmt.Errorf("pin cluster %s: %w", pin.Cluster, err)
	}
	defer unlock()
	return p.rewrite(pin, instead)
}

// rewrite reads the file again, since another process may have changed it, and writes it with a line for pin, and without
// the lines of the cluster that it stands for instead.
func (p *Pins) rewrite(pin Pin, instead wire.ClusterID) error {
	known, text, err := readPins(p.path)
	if err != nil {
		return err
	}
	kept := without(text, instead)
	known = slices.DeleteFunc(known, func(k Pin) bool { return k.Cluster == instead })
	if !slices.ContainsFunc(known, func(k Pin) bool { return k.Cluster == pin.Cluster }) {
		if len(kept) > 0 && !bytes.HasSuffix(kept, []byte("\n")) {
			kept = append(kept, '\n')
		}
		kept = append(kept, pin.line()...)
		pin.First = pin.First.UTC().Truncate(time.Second)
		known = append(known, pin)
	}
	if !bytes.Equal(kept, text) {
		if err := replaceFile(p.path, kept); err != nil {
			return fmt.Errorf("pin cluster %s: %w", pin.Cluster, err)
		}
	}
	p.known = known
	return nil
}

// without leaves the lines of a cluster out of a known-clusters file.
func without(text []byte, id wire.ClusterID) (kept []byte) {
	for line := range bytes.Lines(text) {
		if held, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" ")); !bytes.EqualFold(held, []byte(id.String())) {
			kept = append(kept, line...)
		}
	}
	return kept
}

func (p Pin) line() string {
	return fmt.Sprintf("%s %s %s %s\n", p.Cluster, hex.EncodeToString(p.Authority), p.First.UTC().Format(time.RFC3339), strconv.QuoteToASCII(p.Label))
}

func (p Pin) valid() error {
	switch {
	case len(p.Authority) != ed25519.PublicKeySize:
		return fmt.Errorf("public key of %d bytes, want %d", len(p.Authority), ed25519.PublicKeySize)
	case ClusterOf(p.Authority) != p.Cluster:
		return fmt.Errorf("the public key is not that of cluster %s", p.Cluster)
	case len(p.Label) > maxClient:
		return errors.New("cluster name is too long")
	}
	return nil
}

// readPins returns the clusters of a file and the file as it is.
func readPins(path string) (known []Pin, text []byte, err error) {
	text, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read known clusters: %w", err)
	}
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		pin, err := parsePin(line)
		if err != nil {
			return nil, nil, &PinError{Path: path, Line: n + 1, Reason: err.Error()}
		}
		known = append(known, pin)
	}
	return known, text, nil
}

func parsePin(line string) (p Pin, err error) {
	f := strings.SplitN(line, " ", 4)
	if len(f) != 4 {
		return p, errors.New(`want: cluster id, public key, date, "name"`)
	}
	id, err := hex.DecodeString(f[0])
	if err != nil || len(id) != len(p.Cluster) {
		return p, errors.New("cluster id is not 32 hexadecimal digits")
	}
	p.Cluster = wire.ClusterID(id)
	if p.Authority, err = hex.DecodeString(f[1]); err != nil {
		return p, errors.New("public key is not hexadecimal")
	}
	if p.First, err = time.Parse(time.RFC3339, f[2]); err != nil {
		return p, errors.New("date is not of the form 2006-01-02T15:04:05Z")
	}
	if p.Label, err = strconv.Unquote(f[3]); err != nil {
		return p, errors.New("cluster name is not in double quotes")
	}
	return p, p.valid()
}
