package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"p2pnode/node"
	"p2pnode/stego"
	"p2pnode/wire"
)

func TestErrorsHaveTheirExitStatus(t *testing.T) {
	var p program
	path := func(err error) error { return &fs.PathError{Op: "open", Path: "x", Err: err} }
	for _, c := range []struct {
		err  error
		code wire.Code
		exit int
	}{
		{usagef("x"), wire.CodeUsage, 2},
		{configf("x"), wire.CodeConfig, 2},
		{path(syscall.ENOSPC), wire.CodeIO, 1},
		{fmt.Errorf("write image: %w", path(syscall.ENOSPC)), wire.CodeIO, 1},
		{path(os.ErrNotExist), wire.CodeNotFound, 1},
		{path(os.ErrExist), wire.CodeExists, 1},
		{path(os.ErrPermission), wire.CodeIO, 1},
		{&stego.CapacityError{Need: 2, Have: 1}, wire.CodeCapacity, 5},
		{&stego.LimitError{Pixels: 2, Max: 1}, wire.CodeTooManyPixels, 5},
		{&stego.FormatError{Kind: "png"}, wire.CodeBadImage, 5},
		{&stego.UnsupportedError{}, wire.CodeUnsupported, 5},
		{fmt.Errorf("x.png: %w", stego.ErrNoPayload), wire.CodeNoPayload, 6},
		{&stego.VerifyError{}, wire.CodeVerify, 8},
		{node.ErrNoCluster, wire.CodeNoCluster, 4},
		{&node.SearchError{Reason: node.ErrNoLeader, Cause: context.DeadlineExceeded}, wire.CodeNoLeader, 4},
		{&node.RemoteError{Code: wire.CodeUnauthorized}, wire.CodeUnauthorized, 7},
		{&node.RemoteError{Code: wire.CodeQuota}, wire.CodeQuota, 7},
		{context.DeadlineExceeded, wire.CodeTimeout, 124},
		{errors.New("anything"), wire.CodeInternal, 1},
	} {
		f := p.explain(c.err)
		if f.Code != c.code || f.exit() != c.exit {
			t.Errorf("explain(%v) is %v, exit %d; want %v, exit %d", c.err, f.Code, f.exit(), c.code, c.exit)
		}
	}
}

func TestSignalsHaveTheirExitStatus(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(interrupted{syscall.SIGTERM})
	p := program{signals: &signals{ctx: ctx}}
	for _, err := range []error{context.Canceled, context.Cause(ctx)} {
		if f := p.explain(fmt.Errorf("job: %w", err)); f.exit() != 143 || f.Code != wire.CodeCancelled {
			t.Errorf("SIGTERM ends with %d %v after %v, want 143 CANCELLED", f.exit(), f.Code, err)
		}
	}
}

func TestFailureSaysWhatWasTriedAndWhatIsNext(t *testing.T) {
	var out bytes.Buffer
	f := failf(wire.CodeNoCluster, "no server answered").tried("broadcast on eth0", "127.0.0.1").next("p2pnode serve")
	f.print(&out)
	const want = "p2pnode: no server answered\n  tried broadcast on eth0\n  tried 127.0.0.1\n  next  p2pnode serve\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if got, want := f.hint(), "broadcast on eth0; 127.0.0.1; next: p2pnode serve"; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
}

// Where only unknown clusters answer, another server would not help: the user has to say that they are trusted.
func TestUnknownClusterIsExplained(t *testing.T) {
	var p program
	id := wire.ClusterID{0xea, 0x9b, 0x68, 0x20}
	unknown := &node.UnknownClusterError{List: []node.ClusterInfo{{ID: id, Name: "other", Server: "10.0.0.1:47470"}}}
	f := p.explain(&node.SearchError{Reason: unknown, Cause: context.DeadlineExceeded})
	var b bytes.Buffer
	f.print(&b)
	for _, want := range []string{"other", "--cluster ea9b6820", "--trust"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, b.String())
		}
	}
	if f.exit() != 4 {
		t.Errorf("exit %d, want 4", f.exit())
	}
}
