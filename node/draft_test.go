package node

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// sketch is a draft on a file of its own.
func sketch(t *testing.T) (*draft, func(text string)) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d := newDraft(f)
	return d, func(text string) {
		n, err := f.WriteString(text)
		if err != nil {
			t.Fatal(err)
		}
		d.grow(n)
	}
}

// What is written of a draft is read at once, or after a moment where it is little; its end ends the reading.
func TestDraftIsReadWhileItGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, write := sketch(t)
		r, buf, began := d.follow(t.Context()), make([]byte, 3*fewBytes), time.Now()
		write("few")
		if n, err := r.Read(buf); string(buf[:n]) != "few" || err != nil || time.Since(began) != moreSoon {
			t.Errorf("Read = %q, %v after %v; want few after %v", buf[:n], err, time.Since(began), moreSoon)
		}
		began = time.Now()
		go func() {
			time.Sleep(time.Second)
			write("crumb")
			write(string(make([]byte, fewBytes)))
		}()
		if n, err := r.Read(buf); n != fewBytes+5 || err != nil || time.Since(began) != time.Second {
			t.Errorf("Read = %d, %v after %v; want both after a second", n, err, time.Since(began))
		}
		write("end")
		d.end(io.EOF)
		d.end(errVoid) // the first end counts
		if got, err := io.ReadAll(r); string(got) != "end" || err != nil {
			t.Errorf("ReadAll = %q, %v, want the end", got, err)
		}
		if got, err := io.ReadAll(d.follow(t.Context())); len(got) != 3+5+fewBytes+3 || err != nil {
			t.Errorf("a second reader got %d bytes, %v", len(got), err)
		}
	})
}

// What is void is not read, and who does not want to wait any more does not.
func TestDraftThatIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, write := sketch(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errCancelled) })
		if _, err := d.follow(ctx).Read(make([]byte, 1)); !errors.Is(err, errCancelled) {
			t.Errorf("Read: %v, want why its context ended", err)
		}
		write("something")
		d.end(errVoid)
		if n, err := d.follow(t.Context()).Read(make([]byte, 10)); n != 0 || !errors.Is(err, errVoid) {
			t.Errorf("Read = %d, %v, want nothing and %v", n, err, errVoid)
		}
	})
}
