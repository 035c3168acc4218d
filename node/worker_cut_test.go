package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/wire"
)

// wantNothingLeft checks that a server keeps no file and no place for jobs that came to nothing.
func (p *post) wantNothingLeft() {
	p.o.t.Helper()
	time.Sleep(time.Second)
	for _, dir := range []string{"results", "spool"} {
		if files, err := os.ReadDir(filepath.Join(p.transport.cfg.Dir, dir)); err != nil || len(files) > 0 {
			p.o.t.Errorf("%s: %v, %v; want nothing", dir, files, err)
		}
	}
	if u := p.results.Usage(); u.Results != 0 || u.Spooled != 0 {
		p.o.t.Errorf("usage %+v, want none", u)
	}
	p.wantIdle()
}

// wantIdle checks that no job holds anything.
func (p *post) wantIdle() {
	p.o.t.Helper()
	t := p.transport
	if n := t.lobby.jobs(); n != 0 {
		p.o.t.Errorf("%d jobs are still counted", n)
	}
	for _, s := range []struct {
		name string
		of   *supply
		want int64
	}{{"slots", t.slots, int64(t.cfg.Workers)}, {"memory", t.memory, decodedBytes}, {"passing", t.passing, passingBytes}} {
		s.of.mu.Lock()
		if s.of.left != s.want {
			p.o.t.Errorf("%d of %d %s are left", s.of.left, s.want, s.name)
		}
		s.of.mu.Unlock()
	}
}

// begin opens the stream of a job and sends so many bytes of its image.
func (o *office) begin(picture []byte, text string, n int) (line, wire.TaskRequest) {
	o.t.Helper()
	q := requestFor(jobFor(o.t, picture, text), picture)
	l := o.call(o.posts[0])
	l.say(q)
	if r := l.response(); !r.Accepted || r.Stored {
		o.t.Fatalf("%+v, want accepted for upload", r)
	}
	l.write(picture[:n])
	return l, q
}

// The result's beginning leaves while the image comes, and is what a whole image gives.
func TestResultBeginsBeforeTheUploadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		timed := make(timings, 1)
		o.posts[0].transport.cfg.Metrics = timed
		picture := photo(1200, 1000)
		j := jobFor(t, picture, "early")
		l := o.call(o.posts[0])
		l.say(requestFor(j, picture))
		l.response()
		l.write(picture[:len(picture)/2])
		early := make([]byte, len(picture)/8)
		out := wire.NewChunkReader(l)
		if _, err := io.ReadFull(out, early); err != nil {
			tr, _ := expect[wire.TaskTrailer](l)
			t.Fatalf("result while half of the image is here: %v, %+v", err, tr)
		}
		if e := o.page(); e.done != 0 {
			t.Fatalf("ledger %+v: done before the image is here", e)
		}
		if u := o.posts[0].results.Usage(); u.Spooled > int64(len(picture))/4 {
			t.Errorf("%d of %d bytes are spooled, want those of the header", u.Spooled, len(picture))
		}
		time.Sleep(time.Second)
		l.write(picture[len(picture)/2:])
		late, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		if want := localResult(t, j, picture); !bytes.Equal(append(early, late...), want) {
			t.Errorf("%d bytes came, want the %d that an image on disk gives", len(early)+len(late), len(want))
		}
		if tr, err := expect[wire.TaskTrailer](l); err != nil || tr.Code != wire.CodeOK {
			t.Errorf("trailer %+v, %v", tr, err)
		}
		if e := o.page(); e.done != 1 {
			t.Errorf("ledger %+v, want done before the trailer", e)
		}
		if took := <-timed; took.First <= 0 || took.First > 100*time.Millisecond || took.Queued > took.First {
			t.Errorf("%+v, want the first byte long before the upload's end", took)
		}
	})
}

// timings are those of jobs that ended.
type timings chan Timing

func (c timings) JobDone(_ wire.Code, t Timing, _ int64) { c <- t }
func (c timings) Delivered(time.Duration, int64)         {}
func (c timings) Elected(time.Duration)                  {}
func (c timings) RoundTrip(time.Duration)                {}

// A client that vanishes in the middle of its upload leaves nothing behind, and another stream may bring the job.
func TestClientDiesInCutThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(1200, 1000)
		l, q := o.begin(picture, "gone", len(picture)/2)
		if _, err := io.ReadFull(wire.NewChunkReader(l), make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		o.vanish(l, q, picture)
	})
}

// vanish has the client of a line go without a word: nothing of its job may stay, and another stream brings it.
func (o *office) vanish(l line, q wire.TaskRequest, picture []byte) {
	o.t.Helper()
	l.CancelRead(abandoned)
	l.CancelWrite(abandoned)
	o.posts[0].wantNothingLeft()
	again := o.call(o.posts[0])
	again.say(q)
	again.response()
	again.write(picture)
	if got, tr := again.result(); tr.Code != wire.CodeOK || sha256.Sum256(got) != tr.Result {
		o.t.Errorf("the second stream got %d bytes and %+v", len(got), tr)
	}
	o.posts[0].wantIdle()
}

// A client that reads nothing keeps its result from nobody: it is stored, and given to whoever asks for it.
func TestClientThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(600, 400)
		q := requestFor(jobFor(t, picture, "deaf"), picture)
		deaf := o.narrow(o.posts[0], 16<<10)
		deaf.say(q)
		deaf.response()
		deaf.write(picture)
		time.Sleep(time.Second)
		if e := o.page(); e.done != 1 {
			t.Fatalf("ledger %+v, want the job done", e)
		}
		o.posts[0].wantIdle()
		other := o.call(o.posts[0])
		other.say(wire.Fetch{Secret: testSecret})
		other.response()
		if got, tr := other.result(); tr.Code != wire.CodeOK || uint64(len(got)) != tr.Size {
			t.Errorf("%d bytes came, trailer %+v", len(got), tr)
		}
	})
}

// narrow opens a stream through which a server may send only so many bytes until they are read.
func (o *office) narrow(p *post, window uint64) line {
	o.t.Helper()
	k := o.client(nil)
	k.dial.config.InitialStreamReceiveWindow, k.dial.config.MaxStreamReceiveWindow = window, window
	return o.lineOf(k, p)
}

// An image that turns out to be another one than was announced makes what has left of its result void.
func TestWrongDigestAfterCutThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(600, 400)
		q := requestFor(jobFor(t, picture, "x"), picture)
		q.Image[0]++
		l := o.call(o.posts[0])
		l.say(q)
		l.response()
		l.write(picture)
		got, tr := l.result()
		if tr.Code != wire.CodeConflict || len(got) == 0 {
			t.Errorf("%d bytes, then %+v; want some, then CONFLICT", len(got), tr)
		}
		if e := o.page(); e.done != 0 || e.code != wire.CodeConflict {
			t.Errorf("ledger %+v, want the conflict and no result", e)
		}
		o.posts[0].wantNothingLeft()
	})
}

// An image that is damaged near its end is refused where the damage is, and what has left is void.
func TestDamagedImageAfterCutThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(600, 400)
		copy(picture[len(picture)-12:], "\x00\x00\x00\x00IENX")
		l := o.call(o.posts[0])
		l.say(requestFor(jobFor(t, photo(600, 400), "x"), picture))
		l.response()
		l.write(picture)
		if got, tr := l.result(); tr.Code != wire.CodeBadImage && tr.Code != wire.CodeUnsupported || len(got) == 0 {
			t.Errorf("%d bytes, then %+v; want some, then a refusal", len(got), tr)
		}
		o.posts[0].wantNothingLeft()
	})
}

// Cancelling in the middle of an upload ends it with its code, and leaves nothing.
func TestCancelInCutThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(600, 400)
		l, _ := o.begin(picture, "never mind", len(picture)/2)
		owner := o.call(o.posts[0])
		owner.say(wire.TaskCancel{Secret: testSecret})
		io.Copy(io.Discard, owner)
		if got, tr := l.result(); tr.Code != wire.CodeCancelled || len(got) == 0 {
			t.Errorf("%d bytes, then %+v; want some, then CANCELLED", len(got), tr)
		}
		o.posts[0].wantNothingLeft()
	})
}

// A server that stops in the middle of an upload says so, after what has left already.
func TestStopInCutThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(600, 400)
		l, _ := o.begin(picture, "x", len(picture)/2)
		time.Sleep(time.Second)
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			o.posts[0].transport.finish(ctx)
		}()
		if got, tr := l.result(); tr.Code != wire.CodeBusy || len(got) == 0 {
			t.Errorf("%d bytes, then %+v; want some, then BUSY", len(got), tr)
		}
		<-finished
	})
}

// An upload that trickles in has no slot while it is waited for, and one that cannot be worked on as it comes gets none either.
func TestSlowUploadHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(600, 400)
		slow, _ := o.begin(picture, "slow", len(picture)/2)
		time.Sleep(time.Second)
		began := time.Now()
		q := requestFor(jobFor(t, picture, "quick"), picture)
		q.Secret = bytes.Repeat([]byte{5}, secretSize)
		quick := o.call(o.posts[0])
		quick.say(q)
		quick.response()
		quick.write(picture)
		if _, tr := quick.result(); tr.Code != wire.CodeOK || time.Since(began) > time.Second {
			t.Errorf("%+v after %v, want OK at once: the only worker waits for a slow upload", tr, time.Since(began))
		}
		slow.write(picture[len(picture)/2:])
		if _, tr := slow.result(); tr.Code != wire.CodeOK {
			t.Errorf("the slow one: %+v, want OK", tr)
		}
		o.posts[0].wantIdle()
	})
}

// Jobs that wait for a worker are served by source in turn: who brings one waits for one of those of who brings many.
func TestWaitingJobsAreServedBySourceInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		tr := o.posts[0].transport
		tr.cfg.Waiting = 64
		tr.lobby = newLobby(allowance{places: 65, memory: payloadBytes, disk: 1 << 30})
		tr.slots.try(1)
		picture := photo(100, 75)
		bring := func(host string, secret byte) {
			k := o.client(func(c *ClientConfig) {
				c.Listen = func() (net.PacketConn, error) { return o.hub.Listen(netip.AddrPortFrom(netip.MustParseAddr(host), 0)) }
			})
			q := requestFor(jobFor(t, picture, fmt.Sprint("job ", secret)), picture)
			q.Secret = bytes.Repeat([]byte{secret}, secretSize)
			l := o.lineOf(k, o.posts[0])
			l.say(q)
			l.response()
			l.write(picture)
			synctest.Wait()
			time.Sleep(10 * time.Millisecond) // until it waits
		}
		for i := range 20 {
			bring("10.0.0.98", byte(1+i))
		}
		bring("10.0.0.97", 100)
		bring("10.0.0.97", 101)
		tr.slots.give(1)
		time.Sleep(time.Second)
		order := o.order()
		for i, secret := range []byte{1, 100, 2, 101, 3} {
			if len(order) < 22 || order[i] != jobIDOf(bytes.Repeat([]byte{secret}, secretSize)) {
				t.Fatalf("%d jobs began, number %d is not job %d", len(order), i, secret)
			}
		}
	})
}

// lineOf opens a stream of a client.
func (o *office) lineOf(k *Client, p *post) line {
	o.t.Helper()
	a := &assignment{
		TaskAssignmentResponse: wire.TaskAssignmentResponse{Server: p.node()}, Authority: o.ident.Authority,
		From: addrPort(p.control.LocalAddr()),
	}
	conn, _, err := k.dial.connect(o.t.Context(), a)
	if err != nil {
		o.t.Fatal(err)
	}
	s, err := conn.OpenStreamSync(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	return line{o.t, s}
}
