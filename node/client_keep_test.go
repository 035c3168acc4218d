package node

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"

	"p2pnode/wire"
)

// A job that has its secret from its client and keeps its result is made once, however often it is asked for; and that secret
// is of no use for anything else.
func TestKeptResultIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a", "b")
		picture := photo(200, 150)
		j := jobFor(t, picture, "kept")
		j.Secret, j.Keep = []byte("0123456789abcdef"), true
		first, err := o.client(nil).Encrypt(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		again := j
		again.Output = jobFor(t, picture, "kept").Output
		second, err := o.client(nil).Encrypt(t.Context(), again)
		if err != nil || second.SHA256 != first.SHA256 || second.Job != first.Job {
			t.Fatalf("again: %+v, %v, want the result of %+v", second, err, first)
		}
		wantText(t, again, "kept")
		if e := o.page(); e.done != 1 || e.acked != 0 || e.cancelled != 0 {
			t.Errorf("ledger %+v, want the job done once, neither acknowledged nor cancelled", e)
		}
		other := jobFor(t, picture, "other")
		other.Secret, other.Keep = j.Secret, true
		var remote *RemoteError
		if _, err := o.client(nil).Encrypt(t.Context(), other); !errors.As(err, &remote) || remote.Code != wire.CodeConflict {
			t.Errorf("another text under the same secret: %v, want CONFLICT", err)
		}
		if info, err := os.Stat(other.Output.Name()); err != nil || info.Size() != 0 {
			t.Errorf("the conflicting job got %d bytes, %v", info.Size(), err)
		}
	})
}

func TestJobSecretHasItsLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		j := jobFor(t, photo(200, 150), "short")
		j.Secret = []byte("too short")
		if _, err := o.client(nil).Encrypt(t.Context(), j); err == nil {
			t.Error("a secret of nine bytes was taken")
		}
	})
}
