package wire

import "time"

// letter is one message on its way to a peer.
type letter struct {
	handle uint64 // what Send returned; zero: nobody waits for it any more
	frame  frame
	sent   int       // transmissions
	due    time.Time // next transmission
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

// drop gives up everything. What is in flight becomes void: its ids still have to be acknowledged, so that the peer's
// base moves on.
func (o *outbox) drop() {
	o.queue, o.loose = nil, nil
	for i := range o.flight {
		l := &o.flight[i]
		l.handle, l.frame.Kind, l.frame.Payload = 0, kindVoid, nil
	}
}

// gather takes the frames of the next datagram: loose messages first, then retransmissions, then new ones. again tells
// when a letter that has been transmitted n times is due again.
func (o *outbox) gather(now time.Time, again func(n int) time.Time) (frames []frame, repeats int) {
	room := MaxDatagram - overhead - bodyOverhead
	fits := func(f frame) bool { return len(frames) < maxFrames && f.size() <= room }
	put := func(f frame) {
		frames = append(frames, f)
		room -= f.size()
	}
	for len(o.loose) > 0 && fits(o.loose[0].frame) {
		put(o.loose[0].frame)
		o.loose = o.loose[1:]
	}
	for i := range o.flight {
		l := &o.flight[i]
		if l.due.After(now) || !fits(l.frame) {
			continue
		}
		put(l.frame)
		l.sent++
		l.due = again(l.sent)
		repeats++
	}
	for len(o.queue) > 0 && o.open() {
		l := o.queue[0]
		l.frame.ID = o.last + 1
		if !fits(l.frame) {
			break
		}
		o.last++
		o.queue = o.queue[1:]
		put(l.frame)
		l.sent, l.due = 1, again(1)
		o.flight = append(o.flight, l)
	}
	return frames, repeats
}
