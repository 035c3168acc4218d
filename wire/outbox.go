package wire

import (
	"slices"
	"time"
)

// letter is one message on its way to a peer.
type letter struct {
	handle  uint64 // what Send returned; zero: nobody waits for it any more
	frame   frame
	held    bool      // its acknowledgement waits for the peer's disk
	tries   int       // transmissions for want of an answer
	lost    bool      // the last one is known to be lost
	due     time.Time // next transmission
	counter uint64    // packet of the last transmission
	at      time.Time // when that was
}

// transmitted notes a transmission.
func (l *letter) transmitted(now time.Time, counter uint64, wait time.Duration) {
	l.counter, l.at, l.due = counter, now, now.Add(wait)
}

// outbox is what one session has yet to say (PROTOCOL.md §4.3). A message gets its id at its first transmission, so ids
// on the wire are dense, and at most 64 stand between the oldest unacknowledged one and the newest.
type outbox struct {
	last   uint64   // newest message id given out
	flight []letter // transmitted, unacknowledged, by id
	queue  []letter // reliable, never transmitted
	loose  []letter // NON: leave at the next Take, before all others
}

// window64 is how many ids may be in flight: what the mask of an inbox can tell.
const window64 = 64

// open reports whether another id may be given out.
func (o *outbox) open() bool {
	return len(o.flight) == 0 || o.last-o.flight[0].frame.ID < window64-1
}

// pending reports whether something can leave at once.
func (o *outbox) pending() bool { return len(o.loose) > 0 || len(o.queue) > 0 && o.open() }

// acknowledge removes what the peer has, and returns the handles of it.
func (o *outbox) acknowledge(base, mask uint64) (handles []uint64, news bool) {
	kept := o.flight[:0]
	for _, l := range o.flight {
		if !has(base, mask, l.frame.ID) {
			kept = append(kept, l)
			continue
		}
		news = true
		if l.handle != 0 {
			handles = append(handles, l.handle)
		}
	}
	clear(o.flight[len(kept):])
	o.flight = kept
	return handles, news
}

// has reports whether base and mask acknowledge id.
func has(base, mask, id uint64) bool {
	if id <= base {
		return true
	}
	return id-base <= 64 && mask&(1<<(id-base-1)) != 0
}

// hurry makes what was lost due after wait: the peer has heard packet echo and not an earlier one that held it. What the
// peer holds back may well have arrived.
func (o *outbox) hurry(echo uint64, wait time.Duration) {
	for i := range o.flight {
		if l := &o.flight[i]; l.counter < echo && !l.held && !l.lost {
			l.lost = true
			l.due = sooner(l.due, l.at.Add(wait))
		}
	}
}

// drop gives up everything. What is in flight becomes void: its ids still have to be acknowledged, so that the peer's
// base moves on.
func (o *outbox) drop() {
	o.queue, o.loose = nil, nil
	for i := range o.flight {
		l := &o.flight[i]
		l.handle, l.frame.Kind, l.frame.Payload = 0, kindVoid, nil
	}
}

// parcel is the frames of one datagram.
type parcel struct {
	frames []frame
	room   int
}

// put adds f if there is room.
func (d *parcel) put(f frame) bool {
	if len(d.frames) == maxFrames || f.size() > d.room {
		return false
	}
	d.frames = append(d.frames, f)
	d.room -= f.size()
	return true
}

// ride puts into a datagram that leaves anyway what was sent so long ago that its acknowledgement should have come. That is
// no try, and moves none.
func (o *outbox) ride(d *parcel, now time.Time, counter uint64, stale time.Duration) {
	for i := range o.flight {
		if l := &o.flight[i]; !l.held && now.Sub(l.at) >= stale && d.put(l.frame) {
			l.counter, l.at, l.lost = counter, now, false
		}
	}
}

// gather appends to frames those of packet counter: loose messages first, then what is due again, what is stale, then what
// is new. wait is the patience after the n-th try.
func (o *outbox) gather(frames []frame, now time.Time, counter uint64, stale time.Duration, wait func(n int) time.Duration) (_ []frame, repeats int) {
	d := parcel{frames: frames, room: MaxDatagram - overhead - bodyOverhead}
	n := 0
	for n < len(o.loose) && d.put(o.loose[n].frame) {
		n++
	}
	o.loose = slices.Delete(o.loose, 0, n)
	for i := range o.flight {
		l := &o.flight[i]
		if l.due.After(now) || !d.put(l.frame) {
			continue
		}
		repeats++
		if !l.lost {
			l.tries++
		}
		l.lost = false
		l.transmitted(now, counter, wait(l.tries))
	}
	if len(d.frames) > 0 {
		o.ride(&d, now, counter, stale)
	}
	for len(o.queue) > 0 && o.open() {
		l := o.queue[0]
		l.frame.ID = o.last + 1
		if !d.put(l.frame) {
			break
		}
		o.last++
		o.queue = o.queue[1:]
		l.tries = 1
		l.transmitted(now, counter, wait(1))
		o.flight = append(o.flight, l)
	}
	return d.frames, repeats
}
