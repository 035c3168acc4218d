package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"p2pnode/stego"
	"p2pnode/wire"
)

var (
	// ErrNoCluster means that no server answered at all.
	ErrNoCluster = errors.New("node: no server answered")
	// ErrNoLeader means that servers answered, but none of them leads or would assign the job.
	ErrNoLeader = errors.New("node: no leader")
	// ErrUnreachable means that the servers a job was assigned to could not be reached.
	ErrUnreachable = errors.New("node: server unreachable")
	// ErrVerify means that a result was not what hiding the payload in the image makes.
	ErrVerify = errors.New("node: result failed verification")
)

// RemoteError is what another node told us. It is never what we found ourselves.
type RemoteError struct {
	From        string // the name of the server
	Code        wire.Code
	Detail      string
	Need, Limit int64 // the numbers of CAPACITY and TOO_MANY_PIXELS; zero otherwise

	retry bool // asking again, perhaps elsewhere, may help
}

func (e *RemoteError) Error() string {
	text := fmt.Sprintf("node: %s refused: %s", e.From, e.Code)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// OversizeError means that a server sent, or announced, more bytes than any result for the job's image can have. The rest
// is not taken.
type OversizeError struct {
	Server string // its name
	Most   int64  // bytes, of a result for this image
}

func (e *OversizeError) Error() string {
	return fmt.Sprintf("%v: %s sends more than the %d bytes that a result for this image can have", ErrVerify, e.Server, e.Most)
}

// Unwrap makes it one of the ways to fail verification.
func (e *OversizeError) Unwrap() error { return ErrVerify }

// SearchError tells why a job found no server before its context ended.
type SearchError struct {
	Reason error    // ErrNoCluster, ErrNoLeader, ErrUnreachable, a *RemoteError or one of the cluster errors
	Cause  error    // of the context
	Tried  []string // what was asked, one line each
}

func (e *SearchError) Error() string { return e.Reason.Error() }

// Unwrap lets errors.Is find both the reason and the context's error.
func (e *SearchError) Unwrap() []error { return []error{e.Reason, e.Cause} }

// ClusterInfo names a cluster that answered.
type ClusterInfo struct {
	ID     wire.ClusterID
	Name   string
	Server string // the address of the server that answered first
}

func (i ClusterInfo) String() string {
	return fmt.Sprintf("%s (%s) at %s", i.Name, hex.EncodeToString(i.ID[:4]), i.Server)
}

// SeveralClustersError means that more than one cluster answered and nothing says which is meant.
type SeveralClustersError struct{ List []ClusterInfo }

func (e *SeveralClustersError) Error() string {
	return "node: several clusters answer: " + joined(e.List)
}

// UnknownClusterError means that only clusters answered which this user has not pinned.
type UnknownClusterError struct{ List []ClusterInfo }

func (e *UnknownClusterError) Error() string {
	return "node: only unknown clusters answer: " + joined(e.List)
}

func joined(list []ClusterInfo) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.String()
	}
	return strings.Join(words, ", ")
}

// CodeOf returns the code that a command reports for err: what was told or found, before that time ran out.
func CodeOf(err error) wire.Code {
	var remote *RemoteError
	var several *SeveralClustersError
	var unknown *UnknownClusterError
	var local *localError
	switch {
	case err == nil:
		return wire.CodeOK
	case errors.As(err, &remote):
		return remote.Code
	case errors.As(err, &several):
		return wire.CodeUsage
	case errors.As(err, &unknown), errors.Is(err, ErrNoCluster):
		return wire.CodeNoCluster
	case errors.Is(err, ErrNoLeader):
		return wire.CodeNoLeader
	case errors.Is(err, ErrUnreachable):
		return wire.CodeUnreachable
	case errors.Is(err, ErrVerify):
		return wire.CodeVerify
	case errors.As(err, &local):
		return wire.CodeIO
	case errors.Is(err, context.DeadlineExceeded):
		return wire.CodeTimeout
	case errors.Is(err, context.Canceled):
		return wire.CodeCancelled
	}
	return imageCode(err)
}

// imageCode returns the code of an error of package stego, CodeInternal for any other.
func imageCode(err error) wire.Code {
	code, _, _ := imageNumbers(err)
	return code
}

// imageNumbers returns the code of an error of package stego with its two numbers, if it has any.
func imageNumbers(err error) (code wire.Code, need, limit int64) {
	var capacity *stego.CapacityError
	var pixels *stego.LimitError
	var format *stego.FormatError
	var unsupported *stego.UnsupportedError
	switch {
	case errors.As(err, &capacity):
		return wire.CodeCapacity, capacity.Need, capacity.Have
	case errors.As(err, &pixels):
		return wire.CodeTooManyPixels, pixels.Pixels, pixels.Max
	case errors.As(err, &format):
		return wire.CodeBadImage, 0, 0
	case errors.As(err, &unsupported):
		return wire.CodeUnsupported, 0, 0
	case errors.Is(err, stego.ErrNoPayload):
		return wire.CodeNoPayload, 0, 0
	}
	return wire.CodeInternal, 0, 0
}

// Tried returns what was asked in vain before err, one line each, for people.
func Tried(err error) []string {
	var search *SearchError
	if errors.As(err, &search) {
		return search.Tried
	}
	return nil
}
