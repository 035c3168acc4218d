package node

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2pnode/wire"
)

// An upload that is passed through needs no slot once its rows are woven, so it is done however many others wait for one.
func TestPassedThroughUploadsDoNotStarve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(1200, 1000)
		l, _ := o.begin(picture, "slow", len(picture)/8)
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(context.Background())
		slots := o.posts[0].transport.slots
		var jobs atomic.Int32
		for range 2 {
			go func() {
				for ctx.Err() == nil && slots.take(ctx, "other", 1) == nil {
					time.Sleep(time.Second)
					jobs.Add(1)
					slots.give(1)
				}
			}()
		}
		time.Sleep(time.Second)
		go l.Write(picture[len(picture)/8:])
		if _, tr := l.result(); tr.Code != wire.CodeOK || jobs.Load() > 6 {
			t.Errorf("%v after %d jobs of others, want OK after 6 at most", tr.Code, jobs.Load())
		}
		cancel()
		time.Sleep(3 * time.Second)
	})
}

// A client that leaves while its upload waits for a slot does not keep the job's turn.
func TestUploadThatWaitsNoticesItsClientLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "a")
		picture := photo(1200, 1000)
		l, q := o.begin(picture, "slow", 33<<10)
		time.Sleep(time.Second)
		slots := o.posts[0].transport.slots
		if !slots.try(1) {
			t.Fatal("no slot is free while bytes are awaited")
		}
		l.write(picture[33<<10 : 34<<10])
		time.Sleep(time.Second)
		l.CancelRead(abandoned)
		l.CancelWrite(abandoned)
		time.AfterFunc(20*time.Second, func() { slots.give(1) })
		began := time.Now()
		again := o.call(o.posts[0])
		again.say(q)
		if r := again.response(); !r.Accepted || time.Since(began) > time.Second {
			t.Errorf("the next stream: accepted %v after %v, want at once", r.Accepted, time.Since(began))
		}
		again.write(picture)
		if _, tr := again.result(); tr.Code != wire.CodeOK {
			t.Errorf("its job: %v", tr.Code)
		}
	})
}
