package node

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"p2pnode/wire"
)

// A slow upload is cut off only while others wait for its place; one that stands still is cut off anyway.
func TestSlowUploadIsCut(t *testing.T) {
	for _, c := range []struct {
		name    string
		every   time.Duration // between two kilobytes
		crowded bool
		cut     bool
	}{
		{"slow and alone", time.Second, false, false},
		{"slow in a crowd", time.Second, true, true},
		{"silent and alone", time.Minute, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { drip(t, c.every, c.crowded, c.cut) })
		})
	}
}

func drip(t *testing.T, every time.Duration, crowded, cut bool) {
	o := newOffice(t, "a")
	picture := photo(150, 100)
	q := requestFor(jobFor(t, picture, "slow"), picture)
	if crowded { // every other place is taken
		leave, _ := o.posts[0].transport.lobby.admit("others", allowance{places: 4})
		defer leave()
	}
	l := o.call(o.posts[0])
	l.say(q)
	l.response()
	done := make(chan error, 1)
	go func() {
		for rest := picture; len(rest) > 0; {
			n := min(1024, len(rest))
			if _, err := l.Write(rest[:n]); err != nil {
				done <- err
				return
			}
			rest = rest[n:]
			time.Sleep(every)
		}
		done <- nil
	}()
	_, tr := l.result()
	if got := tr.Code == wire.CodeTimeout; got != cut {
		t.Errorf("trailer %v, want cut: %v", tr.Code, cut)
	}
	if err := <-done; (err != nil) != cut {
		t.Errorf("upload: %v, want cut: %v", err, cut)
	}
}

// A full waiting room refuses for now.
func TestFullRoomIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		leave, _ := o.posts[0].transport.lobby.admit("others", allowance{places: 5})
		defer leave()
		picture := photo(60, 60)
		l := o.call(o.posts[0])
		l.say(requestFor(jobFor(t, picture, "x"), picture))
		if r := l.response(); r.Code != wire.CodeBusy || r.Retry == 0 {
			t.Errorf("%+v, want BUSY for now", r)
		}
	})
}

// Cancelling from a second stream ends a waiting job.
func TestCancelEndsAWaitingJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		slots := o.posts[0].transport.slots
		slots.try(1) // no worker is free
		defer slots.give(1)
		picture := photo(200, 150)
		l := o.call(o.posts[0])
		l.say(requestFor(jobFor(t, picture, "x"), picture))
		l.response()
		l.write(picture)
		time.Sleep(time.Second)
		stranger := o.call(o.posts[0])
		stranger.say(wire.TaskCancel{Secret: bytes.Repeat([]byte{9}, secretSize)})
		io.Copy(io.Discard, stranger)
		if e := o.page(); e.cancelled != 0 {
			t.Fatal("cancelled with another secret")
		}
		owner := o.call(o.posts[0])
		owner.say(wire.TaskCancel{Secret: testSecret})
		io.Copy(io.Discard, owner)
		if _, tr := l.result(); tr.Code != wire.CodeCancelled {
			t.Errorf("%+v, want CANCELLED", tr)
		}
		if e := o.page(); e.cancelled != 1 || e.done != 0 {
			t.Errorf("ledger %+v, want cancelled and not done", e)
		}
	})
}

// A server that stops lets running jobs end, and begins no more.
func TestStoppingServerFinishesItsJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		tr := o.posts[0].transport
		tr.slots.try(1)
		picture := photo(200, 150)
		working, uploading := o.call(o.posts[0]), o.call(o.posts[0])
		working.say(requestFor(jobFor(t, picture, "x"), picture))
		working.response()
		working.write(picture)
		q := requestFor(jobFor(t, picture, "y"), picture)
		q.Secret = bytes.Repeat([]byte{5}, secretSize)
		uploading.say(q)
		uploading.response()
		uploading.write(picture[:100])
		time.Sleep(time.Second)

		finished := make(chan struct{})
		go func() {
			defer close(finished)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			tr.finish(ctx)
		}()
		if _, x := uploading.result(); x.Code != wire.CodeBusy {
			t.Errorf("the upload ended with %v, want BUSY", x.Code)
		}
		tr.slots.give(1)
		got, x := working.result()
		if x.Code != wire.CodeOK || len(got) == 0 {
			t.Errorf("the running job ended with %+v", x)
		}
		working.say(wire.TaskAck{Job: jobIDOf(testSecret), Result: x.Result})
		<-finished
		if tr.soft.Err() == nil || o.jobs[jobIDOf(testSecret)].acked != 1 {
			t.Error("the server is not stopped, or the last acknowledgement was lost")
		}
	})
}

// One source may hold so many connections and no more.
func TestConnectionsOfOneSourceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		a := &assignment{
			TaskAssignmentResponse: wire.TaskAssignmentResponse{Server: o.posts[0].node()}, Authority: o.ident.Authority,
			From: addrPort(o.posts[0].control.LocalAddr()),
		}
		var refused error
		made := 0
		for range maxFromOne + 1 {
			_, _, err := o.client(nil).dial.connect(t.Context(), a)
			if err != nil {
				refused = err
				break
			}
			made++
		}
		if made != maxFromOne || !errors.Is(refused, ErrUnreachable) {
			t.Errorf("%d connections, then %v; want %d, then a refusal", made, refused, maxFromOne)
		}
		if n := o.posts[0].transport.guests.count(); n != maxFromOne {
			t.Errorf("%d guests counted, want %d", n, maxFromOne)
		}
	})
}

// Of the connections that one source may have, lanes leave some to jobs.
func TestLanesLeaveRoomForJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		ask := func(length uint64) error {
			l := o.call(o.posts[0])
			l.say(wire.Fetch{Secret: testSecret, Length: length})
			_, err := expect[wire.TaskResponse](l)
			return err
		}
		for i := range maxFromOne - sparedForJobs {
			if err := ask(1); err != nil {
				t.Fatalf("lane %d: %v", i+1, err)
			}
		}
		var closed *quic.ApplicationError
		if err := ask(1); !errors.As(err, &closed) || closed.ErrorCode != closedScarce {
			t.Errorf("one more lane: %v, want it closed with code %d", err, closedScarce)
		}
		for i := range sparedForJobs {
			if err := ask(0); err != nil {
				t.Errorf("job %d: %v", i+1, err)
			}
		}
	})
}

// Who announces large frames and lets them trickle keeps no other source's out.
func TestLargeFramesOfOneSourceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		head := binary.BigEndian.AppendUint32(nil, wire.MaxFrame)
		var held []line
		for range frameBytes / wire.MaxFrame {
			l := o.call(o.posts[0])
			l.write(head)
			held = append(held, l)
		}
		synctest.Wait()
		text := make([]byte, smallFrame*5/4)
		rand.NewChaCha8([32]byte{1}).Read(text)
		j := jobFor(t, photo(800, 600), base64.StdEncoding.EncodeToString(text))
		k := o.client(func(c *ClientConfig) {
			c.Listen = func() (net.PacketConn, error) {
				return o.hub.Listen(netip.AddrPortFrom(netip.MustParseAddr("10.0.0.98"), 0))
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if r, err := k.Encrypt(ctx, j); err != nil || r.Attempts != 1 {
			t.Errorf("Encrypt from elsewhere: %v after %d attempts, want 1", err, r.Attempts)
		}
		for _, l := range held {
			l.CancelWrite(abandoned)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		g := o.posts[0].transport.guests
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.frames != 0 || len(g.large) != 0 {
			t.Errorf("%d bytes of frames are still set aside", g.frames)
		}
	})
}

// A connection that opens no stream is closed after a while, and no longer counted.
func TestUnusedConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		l := o.call(o.posts[0])
		l.say(wire.Query{What: "weather"})
		if r, err := expect[wire.Report](l); err != nil || r.Code != wire.CodeUsage {
			t.Errorf("Query(weather) = %+v, %v, want USAGE", r, err)
		}
		time.Sleep(2*unusedTimeout + time.Second)
		if n := o.posts[0].transport.guests.count(); n != 0 {
			t.Errorf("%d connections are still counted", n)
		}
	})
}

// Nonsense on a stream costs that stream and nothing else.
func TestNonsenseOnAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		for i, p := range [][]byte{{0xff, 0xff, 0xff, 0xff, 1}, {0, 0, 0, 1, 99}, {0, 0, 0, 5, 1, 0xa0, 0, 0, 0}, bytes.Repeat([]byte{0}, 100)} {
			l := o.call(o.posts[0])
			l.write(p)
			l.Close()
			if got, err := io.ReadAll(l); err == nil && len(got) > 0 {
				t.Errorf("nonsense %d was answered with %d bytes", i, len(got))
			}
		}
		l := o.call(o.posts[0])
		l.say(wire.Query{What: "status"})
		if r, err := expect[wire.Report](l); err != nil || string(r.JSON) != `{"self":"a"}` {
			t.Errorf("status afterwards = %s, %v", r.JSON, err)
		}
		l = o.call(o.posts[0])
		l.say(wire.TaskAck{})
		if r := l.response(); r.Code != wire.CodeUsage {
			t.Errorf("a stream that begins with an acknowledgement: %+v, want USAGE", r)
		}
	})
}
