package node

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/stego"
	"p2pnode/wire"
)

// line is a stream to a server, as a client of our own making uses it.
type line struct {
	t *testing.T
	*quic.Stream
}

// call opens a stream to a server on a connection of its own.
func (o *office) call(p *post) line {
	o.t.Helper()
	return o.lineOf(o.client(nil), p)
}

func (l line) say(f wire.Frame) {
	l.t.Helper()
	if err := wire.WriteFrame(l, f); err != nil {
		l.t.Fatalf("write %T: %v", f, err)
	}
}

func (l line) write(p []byte) {
	l.t.Helper()
	if _, err := l.Write(p); err != nil {
		l.t.Fatalf("write: %v", err)
	}
}

// response reads a TaskResponse and fails unless it accepts.
func (l line) response() wire.TaskResponse {
	l.t.Helper()
	r, err := expect[wire.TaskResponse](l)
	if err != nil {
		l.t.Fatalf("no response: %v", err)
	}
	return r
}

// result reads chunks and trailer.
func (l line) result() ([]byte, wire.TaskTrailer) {
	l.t.Helper()
	p, err := io.ReadAll(wire.NewChunkReader(l))
	if err != nil {
		l.t.Fatalf("result: %v", err)
	}
	t, err := expect[wire.TaskTrailer](l)
	if err != nil {
		l.t.Fatalf("trailer: %v", err)
	}
	return p, t
}

var testSecret = bytes.Repeat([]byte{3}, secretSize)

// requestFor makes the first frame of a job's stream.
func requestFor(j Job, picture []byte) wire.TaskRequest {
	e := j.Embedding
	return wire.TaskRequest{
		Secret: testSecret, Attempt: 1, Size: uint64(len(picture)), Image: sha256.Sum256(picture),
		Format: uint8(e.Format), Rate: e.Rate, Sealed: e.Sealed, Place: e.Place, Change: e.Change,
	}
}

func localResult(t *testing.T, j Job, picture []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := stego.Embed(&b, bytes.NewReader(picture), j.Embedding, stego.EmbedOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Two streams of one job at the same time: one embedding, two identical answers.
func TestSameJobTwiceIsWorkedOnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(300, 200)
		j := jobFor(t, picture, "once")
		q := requestFor(j, picture)
		first, second := o.call(o.posts[0]), o.call(o.posts[0])
		first.say(q)
		if r := first.response(); !r.Accepted || r.Stored {
			t.Fatalf("first: %+v, want accepted for upload", r)
		}
		first.write(picture[:1000])
		second.say(q)
		time.Sleep(time.Second)
		first.write(picture[1000:])
		got, trailer := first.result()
		if r := second.response(); !r.Stored || r.Offset != 0 {
			t.Errorf("second: %+v, want the stored result from the beginning", r)
		}
		again, trailer2 := second.result()
		if !bytes.Equal(got, again) || trailer.Result != trailer2.Result || !bytes.Equal(got, localResult(t, j, picture)) {
			t.Errorf("results differ: %d and %d bytes", len(got), len(again))
		}
		if e := o.page(); e.begun != 1 || e.done != 1 {
			t.Errorf("ledger %+v, want one embedding", e)
		}
	})
}

// An upload that stalls gives way to a newer stream of its job.
func TestStalledUploadIsSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(300, 200)
		q := requestFor(jobFor(t, picture, "newer"), picture)
		first, second := o.call(o.posts[0]), o.call(o.posts[0])
		first.say(q)
		first.response()
		first.write(picture[:1000])
		time.Sleep(time.Second)
		began := time.Now()
		second.say(q)
		if r := second.response(); !r.Accepted || r.Stored {
			t.Fatalf("second: %+v, want accepted for upload", r)
		}
		if took := time.Since(began); took > 2*stalledAfter {
			t.Errorf("the second waited %v, want at most %v", took, 2*stalledAfter)
		}
		second.write(picture)
		second.result()
		if _, tr := first.result(); tr.Code != wire.CodeBusy {
			t.Errorf("first: %v, want BUSY", tr.Code)
		}
	})
}

// A client that leaves after its upload finds the result when it comes back, from any byte on.
func TestResultWaitsForItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(300, 200)
		j := jobFor(t, picture, "later")
		q := requestFor(j, picture)
		first := o.call(o.posts[0])
		first.say(q)
		first.response()
		first.write(picture)
		time.Sleep(time.Millisecond)
		first.CancelRead(abandoned)
		first.CancelWrite(abandoned)
		time.Sleep(time.Second)
		want := localResult(t, j, picture)

		q.Have, q.Result = 100, sha256.Sum256(want)
		resumed := o.call(o.posts[0])
		resumed.say(q)
		if r := resumed.response(); !r.Stored || r.Offset != 100 || r.Size != uint64(len(want)) {
			t.Errorf("resumed: %+v, want from byte 100", r)
		}
		if got, _ := resumed.result(); !bytes.Equal(got, want[100:]) {
			t.Errorf("%d bytes came, want the %d after the first 100", len(got), len(want)-100)
		}

		other := o.call(o.posts[0])
		other.say(wire.Fetch{Secret: testSecret, Have: 100, Result: wire.Digest{1}})
		if r := other.response(); !r.Stored || r.Offset != 0 {
			t.Errorf("fetch with bytes of another result: %+v, want from the beginning", r)
		}
		got, tr := other.result()
		if !bytes.Equal(got, want) {
			t.Errorf("fetch: %d bytes, want %d", len(got), len(want))
		}
		other.say(wire.TaskAck{Job: jobIDOf(testSecret), Result: tr.Result})
		other.Close()
		io.Copy(io.Discard, other)
		if e := o.page(); e.acked != 1 || e.begun != 1 {
			t.Errorf("ledger %+v, want one embedding, acknowledged", e)
		}

		stranger := o.call(o.posts[0])
		stranger.say(wire.Fetch{Secret: bytes.Repeat([]byte{4}, secretSize)})
		if r := stranger.response(); r.Accepted || r.Code != wire.CodeNotFound {
			t.Errorf("fetch with another secret: %+v, want NOT_FOUND", r)
		}
	})
}

// The same job id with another text is a conflict, while it is under way and afterwards.
func TestSameJobWithOtherContentIsAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(300, 200)
		q := requestFor(jobFor(t, picture, "one"), picture)
		other := requestFor(jobFor(t, picture, "two"), picture)
		first := o.call(o.posts[0])
		first.say(q)
		first.response()
		second := o.call(o.posts[0])
		second.say(other)
		if r := second.response(); r.Code != wire.CodeConflict || r.Retry != 0 {
			t.Errorf("meanwhile: %+v, want CONFLICT", r)
		}
		first.write(picture)
		first.result()
		third := o.call(o.posts[0])
		third.say(other)
		if r := third.response(); r.Code != wire.CodeConflict {
			t.Errorf("afterwards: %+v, want CONFLICT", r)
		}
	})
}

func TestWorkerRefuses(t *testing.T) {
	picture := photo(200, 150)
	for name, c := range map[string]struct {
		change func(*wire.TaskRequest)
		want   wire.Code
	}{
		"unknown format": {func(q *wire.TaskRequest) { q.Format = 9 }, wire.CodeUnsupported},
		"nothing":        {func(q *wire.TaskRequest) { q.Size = 0 }, wire.CodeBadImage},
		"too much":       {func(q *wire.TaskRequest) { q.Size = 65 << 20 }, wire.CodeUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, "a")
				q := requestFor(jobFor(t, picture, "x"), picture)
				c.change(&q)
				l := o.call(o.posts[0])
				l.say(q)
				if r := l.response(); r.Accepted || r.Code != c.want || r.Detail == "" || r.Retry != 0 {
					t.Errorf("%+v, want %v for good", r, c.want)
				}
			})
		})
	}
}

// The desk's refusal reaches the client with its reason and its time.
func TestDeskRefusalIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		o.refuse = &verdict{Code: wire.CodeQuota, Detail: "too many", Retry: 2 * time.Second}
		picture := photo(60, 60)
		l := o.call(o.posts[0])
		l.say(requestFor(jobFor(t, picture, "x"), picture))
		want := wire.TaskResponse{Code: wire.CodeQuota, Detail: "too many", Retry: 2000}
		if r := l.response(); r != want {
			t.Errorf("%+v, want %+v", r, want)
		}
	})
}

// An image that is not one is refused before it has been sent.
func TestBadImageIsRefusedBeforeTheUploadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		text := bytes.Repeat([]byte("no image\n"), 1<<20)
		q := requestFor(jobFor(t, photo(60, 60), "x"), text)
		l := o.call(o.posts[0])
		l.say(q)
		l.response()
		l.write(text[:4096])
		if _, tr := l.result(); tr.Code != wire.CodeUnsupported {
			t.Errorf("%+v, want UNSUPPORTED", tr)
		}
		if e := o.page(); e.code != wire.CodeUnsupported {
			t.Errorf("ledger %+v, want the failure recorded", e)
		}
	})
}

func TestWrongDigestIsAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(200, 150)
		q := requestFor(jobFor(t, picture, "x"), picture)
		q.Image[0]++
		l := o.call(o.posts[0])
		l.say(q)
		l.response()
		l.write(picture)
		if _, tr := l.result(); tr.Code != wire.CodeConflict {
			t.Errorf("%+v, want CONFLICT", tr)
		}
	})
}

func TestRefusalsSayWhatAndWhetherToAskAgain(t *testing.T) {
	for _, c := range []struct {
		err   error
		code  wire.Code
		again bool
	}{
		{fmt.Errorf("write: %w", ErrNoSpace), wire.CodeIO, true},
		{errStopping, wire.CodeBusy, true},
		{errSlow, wire.CodeTimeout, true},
		{errCancelled, wire.CodeCancelled, false},
		{errDigest, wire.CodeConflict, false},
		{&stego.LimitError{Pixels: 9, Max: 5}, wire.CodeTooManyPixels, false},
		{&stego.CapacityError{Need: 9, Have: 5}, wire.CodeCapacity, false},
		{&stego.FormatError{Kind: "png"}, wire.CodeBadImage, false},
		{&stego.UnsupportedError{What: "gif"}, wire.CodeUnsupported, false},
		{errors.New("anything else"), wire.CodeInternal, true},
	} {
		r := refusalOf(c.err)
		if r.code != c.code || (r.retry > 0) != c.again || r.detail == "" {
			t.Errorf("refusalOf(%v) = %+v, want %v, again %v", c.err, r, c.code, c.again)
		}
		if lasting(r.code) == c.again {
			t.Errorf("a client takes %v as lasting: %v, the server says again: %v", r.code, lasting(r.code), c.again)
		}
	}
}
