package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

// explain turns any error into what a person is told, and its code.
func (p *program) explain(err error) *failure {
	if s, ok := errors.AsType[interrupted](context.Cause(p.context())); ok && (errors.Is(err, context.Canceled) || errors.Is(err, s)) {
		return &failure{Code: wire.CodeCancelled, What: s.Error(), Exit: s.exit(), cause: err}
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if f := explainFile(err); f != nil {
		return f
	}
	if f := explainImage(err); f != nil {
		return f
	}
	return explainCluster(err)
}

// context is the run's; before there is one, nothing can have ended it.
func (p *program) context() context.Context {
	if p.signals == nil {
		return context.Background()
	}
	return p.signals.ctx
}

// explainFile names what the operating system said of a file, nil if it said nothing.
func explainFile(err error) *failure {
	var path *fs.PathError
	switch what := plain(err); {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return failf(wire.CodeIO, "disk full: %s", what).next("free some space, or choose another place with -o DIR/")
	case errors.Is(err, fs.ErrNotExist):
		return failf(wire.CodeNotFound, "%s", what)
	case errors.Is(err, fs.ErrExist):
		return failf(wire.CodeExists, "%s", what).next("add --force to replace it")
	case errors.As(err, &path):
		return failf(wire.CodeIO, "%s", what)
	}
	return nil
}

// explainImage is for what package stego finds wrong, nil for anything else.
func explainImage(err error) *failure {
	var capacity *stego.CapacityError
	var pixels *stego.LimitError
	var format *stego.FormatError
	var unsupported *stego.UnsupportedError
	var verify *stego.VerifyError
	var payload *stego.PayloadError
	switch what := plain(err); {
	case errors.As(err, &capacity):
		return failf(wire.CodeCapacity, "%s", what).next("p2pnode capacity IMAGE, or take a larger image or a shorter text")
	case errors.As(err, &pixels):
		return failf(wire.CodeTooManyPixels, "%s", what).next("scale the image down, or raise --max-pixels here and at the servers")
	case errors.As(err, &format):
		return failf(wire.CodeBadImage, "%s", what)
	case errors.As(err, &unsupported):
		return failf(wire.CodeUnsupported, "%s", what)
	case errors.As(err, &payload):
		return failf(wire.CodeUsage, "%s", what)
	case errors.As(err, &verify):
		return failf(wire.CodeVerify, "%s", what)
	case errors.Is(err, stego.ErrNoPayload):
		return failf(wire.CodeNoPayload, "nothing hidden, or sealed with another passphrase").
			next("add --passphrase-file F, or --format classic for files of other LSB tools")
	}
	return nil
}

// explainCluster is for what a Client met.
func explainCluster(err error) *failure {
	code := node.CodeOf(err)
	f := failf(code, "%s", plain(err)).tried(node.Tried(err)...)
	var unknown *node.UnknownClusterError
	if errors.Is(err, context.DeadlineExceeded) {
		f.What = "timed out: " + f.What
	}
	if errors.As(err, &unknown) {
		return f.next("if you trust it: --cluster " + unknown.List[0].ID.String()[:8] + " (or --trust, for whichever answers)")
	}
	return f.next(nextFor(code))
}

// nextFor is the command that helps after a code, if one does.
func nextFor(code wire.Code) string {
	switch code {
	case wire.CodeNoCluster:
		return "p2pnode serve (here or on any machine of this network), or --server HOST:PORT, or --local"
	case wire.CodeNoLeader, wire.CodeNoQuorum:
		return "p2pnode status, and start the servers that are missing"
	case wire.CodeUnreachable:
		return "p2pnode discover, and open UDP 47470-47489 in the firewall"
	case wire.CodeUnauthorized:
		return "p2pnode token --client > client.token at a server, then --token-file client.token here"
	case wire.CodeUsage:
		return "p2pnode discover, then --cluster NAME"
	case wire.CodeTimeout:
		return "p2pnode discover, or a longer --timeout"
	}
	return ""
}

// plain is an error's text without the name of the package that found it.
func plain(err error) string {
	text := err.Error()
	for _, from := range []string{"stego: ", "node: ", "wire: "} {
		text = strings.TrimPrefix(text, from)
		text = strings.ReplaceAll(text, ": "+from, ": ")
	}
	return text
}

// exitSummary lists the exit codes for the help.
func exitSummary() string {
	var lines strings.Builder
	for _, e := range exits {
		fmt.Fprintf(&lines, "\n  %-8s  %s", e.status, e.meaning)
	}
	return lines.String()
}

// exits is the table of README.md and the man page.
var exits = []struct{ status, meaning string }{
	{"0", "ok"},
	{"1", "other: output exists without --force, file not found or not readable, disk full"},
	{"2", "usage or configuration"},
	{"3", "partial: some of several images failed"},
	{"4", "no cluster or server reachable, no leader, or no quorum"},
	{"5", "does not fit, too many pixels, or an unsupported or corrupt image"},
	{"6", "nothing hidden, or another passphrase"},
	{"7", "refused: authentication, busy, quota, conflict, cancelled, expired"},
	{"8", "verification failed"},
	{"124", "timed out"},
	{"130, 143", "ended by SIGINT, SIGTERM"},
}
